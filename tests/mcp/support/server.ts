/**
 * The MCP server without a socket, and the SDK's own client on it.
 */
import { Effect, Layer, Logger, type Scope } from "effect";
import { HttpRouter, HttpServer } from "effect/http";
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import * as Limits from "../../../src/adapters/limits/Counted.ts";
import { Settings, type SettingsService } from "../../../src/config.ts";
import { Callers } from "../../../src/mcp/callers.ts";
import { routes } from "../../../src/mcp/http.ts";
import { layer as requestFrame } from "../../../src/mcp/requestFrame.ts";
import { SandboxRequests } from "../../../src/mcp/sandboxRoutes.ts";
import { McpSessions } from "../../../src/mcp/sessions.ts";
import { layerHttp as surfacesLayer } from "../../../src/mcp/surfaces.ts";
import type { Surfaces } from "../../../src/mcp/Surface.ts";
import { Identity, Unauthorized } from "../../../src/services/Identity.ts";
import { type FakeToolbox, makeFakeToolbox } from "./fakeToolbox.ts";

/** A server as a function from request to response. */
export interface TestServer {
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
  readonly toolbox: FakeToolbox;
}

/** Everyone is anonymous, as on loopback without keys. */
export const anonymous = Layer.succeed(
  Identity,
  Identity.of({
    anonymous: true,
    identify: () => Effect.succeed({ principal: { kind: "anonymous", name: "anonymous" } }),
    mayListen: () => Effect.void,
  }),
);

/** Bearers of the keys `key-a` and `key-b` are known under those names. */
export const keyed = Layer.succeed(
  Identity,
  Identity.of({
    anonymous: false,
    identify: ({ authorization }) => {
      const name = authorization?.match(/^Bearer (key-[ab])$/)?.[1];
      return name === undefined
        ? Effect.fail(new Unauthorized({ reason: authorization === undefined ? "Missing" : "Invalid" }))
        : Effect.succeed({ principal: { kind: "api-key", name } });
    },
    mayListen: () => Effect.void,
  }),
);

interface Options {
  readonly settings?: Partial<SettingsService>;
  readonly identity?: Layer.Layer<Identity>;
  readonly skills?: Layer.Layer<never>;
  readonly surfaces?: Layer.Layer<Surfaces>;
  /** Receives every log line; by default none is written. */
  readonly logger?: Logger.Logger<unknown, unknown>;
}

export const makeServer = (options: Options = {}): Effect.Effect<TestServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const toolbox = yield* makeFakeToolbox;
    const { handler, dispose } = HttpRouter.toWebHandler(
      Layer.merge(routes, requestFrame).pipe(
        Layer.provide(Callers.layer),
        Layer.provide(Limits.layerMemory),
        Layer.provide(options.identity ?? anonymous),
        Layer.provide(SandboxRequests.layer),
        Layer.provide(McpSessions.layer),
        Layer.provide(options.surfaces ?? Layer.provide(surfacesLayer, toolbox.layer)),
        Layer.provide(toolbox.layer),
        Layer.provide(options.skills ?? Layer.empty),
        Layer.provide(Settings.layerWith(options.settings)),
        Layer.provide(HttpServer.layerServices),
        Layer.provideMerge(Logger.layer(options.logger === undefined ? [] : [options.logger])),
      ),
      { disableLogger: true },
    );
    yield* Effect.addFinalizer(() => Effect.promise(() => dispose()));
    return {
      toolbox,
      fetch: (path, init) => {
        const request = new Request(`http://127.0.0.1:8989${path}`, init);
        if (!request.headers.has("host")) request.headers.set("host", "127.0.0.1:8989");
        return handler(request);
      },
    };
  });

/** Connects the SDK's client under the given headers. */
export const connectClient = (
  server: TestServer,
  headers: Record<string, string> = {},
  client = new Client({ name: "test", version: "1" }),
) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const transport = new StreamableHTTPClientTransport(new URL("http://127.0.0.1:8989/mcp"), {
        fetch: (_url, init) => server.fetch("/mcp", init),
        requestInit: { headers },
      });
      await client.connect(transport);
      return { client, transport };
    }),
    ({ client }) => Effect.promise(() => client.close()),
  );

/** The headers of a well-formed POST to `/mcp`. */
export const jsonHeaders = { "content-type": "application/json", accept: "application/json, text/event-stream" };

/** The body of an initialize request. */
export const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
});

/** Posts a body to `/mcp`. */
export const post = (server: TestServer, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  server.fetch("/mcp", { method: "POST", headers: { ...jsonHeaders, ...headers }, body });
