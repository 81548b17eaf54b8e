/**
 * The processes that `bench/stall.ts` watches: `caisson` serves both doors with a model and tools that answer
 * at once, `empty` reads bodies and does nothing with them.
 *
 * It prints its two ports, and for every line on stdin the longest time, in milliseconds, that its event loop
 * was held since the line before.
 */
import { createServer } from "node:http";
import { Context, Effect, Layer, Logger, Stream } from "effect";
import { HttpServer } from "effect/http";
import * as Limits from "../src/adapters/limits/Counted.ts";
import * as Scripted from "../src/adapters/model/Scripted.ts";
import { Settings } from "../src/config.ts";
import { declarations } from "../src/domain/agentTools.ts";
import { layer as mcp } from "../src/mcp/http.ts";
import { Identity } from "../src/services/Identity.ts";
import { Model, type ModelInfo } from "../src/services/Model.ts";
import { Sandbox } from "../src/services/Sandbox.ts";
import { Toolbox } from "../src/services/Toolbox.ts";
import { served } from "../tests/support/served.ts";

/** How often the loop is asked for a turn. */
const everyMs = 5;

const info: ModelInfo = { id: "scripted", provider: "bench", vision: true };

const model = Layer.succeed(
  Model,
  Model.of({
    defaultModel: Effect.succeed(info.id),
    list: Effect.succeed([info]),
    find: () => Effect.succeed(info),
    stream: () => Stream.make(Scripted.text("fine"), Scripted.finished()),
  }),
);

const tools = Layer.mergeAll(
  Layer.succeed(
    Toolbox,
    Toolbox.of({
      serverConnected: Effect.succeed(null),
      systemPrompt: () => Effect.succeed(""),
      open: () =>
        Effect.succeed({
          declarations,
          call: ({ name }) => Effect.succeed({ text: name, isError: false }),
        }),
    }),
  ),
  Layer.mock(Sandbox, {
    info: { kind: "scripted", why: "", controls: [], notes: [] },
    health: Effect.succeed({ healthy: true, detail: "", open: 0 }),
  }),
  Layer.succeed(
    Identity,
    Identity.of({
      anonymous: true,
      identify: () => Effect.succeed({ principal: { kind: "anonymous", name: "anonymous" } }),
      mayListen: () => Effect.void,
    }),
  ),
);

const caisson = Effect.gen(function* () {
  const api = yield* served({ model });
  const context = yield* Layer.build(mcp.pipe(
    Layer.provide(tools),
    Layer.provide(Limits.layerMemory),
    Layer.provide(Settings.layerWith({ mcpPort: 0 })),
  ));
  const { address } = Context.get(context, HttpServer.HttpServer);
  console.log(`${new URL(api).port} ${"port" in address ? address.port : 0}`);
  return yield* Effect.never;
}).pipe(Effect.scoped, Effect.provide(Logger.layer([])));

const empty = () => {
  const server = createServer((request, response) => {
    request.on("data", () => {});
    request.on("end", () => response.end("{}"));
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") console.log(`${address.port} ${address.port}`);
  });
};

let heldMs = 0;
let lastMs = performance.now();
setInterval(() => {
  const nowMs = performance.now();
  heldMs = Math.max(heldMs, nowMs - lastMs - everyMs);
  lastMs = nowMs;
}, everyMs);

const answerQuestions = async () => {
  for await (const _line of Deno.stdin.readable) {
    console.log(heldMs.toFixed(1));
    heldMs = 0;
  }
  Deno.exit(0);
};
answerQuestions();

if (Deno.args[0] === "caisson") Effect.runFork(caisson);
else empty();
