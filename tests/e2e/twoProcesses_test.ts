/**
 * The deployment of two services: the agent API calls tools it could not run itself.
 */
import assert from "node:assert/strict";
import { Deferred, Effect, Fiber, Schedule } from "effect";
import { skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { contentOf, readStream } from "../support/sse.ts";
import { dataDirectory } from "../support/dataDirectory.ts";
import { start } from "./processes.ts";

/** Asks and reads the whole answer; `seen` is completed when the answer contains `mark`. */
const chat = (port: string, content: string, mark = "", seen = Deferred.makeUnsafe<void>()) =>
  Effect.promise(async (signal) => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "caisson-offline",
        stream: true,
        user: "ada",
        messages: [{ role: "user", content }],
      }),
      signal,
    });
    let text = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      if (text.includes(mark)) Deferred.doneUnsafe(seen, Effect.void);
    }
    return { status: response.status, text };
  });

const json = (port: string, path: string) =>
  Effect.promise(async () => (await fetch(`http://127.0.0.1:${port}${path}`)).json());

const health = (port: string) => json(port, "/health");

interface Asked {
  readonly egress: ReadonlyArray<
    { readonly host: string; readonly port: number; readonly verdict: string; readonly reason: string } & {
      readonly connections: number;
    }
  >;
}

/** What a run or a sandbox tells of the network. */
const asked = ({ egress }: Asked) =>
  egress.map(({ host, port, verdict, reason, connections }) => [host, port, verdict, reason, connections]);

const scenario = (sandbox: "embedded" | "docker") => () =>
  Effect.gen(function* () {
    const [toolsPath, apiPath] = [yield* dataDirectory, yield* dataDirectory];
    const engine = Deno.env.get("DOCKER_HOST");
    const startTools = (port: string) =>
      Effect.gen(function* () {
        const running = yield* start("mcp.ts", {
          CAISSON_MCP_PORT: port,
          CAISSON_SANDBOX: sandbox,
          CAISSON_DATA_PATH: toolsPath,
          CAISSON_API_KEYS: "agent-api:a-key-for-the-test",
          CAISSON_EGRESS: "allowlist",
          CAISSON_EGRESS_ALLOW: "api.example.com",
          ...(sandbox === "docker" && engine !== undefined && { DOCKER_HOST: engine }),
        });
        const [listening = ""] = yield* running.line(/MCP server listens on http:\/\/127\.0\.0\.1:(\d+)/);
        return { running, port: listening };
      });
    const tools = yield* startTools("0");
    // No engine is named to this process, and none of its own sandboxes would be used.
    const api = yield* start("server.ts", {
      AGENT_API_PORT: "0",
      CAISSON_DATA_PATH: apiPath,
      DOCKER_HOST: "unix:///nonexistent/engine.sock",
      MCP_SERVER_URL: `http://127.0.0.1:${tools.port}/mcp`,
      CAISSON_MCP_API_KEY: "a-key-for-the-test",
    });
    const [port = ""] = yield* api.line(/agent API listens on http:\/\/127\.0\.0\.1:(\d+)/);

    const first = yield* chat(port, "Execute: print(6 * 7)");
    assert.equal(first.status, 200);
    assert.match(contentOf(readStream(first.text)), /42/);
    assert.equal((yield* health(port)).mcp_server_connected, true);

    // The way out is the tool server's; what was asked of it is told here, with the run and with the sandbox.
    yield* chat(port, "Execute this bash command: curl -s https://evil.example/");
    const refused = [["evil.example", 443, "refused", "it is not on the allowlist", 1]];
    const { data: [latest] } = yield* json(port, "/v1/runs?user=ada&limit=1");
    const ofRun = asked(yield* json(port, `/v1/runs/${latest.id}?user=ada`));
    // The embedded sandbox may be one without sockets, whose programs ask nothing.
    if (sandbox === "docker") assert.deepEqual(ofRun, refused);
    assert.deepEqual(asked(yield* json(port, "/v1/sandbox?user=ada")), ofRun);
    assert.deepEqual(asked(yield* json(port, "/v1/sandbox?user=bob")), []);

    const running = yield* Deferred.make<void>();
    const cut = yield* Effect.forkScoped(chat(port, "Execute this bash command: sleep 60", "sleep 60", running));
    yield* Deferred.await(running);
    yield* tools.running.kill;
    const lost = readStream((yield* Fiber.join(cut)).text);
    assert.equal(lost.errors.length, 1);
    assert.match(lost.errors[0]?.error.message ?? "", /tool server/i);
    assert.doesNotMatch(JSON.stringify(lost.errors), /127\.0\.0\.1/);
    // An answer of /health is given again for a few seconds.
    const degraded = yield* health(port).pipe(
      Effect.filterOrFail(({ mcp_server_connected: connected }) => connected === false, () => "still connected"),
      Effect.retry(Schedule.upTo(Schedule.spaced("250 millis"), { times: 600 })),
    );
    assert.equal(degraded.mcp_server_connected, false);
    assert.equal(degraded.status, "degraded");

    yield* startTools(tools.port);
    const again = yield* chat(port, "Execute: print(6 * 9)");
    assert.match(contentOf(readStream(again.text)), /54/);
  });

it.live(
  "two processes run an OpenAI request's command in an embedded sandbox, through a crash of the tools",
  scenario("embedded"),
);
it.live(
  "two processes run an OpenAI request's command in a container, through a crash of the tools",
  scenario("docker"),
  { skip: skipWithoutEngine },
);
