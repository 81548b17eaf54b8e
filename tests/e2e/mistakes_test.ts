/**
 * Makes every mistake of the table in `scripts/mistakes.ts` with the real launcher and a real server, and looks for
 * what the table says is printed.
 */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { Effect, Schema, type Scope } from "effect";
import { asking, type Mistake, starting } from "../../scripts/mistakes.ts";
import { it } from "../support/it.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

const launcher = new URL("../../scripts/caisson.ts", import.meta.url).pathname;

/** Longest wait for what a mistake prints; a start takes a second, on a busy machine several. */
const waitMsMax = 300_000;

/** How a mistake is made. */
interface Way {
  readonly args?: ReadonlyArray<string>;
  readonly env?: Readonly<Record<string, string>>;
  readonly dotEnv?: string;
  /** Shell commands run first in the directory. */
  readonly before?: string;
  /** Run with everything that root may do beside its own files taken away. */
  readonly isPowerless?: boolean;
  /** Run with this mount over `disk`. */
  readonly disk?: string;
}

const serve = ["serve"];

const ways: Readonly<Record<keyof typeof starting, Way>> = {
  command: { args: ["srve"] },
  flag: { args: ["serve", "--prt", "1"] },
  secretFlag: { args: ["serve", "--api-keys", "me:key"] },
  port: {},
  lowPort: { env: { AGENT_API_PORT: "81" }, isPowerless: true },
  badPort: { env: { AGENT_API_PORT: "http" } },
  brackets: { env: { AGENT_API_HOST: "[::1]" } },
  open: { env: { AGENT_API_HOST: "0.0.0.0" } },
  keys: { env: { CAISSON_API_KEYS: "onlyakey" } },
  typo: { dotEnv: "AGENT_API_PROT=9000\n" },
  yaml: { dotEnv: "# models\nGOOGLE_API_KEY: abc\n" },
  windows: { dotEnv: "\uFEFFLOG_LEVEL=INFO\r\nCAISSON_TURNS_MAX=7\r\n" },
  dotEnv: { before: "mkdir .env" },
  baseUrl: { env: { OPENAI_BASE_URL: "localhost:11434/v1" } },
  provider: { env: { OPENAI_BASE_URL: "http://127.0.0.1:9/v1" } },
  defaultModel: { env: { DEFAULT_MODEL: "gemini-flash-latest" } },
  proxy: { env: { HTTPS_PROXY: "localhost:3128" } },
  models: { env: { CAISSON_MODELS: "models.json" } },
  engine: { env: { CAISSON_SANDBOX: "docker", DOCKER_HOST: "unix:///nonexistent.sock" } },
  socket: {
    env: { CAISSON_SANDBOX: "docker" },
    before: `python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('engine.sock')" && chmod 000 engine.sock`,
    isPowerless: true,
  },
  tcp: { env: { CAISSON_SANDBOX: "auto", DOCKER_HOST: "tcp://127.0.0.1:2375" } },
  dataFile: { before: "touch file", env: { CAISSON_DATA_PATH: "file" } },
  full: { env: { CAISSON_DATA_PATH: "disk" }, disk: "size=40k" },
  readOnly: { env: { CAISSON_DATA_PATH: "disk" }, disk: "size=40k,ro" },
  redis: { env: { CAISSON_SESSIONS: "redis" } },
  jwt: { env: { CAISSON_JWT_SECRET: "short" } },
  keyName: { args: ["keys", "create", "two words"] },
  elsewhere: { args: ["keys", "list"] },
  toolServer: { env: { MCP_SERVER_URL: "http://127.0.0.1:9/mcp" } },
  twice: {},
};

/** What has to be there before, for as long as the mistake is made. */
const circumstances: Readonly<
  Partial<Record<keyof typeof starting, (folder: string) => Effect.Effect<Way, never, Scope.Scope>>>
> = {
  port: () =>
    Effect.map(
      Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)));
        }),
        (server) => Effect.sync(() => server.close()),
      ),
      (server) => {
        const address = server.address();
        return { env: { AGENT_API_PORT: String(typeof address === "object" ? address?.port : address) } };
      },
    ),
  socket: (folder) => Effect.succeed({ env: { DOCKER_HOST: `unix://${folder}/engine.sock` } }),
  twice: (folder) => Effect.as(Effect.flatMap(started(folder, {}), ({ said }) => said(["agent API listens on"])), {}),
};

// Steps ------------------------------------------------------------------------------------------

const isRoot = Deno.uid() === 0;

/** The command line of a way. */
const commandLine = ({ args = serve, isPowerless, disk }: Way): ReadonlyArray<string> => [
  ...(disk === undefined ? [] : [
    "unshare",
    isRoot ? "-m" : "-rm",
    "sh",
    "-c",
    `mount -t tmpfs -o ${disk} none disk
       [ -w disk ] && dd if=/dev/zero of=disk/filler bs=1k count=60 2>/dev/null; exec "$@"`,
    "sh",
  ]),
  ...(isPowerless === true && isRoot ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : []),
  Deno.execPath(),
  "run",
  "-A",
  "--no-lock",
  launcher,
  ...args,
];

interface Started {
  /** Waits until each piece was printed, one after the other. */
  readonly said: (pieces: ReadonlyArray<string>) => Effect.Effect<void>;
  readonly output: () => string;
}

const isInOrder = (text: string, pieces: ReadonlyArray<string>): boolean => {
  let from = 0;
  return pieces.every((piece) => {
    const at = text.indexOf(piece, from);
    from = at + piece.length;
    return at >= 0;
  });
};

/** What is printed, with what JSON writes for a quote undone. */
const plain = (text: string): string => text.replaceAll('\\"', '"');

const started = (folder: string, way: Way): Effect.Effect<Started, never, Scope.Scope> =>
  Effect.gen(function* () {
    const [program = "", ...args] = commandLine(way);
    let output = "";
    let hear = () => {};
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Deno.Command(program, {
          args,
          cwd: folder,
          clearEnv: true,
          env: {
            PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
            HOME: Deno.env.get("HOME") ?? "/root",
            NO_COLOR: "1",
            AGENT_API_PORT: "0",
            CAISSON_MCP_PORT: "0",
            CAISSON_SANDBOX: "embedded",
            CAISSON_SHUTDOWN_GRACE_SECONDS: "0",
            ...way.env,
          },
          stdout: "piped",
          stderr: "piped",
        }).spawn()
      ),
      (process) =>
        Effect.promise(async () => {
          try {
            process.kill("SIGTERM");
          } catch (error) {
            // It has ended, as most mistakes do.
            if (!(error instanceof TypeError)) throw error;
          }
          await process.status;
        }),
    );
    let open = 2;
    const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        output += text;
        hear();
      }
      open -= 1;
      hear();
    };
    yield* Effect.forkScoped(Effect.promise(() => Promise.all([read(child.stdout), read(child.stderr)])));
    const said: Started["said"] = (pieces) =>
      Effect.callback<void>((resume) => {
        hear = () => {
          if (isInOrder(plain(output), pieces) || open === 0) resume(Effect.void);
        };
        hear();
      }).pipe(Effect.timeoutOption(waitMsMax), Effect.asVoid);
    return { said, output: () => plain(output) };
  });

const make = Effect.fnUntraced(function* (name: keyof typeof starting, { says }: Mistake) {
  const folder = yield* temporaryDirectory;
  const way = ways[name];
  yield* Effect.promise(async () => {
    await Deno.chmod(folder, 0o755);
    await Deno.mkdir(`${folder}/disk`);
    if (way.dotEnv !== undefined) await Deno.writeTextFile(`${folder}/.env`, way.dotEnv);
    if (way.before !== undefined) {
      const { success } = await new Deno.Command("sh", { args: ["-c", way.before], cwd: folder }).output();
      assert.ok(success, way.before);
    }
  });
  const more = circumstances[name] === undefined ? {} : yield* circumstances[name](folder);
  const process = yield* started(folder, { ...way, env: { ...way.env, ...more.env } });
  yield* process.said(says);
  assert.ok(isInOrder(process.output(), says), `${name} printed:\n${process.output()}`);
});

// Tests ------------------------------------------------------------------------------------------

for (const [name, mistake] of Object.entries(starting)) {
  it.live(`${mistake.what}: the cause and the next step are told`, () =>
    Effect.scoped(make(name as keyof typeof starting, mistake)));
}

const json = { "content-type": "application/json" };
const question = JSON.stringify({ messages: [{ role: "user", content: "Hello" }] });
const key = "a-key-of-this-test-alone";

const requests: Readonly<
  Record<keyof typeof asking, { path?: string; headers?: Record<string, string>; body?: string; key?: string }>
> = {
  noKey: { key: "" },
  bareKey: { headers: { authorization: key } },
  wrongKey: { key: "sk-of-somebody-else" },
  withoutV1: { path: "/chat/completions" },
  twiceV1: { path: "/v1/v1/chat/completions" },
  endpoint: { path: "/v1/chat/completions/chat/completions" },
  ollama: { path: "/api/chat" },
  model: { body: JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] }) },
  body: { body: "{messages: 1}" },
  form: { headers: { "content-type": "application/x-www-form-urlencoded" } },
  mcpPath: { path: "/" },
};

const decodeError = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ error: Schema.Struct({ message: Schema.String }) })),
);

it.live("a running server answers each mistake in asking it with the cause and the next step", () =>
  Effect.gen(function* () {
    const folder = yield* temporaryDirectory;
    const server = yield* started(folder, { args: ["serve", "--mcp"], env: { CAISSON_API_KEYS: `me:${key}` } });
    yield* server.said(["agent API listens on", "MCP server listens on"]);
    yield* server.said(["MCP server listens on"]);
    const address = (door: string) =>
      new RegExp(`${door} listens on (http://[^"\\s]+)`).exec(server.output())?.[1] ?? "";
    for (const [name, { says }] of Object.entries(asking)) {
      const request = requests[name as keyof typeof asking];
      const token = request.key ?? key;
      const base = address(name === "mcpPath" ? "MCP server" : "agent API");
      const response = yield* Effect.promise(() =>
        fetch(`${base}${request.path ?? "/v1/chat/completions"}`, {
          method: "POST",
          headers: { ...json, ...(token !== "" && { authorization: `Bearer ${token}` }), ...request.headers },
          body: request.body ?? question,
        })
      );
      const { error } = decodeError(yield* Effect.promise(() => response.text()));
      assert.ok(response.status >= 400 && isInOrder(error.message, says), `${name}: ${error.message}`);
    }
  }));
