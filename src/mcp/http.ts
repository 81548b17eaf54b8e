/**
 * The MCP server over streamable HTTP: `/mcp` and what stands beside it.
 */
import { createServer } from "node:http";
import { DateTime, Duration, Effect, Layer } from "effect";
import { HttpRouter, HttpServerResponse } from "effect/http";
import { NodeHttpServer } from "@effect/platform-node";
import { Settings } from "../config.ts";
import { Identity } from "../services/Identity.ts";
import { Limits } from "../services/Limits.ts";
import { Sandbox } from "../services/Sandbox.ts";
import { Skills } from "../services/Skills.ts";
import { makeAddressCheck } from "./addresses.ts";
import { Callers } from "./callers.ts";
import { makeEndpoint } from "./endpoint.ts";
import { make as makeSessions } from "./sessions.ts";
import { skillRoutes } from "./skillRoutes.ts";
import { Surfaces } from "./Surface.ts";
import { layer as surfacesLayer } from "./surfaces.ts";

/**
 * The routes of the MCP server.
 *
 * *Details*: `/health` needs no credential and tells no more than what is in use and whether it works.
 * Sessions live as long as the layer.
 */
export const routes: Layer.Layer<
  never,
  never,
  HttpRouter.HttpRouter | Surfaces | Callers | Limits | Sandbox | Settings
> = HttpRouter.use(Effect.fnUntraced(function* (router) {
  const settings = yield* Settings;
  const sandbox = yield* Sandbox;
  const sessions = yield* makeSessions(yield* Surfaces, settings);
  const callers = yield* Callers;
  const checkAddress = makeAddressCheck(settings);
  yield* router.add("*", "/mcp", makeEndpoint({ sessions, callers, limits: yield* Limits, checkAddress, settings }));
  const { catalogue, one } = skillRoutes(
    yield* Skills,
    (request) => Effect.andThen(checkAddress(request), callers.of(request.headers)),
  );
  yield* router.add("GET", "/skills", catalogue);
  yield* router.add("GET", "/skills/:name", one);
  yield* router.add(
    "GET",
    "/health",
    Effect.gen(function* () {
      const { healthy, detail, open } = yield* sandbox.health;
      return HttpServerResponse.jsonUnsafe({
        status: healthy ? "healthy" : "degraded",
        service: "mcp-server",
        sandbox: { kind: sandbox.info.kind, detail, open },
        sessions: yield* sessions.size,
        timestamp: DateTime.formatIso(yield* DateTime.now),
      });
    }),
  );
}));

/**
 * The MCP server over any surface, listening; closing the scope ends its sessions and their calls.
 *
 * *Fails with* `ServeError` when the address is taken, and `ConfigurationRefused` when it would serve
 * strangers.
 */
export const layerSurfaces = Layer.unwrap(Effect.gen(function* () {
  const settings = yield* Settings;
  const identity = yield* Identity;
  yield* identity.mayListen(settings.mcpHost);
  const server = createServer();
  // A client that keeps a connection open would otherwise still talk to a server that answers no more.
  yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()));
  return HttpRouter.serve(routes, { disableLogger: true }).pipe(
    Layer.provide(Callers.layer),
    Layer.provideMerge(
      NodeHttpServer.layer(() => server, {
        host: settings.mcpHost,
        port: settings.mcpPort,
        gracefulShutdownTimeout: Duration.seconds(settings.shutdownGraceSeconds),
      }),
    ),
  );
}));

/** The MCP server with the tools and the prompt of the agent, listening. */
export const layer = Layer.provide(layerSurfaces, surfacesLayer);
