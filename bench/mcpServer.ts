/**
 * One of the two servers that `bench/mcp.ts` measures, as a process of its own: `caisson` or `bare`.
 *
 * It prints its port, and its memory after a collection for every line on stdin.
 */
import { createServer } from "node:http";
import { Effect, Layer, Logger } from "effect";
import { HttpServer } from "effect/http";
import { Server } from "@modelcontextprotocol/sdk/server";
// @ts-types="@modelcontextprotocol/sdk/server/streamableHttp"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { declarations } from "../src/domain/agentTools.ts";
import { Settings } from "../src/config.ts";
import { layer } from "../src/mcp/http.ts";
import * as Limits from "../src/adapters/limits/Counted.ts";
import { Identity } from "../src/services/Identity.ts";
import { Sandbox } from "../src/services/Sandbox.ts";
import { Toolbox } from "../src/services/Toolbox.ts";

/** Present under `--expose-gc`. */
const { gc: collect } = globalThis as { gc?: () => void };

/** Tools that answer at once, so that only the way to them is measured. */
const echo = Layer.mergeAll(
  Layer.succeed(
    Toolbox,
    Toolbox.of({
      serverConnected: Effect.succeed(null),
      systemPrompt: () => Effect.succeed(""),
      open: () =>
        Effect.succeed({
          declarations,
          call: ({ argumentsJson }) => Effect.succeed({ text: argumentsJson, isError: false }),
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
  const context = yield* Layer.build(layer.pipe(
    Layer.provide(echo),
    Layer.provide(Limits.layerMemory),
    Layer.provide(Settings.layerWith({ mcpPort: 0, mcpSessionsPerOwnerMax: 10_000, mcpSessionsMax: 10_000 })),
  ));
  const { address } = yield* Effect.provide(HttpServer.HttpServer, context);
  return "port" in address ? address.port : 0;
});

/** The SDK's own server as its examples mount it on Node's HTTP server: no checks, no caps, no store. */
const bare = Effect.promise(() => {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const open = async () => {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => {
        transports.set(id, transport);
      },
    });
    const server = new Server({ name: "bare", version: "1" }, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: declarations.map(({ name, description }) => ({ name, description, inputSchema: { type: "object" } })),
    }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }) => ({
      content: [{ type: "text", text: JSON.stringify(params.arguments) }],
    }));
    await server.connect(transport);
    return transport;
  };
  const http = createServer((request, response) => {
    const id = request.headers["mcp-session-id"];
    const known = typeof id === "string" ? transports.get(id) : undefined;
    Promise.resolve(known ?? open()).then((transport) => transport.handleRequest(request, response));
  });
  return new Promise<number>((resolve) =>
    http.listen(0, "127.0.0.1", () => {
      const address = http.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    })
  );
});

await Effect.runPromise(
  Effect.scoped(Effect.gen(function* () {
    const port = yield* Deno.args[0] === "bare" ? bare : caisson;
    yield* Effect.promise(async () => {
      console.log(port);
      for await (const _line of Deno.stdin.readable) {
        collect?.();
        const { rss, heapUsed } = Deno.memoryUsage();
        console.log(JSON.stringify({ rss, heapUsed }));
      }
    });
  })).pipe(Effect.provide(Logger.layer([]))),
);
Deno.exit(0);
