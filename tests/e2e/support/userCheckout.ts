/**
 * A checkout as a stranger has it: read-only and of somebody else, with a `.env`, used from another directory.
 */
import { Effect, Schema, type Scope } from "effect";
import { temporaryDirectory } from "../../support/temporaryDirectory.ts";

const root = new URL("../../../", import.meta.url).pathname;

/** What is copied of the project: everything that a task of its users reads. */
const copied = [
  "deno.json",
  "deno.lock",
  "server.ts",
  "mcp.ts",
  "mod.ts",
  "src",
  "scripts",
  "image",
  "skills",
  "tools",
  "examples",
];

/** The user that everybody has and that owns nothing. */
const nobody = 65534;

/** Longest time that a command of a user takes here, the first start of a task on a busy machine included. */
const commandMsMax = 300_000;

/** How a command ended. */
interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A task that goes on running. */
export interface RunningTask {
  /** Waits for text in its output and yields the groups that the pattern found. */
  readonly said: (pattern: RegExp) => Effect.Effect<ReadonlyArray<string>>;
  /** Sends a signal to the task, as a service manager does. */
  readonly signal: (signal: Deno.Signal) => Effect.Effect<void>;
  /** Sends Ctrl-C to the task and everything it started, as a terminal does. */
  readonly controlC: Effect.Effect<void>;
  /** Waits for its end and yields the exit code. */
  readonly ended: Effect.Effect<number>;
  /** Everything it printed so far. */
  readonly output: () => string;
}

/** A checkout and what a user does in it. */
export interface UserCheckout {
  readonly path: string;
  /** Where the user stands, which is not the checkout. */
  readonly elsewhere: string;
  /** Where the user's data is kept, with a space in its path. */
  readonly dataPath: string;
  /** Lets the user write into the checkout. */
  readonly makeWritable: Effect.Effect<void>;
  /** Runs a task to its end. */
  readonly run: (task: string, args?: ReadonlyArray<string>, stdin?: string) => Effect.Effect<Ended>;
  /** Starts a task that goes on; it is stopped when the scope closes. */
  readonly start: (task: string, args?: ReadonlyArray<string>) => Effect.Effect<RunningTask, never, Scope.Scope>;
}

const shell = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.promise(async () => {
    const { success, stderr } = await new Deno.Command(command, { args: [...args], stdout: "null", stderr: "piped" })
      .output();
    if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  });

const decodeInfo = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Struct({ npmCache: Schema.String })));

/** A package cache that another user may use: the files of ours, in directories of theirs. */
const lendPackages = Effect.fnUntraced(function* (denoDir: string) {
  const { stdout } = yield* Effect.promise(() =>
    new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output()
  );
  const { npmCache } = yield* Effect.orDie(decodeInfo(new TextDecoder().decode(stdout)));
  // Links where both are on one disk, else copies.
  yield* shell(
    "bash",
    "-c",
    'cp -al "$0" "$1/npm" 2>/dev/null || { rm -rf "$1/npm"; cp -a "$0" "$1/npm"; }',
    npmCache.replace(/\/$/, ""),
    denoDir,
  );
});

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/**
 * Makes a checkout that its user may only read.
 *
 * *Details*: `.env` is written with the line ends of Windows. Run by root, everything happens as `nobody` without
 * groups, so no container engine is in reach; run by anybody else, as that user.
 */
export const userCheckout = Effect.fnUntraced(function* (settings: Readonly<Record<string, string>>) {
  const base = yield* temporaryDirectory;
  const path = `${base}/checkout`;
  const home = `${base}/home`;
  const elsewhere = `${base}/else where`;
  const dataPath = `${base}/home/my data`;
  const denoDir = `${base}/deno`;
  const isRoot = Deno.uid() === 0;
  yield* Effect.promise(async () => {
    for (const directory of [path, home, elsewhere, denoDir, `${base}/bin`]) await Deno.mkdir(directory);
    const lines = Object.entries({ CAISSON_DATA_PATH: `"${dataPath}"`, ...settings });
    await Deno.writeTextFile(`${path}/.env`, lines.map(([name, value]) => `${name}=${value}\r\n`).join(""));
    await Deno.chmod(base, 0o755);
  });
  yield* shell("cp", "-r", ...copied.map((name) => `${root}${name}`), path);
  yield* shell("cp", "--dereference", Deno.execPath(), `${base}/bin/deno`);
  yield* lendPackages(denoDir);
  if (isRoot) {
    yield* shell("chown", `${nobody}:${nobody}`, home, elsewhere, denoDir);
    yield* shell("find", `${denoDir}/npm`, "-type", "d", "-exec", "chown", `${nobody}:${nobody}`, "{}", "+");
    yield* shell("chown", "-R", `${nobody}:${nobody}`, path);
  }
  yield* shell("chmod", "-R", "a-w", path);
  yield* Effect.addFinalizer(() => shell("chmod", "-R", "u+w", path));

  const command = (task: string, args: ReadonlyArray<string>, stdin: "null" | "piped") => {
    const line = [`${base}/bin/deno`, "task", "--config", `${path}/deno.json`, task, ...args];
    const asNobody = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
    // A session of its own, as a terminal or a service manager gives.
    const [program = "", ...rest] = ["setsid", ...(isRoot ? asNobody : []), ...line];
    return new Deno.Command(program, {
      args: rest,
      cwd: elsewhere,
      clearEnv: true,
      env: { PATH: `${base}/bin:/usr/local/bin:/usr/bin:/bin`, HOME: home, DENO_DIR: denoDir, NO_COLOR: "1" },
      stdin,
      stdout: "piped",
      stderr: "piped",
    });
  };

  const run: UserCheckout["run"] = (task, args = [], stdin) =>
    Effect.promise(async () => {
      const child = command(task, args, stdin === undefined ? "null" : "piped").spawn();
      if (stdin !== undefined) {
        const writer = child.stdin.getWriter();
        await writer.write(bytes(stdin));
        await writer.close();
      }
      const { code, stdout, stderr } = await child.output();
      const decode = (printed: Uint8Array) => new TextDecoder().decode(printed);
      return { code, stdout: decode(stdout), stderr: decode(stderr) };
    }).pipe(Effect.timeout(commandMsMax), Effect.orDie);

  return {
    path,
    elsewhere,
    dataPath,
    makeWritable: shell("chmod", "-R", "u+w", path),
    run,
    start: (task, args = []) => running(command(task, args, "null")),
  } satisfies UserCheckout;
});

const running = (command: Deno.Command): Effect.Effect<RunningTask, never, Scope.Scope> =>
  Effect.gen(function* () {
    let output = "";
    let heard: ReadonlyArray<() => void> = [];
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => command.spawn()),
      (process) => Effect.andThen(signalGroup(process, "TERM"), Effect.promise(() => process.status)),
    );
    const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        output += text;
        for (const hear of heard) hear();
      }
    };
    yield* Effect.forkScoped(Effect.promise(() => Promise.all([read(child.stdout), read(child.stderr)])));
    const said: RunningTask["said"] = (pattern) =>
      Effect.callback<ReadonlyArray<string>>((resume) => {
        const look = () => {
          const found = pattern.exec(output);
          if (found !== null) resume(Effect.succeed(found.slice(1)));
        };
        heard = [...heard, look];
        look();
      }).pipe(
        Effect.timeout(commandMsMax),
        Effect.catch(() => Effect.die(new Error(`nothing like ${pattern} in:\n${output}`))),
      );
    return {
      said,
      signal: (signal) => Effect.sync(() => child.kill(signal)),
      controlC: Effect.asVoid(signalGroup(child, "INT")),
      ended: Effect.map(Effect.promise(() => child.status), ({ code }) => code).pipe(
        Effect.timeout(commandMsMax),
        Effect.orDie,
      ),
      output: () => output,
    };
  });

/** Signals every process of the session, as a terminal does; what has ended meanwhile needs no signal. */
const signalGroup = (child: Deno.ChildProcess, signal: "INT" | "TERM") =>
  Effect.promise(() =>
    new Deno.Command("kill", { args: ["-s", signal, "--", `-${child.pid}`], stdout: "null", stderr: "null" }).output()
  );
