/**
 * The MCP server over streamable HTTP: `/mcp` and what stands beside it.
 */
import { createServer } from "node:http";
import { DateTime, Duration, Effect, Layer } from "effect";
import { HttpRouter, HttpServerResponse } from "effect/http";
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer";
import { Settings } from "../config.ts";
import { Identity } from "../services/Identity.ts";
import { Limits } from "../services/Limits.ts";
import { Sandbox } from "../services/Sandbox.ts";
import { Skills } from "../services/Skills.ts";
import { Bodies } from "../web/body.ts";
import { makeAddressCheck } from "./addresses.ts";
import { Callers } from "./callers.ts";
import { makeEndpoint } from "./endpoint.ts";
import { McpSessions } from "./sessions.ts";
import { skillRoutes } from "./skillRoutes.ts";
import { layer as surfacesLayer } from "./surfaces.ts";

/**
 * The routes of the MCP server.
 *
 * *Details*: `/health` needs no credential and tells no more than what is in use and whether it works.
 */
export const routes: Layer.Layer<
  never,
  never,
  HttpRouter.HttpRouter | McpSessions | Callers | Identity | Limits | Sandbox | Settings
> = HttpRouter.use(Effect.fnUntraced(function* (router) {
  const settings = yield* Settings;
  const sandbox = yield* Sandbox;
  const sessions = yield* McpSessions;
  const callers = yield* Callers;
  const { anonymous } = yield* Identity;
  const checkAddress = makeAddressCheck(settings, anonymous);
  yield* router.add(
    "*",
    "/mcp",
    makeEndpoint({ sessions, callers, limits: yield* Limits, bodies: yield* Bodies, checkAddress, settings }),
  );
  const { catalogue, one } = skillRoutes(
    yield* Skills,
    (request) => Effect.andThen(checkAddress(request), callers.of(request.headers)),
  );
  if (!anonymous) yield* router.add("POST", "/register", keysNotOAuth);
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
})).pipe(Layer.provide(Bodies.layer));

/**
 * Clients that are asked for a credential and have none try to register, and show what they are told then.
 *
 * *Source*: the error of RFC 7591, section 3.2.2.
 */
const keysNotOAuth = Effect.succeed(HttpServerResponse.jsonUnsafe({
  error: "invalid_request",
  error_description: "This server takes API keys, not OAuth: send the header Authorization: Bearer KEY",
}, { status: 400 }));

/** Wait for answers that are being written when every session has ended. */
const lastWritesMax = Duration.seconds(2);

/** Ends the sessions first of all, before the server waits for its connections, which their streams keep open. */
const drained = Layer.effectDiscard(Effect.gen(function* () {
  const sessions = yield* McpSessions;
  const { shutdownGraceSeconds } = yield* Settings;
  yield* Effect.addFinalizer(() => sessions.drain(Duration.seconds(shutdownGraceSeconds)));
}));

/**
 * The MCP server over any surface, listening.
 *
 * *Details*: closing the scope ends the sessions, those with running calls when these have ended or the
 * grace of the settings is over.
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
  const served = HttpRouter.serve(routes, { disableLogger: true }).pipe(
    Layer.provide(Callers.layer),
    Layer.provideMerge(
      NodeHttpServer.layer(() => server, {
        host: settings.mcpHost,
        port: settings.mcpPort,
        gracefulShutdownTimeout: lastWritesMax,
      }),
    ),
  );
  return drained.pipe(Layer.provideMerge(served), Layer.provide(McpSessions.layer));
}));

/** The MCP server with the tools and the prompt of the agent, listening. */
export const layer = Layer.provide(layerSurfaces, surfacesLayer);
