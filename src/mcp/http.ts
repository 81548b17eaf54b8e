/**
 * The MCP server over streamable HTTP: `/mcp` and what stands beside it.
 */
import { createServer } from "node:http";
import { DateTime, Duration, Effect, Layer } from "effect";
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http";
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer";
import { Settings } from "../config.ts";
import { Identity } from "../services/Identity.ts";
import { Limits } from "../services/Limits.ts";
import { Sandbox } from "../services/Sandbox.ts";
import { Skills } from "../services/Skills.ts";
import { backlogMax } from "../web/backlog.ts";
import { ArrivingRequests } from "../web/ArrivingRequests.ts";
import { Bodies } from "../web/body.ts";
import * as Cors from "../web/cors.ts";
import { LoopWatch } from "../web/LoopWatch.ts";
import { answerParser } from "../web/parserAnswers.ts";
import { makeAddressCheck } from "./addresses.ts";
import { Callers } from "./callers.ts";
import { answerOf } from "./errors.ts";
import { makeEndpoint } from "./endpoint.ts";
import * as metrics from "./metrics.ts";
import * as requestFrame from "./requestFrame.ts";
import { probes } from "./probes.ts";
import { isSandboxRequest, SandboxRequests, sandboxRoutes } from "./sandboxRoutes.ts";
import { McpSessions } from "./sessions.ts";
import { skillRoutes } from "./skillRoutes.ts";
import { layerHttp as surfacesLayer } from "./surfaces.ts";

/** Headers of an answer that scripts of an allowed page may read: without the first no page could go on. */
const toldToPages = ["mcp-session-id", "mcp-protocol-version", "x-request-id", "retry-after", "www-authenticate"];

/**
 * The routes of the MCP server.
 *
 * *Details*: `/health` needs no credential and tells no more than what is in use and whether it works.
 */
export const routes: Layer.Layer<
  never,
  never,
  HttpRouter.HttpRouter | McpSessions | SandboxRequests | Callers | Identity | Limits | Sandbox | Settings
> = HttpRouter.use(Effect.fnUntraced(function* (router) {
  const settings = yield* Settings;
  const sandbox = yield* Sandbox;
  const sessions = yield* McpSessions;
  const callers = yield* Callers;
  const { anonymous } = yield* Identity;
  const checkAddress = makeAddressCheck(settings, anonymous);
  const limits = yield* Limits;
  const bodies = yield* Bodies;
  const watch = yield* LoopWatch;
  const admit = (request: HttpServerRequest.HttpServerRequest) =>
    Effect.andThen(checkAddress(request), callers.of(request.headers));
  yield* router.add("*", "/mcp", makeEndpoint({ sessions, callers, limits, bodies, checkAddress, settings }));
  const { declaration, request } = sandboxRoutes(yield* SandboxRequests, limits, admit);
  yield* router.add("GET", "/sandbox", declaration);
  yield* router.add("POST", "/sandbox/v1/:name", request);
  const { catalogue, one } = skillRoutes(yield* Skills, admit);
  if (!anonymous) yield* router.add("POST", "/register", keysNotOAuth);
  yield* router.add("GET", "/skills", catalogue);
  yield* router.add("GET", "/skills/:name", one);
  yield* router.add("*", "/*", onlyMcp);
  const { live, ready } = probes(sandbox, sessions);
  yield* router.add("GET", "/health/live", live);
  yield* router.add("GET", "/health/ready", ready);
  yield* router.add(
    "GET",
    "/health",
    Effect.gen(function* () {
      const { healthy, detail, open } = yield* sandbox.health;
      const { nowMs, worstMs } = yield* watch.lag;
      return HttpServerResponse.jsonUnsafe({
        status: healthy ? "healthy" : "degraded",
        service: "mcp-server",
        sandbox: { kind: sandbox.info.kind, detail, open },
        sessions: yield* sessions.size,
        event_loop: { lag_ms: nowMs, worst_ms: worstMs },
        timestamp: DateTime.formatIso(yield* DateTime.now),
      });
    }),
  );
})).pipe(
  Layer.merge(Layer.unwrap(Effect.suspend(() => watched))),
  Layer.merge(
    Layer.unwrap(Effect.map(Settings, ({ mcpAllowedOrigins }) => Cors.layer(mcpAllowedOrigins, toldToPages))),
  ),
  Layer.provide([Bodies.layer, LoopWatch.layer]),
);

/** Tells the watch of the event loop who is worked for, so that its log names who held it. */
const watched = Effect.map(LoopWatch, (watch) =>
  HttpRouter.middleware((app) =>
    Effect.gen(function* () {
      const { method, url, headers } = yield* HttpServerRequest.HttpServerRequest;
      const leave = watch.enter({
        method,
        path: url.split("?")[0] ?? "",
        bytes: Number(headers["content-length"] ?? 0),
      });
      yield* Effect.addFinalizer(() => Effect.sync(leave));
      return yield* app;
    }), { global: true }));

/**
 * Clients that are asked for a credential and have none try to register, and show what they are told then.
 *
 * *Source*: the error of RFC 7591, section 3.2.2.
 */
const keysNotOAuth = Effect.succeed(HttpServerResponse.jsonUnsafe({
  error: "invalid_request",
  error_description: "This server takes API keys, not OAuth: send the header Authorization: Bearer KEY",
}, { status: 400 }));

/** What a client is told whose URL has another path. */
const onlyMcp = HttpServerResponse.jsonUnsafe({
  jsonrpc: "2.0",
  id: null,
  error: {
    code: -32000,
    message: "There is nothing at this URL. The address of this MCP server ends with /mcp; the OpenAI API is another " +
      "door, on a port of its own",
  },
}, { status: 404 });

/** Wait for answers that are being written when every session has ended. */
const lastWritesMax = Duration.seconds(2);

/**
 * Time that a kept connection may rest, in milliseconds: longer than proxies and pools keep theirs, so that
 * it is never this side that closes one under a request.
 */
const keepAliveTimeoutMs = 75_000;

/** Time a client has to send its headers, in milliseconds; without a bound of whole requests Node has none. */
const headersTimeoutMs = 60_000;

/** Ends what runs first of all, before the server waits for its connections, which streams keep open. */
const drained = Layer.effectDiscard(Effect.gen(function* () {
  const sessions = yield* McpSessions;
  const requests = yield* SandboxRequests;
  const { shutdownGraceSeconds } = yield* Settings;
  const grace = Duration.seconds(shutdownGraceSeconds);
  yield* Effect.addFinalizer(() =>
    Effect.all([sessions.drain(grace), requests.commands.drain(grace)], { concurrency: 2, discard: true })
  );
}));

/**
 * The MCP server over any surface, listening.
 *
 * *Details*: closing the scope ends the sessions, those with running calls when these have ended or the
 * grace of the settings is over.
 *
 * *Fails with* `ServeError` when the address is taken, and `OpenDoorRefused` when it would serve strangers.
 */
export const layerSurfaces = Layer.unwrap(Effect.gen(function* () {
  const settings = yield* Settings;
  const identity = yield* Identity;
  yield* identity.mayListen(settings.mcpHost);
  // Not how long a request takes: a connection to a port lasts as long as it is used. Silence has bounds of its own.
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    requestTimeout: 0,
    noDelay: true,
  });
  answerParser(server, answerOf);
  yield* Effect.forkScoped(new ArrivingRequests(server, isSandboxRequest).looking);
  // A client that keeps a connection open would otherwise still talk to a server that answers no more.
  yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()));
  const listening = { disableLogger: true, disableListenLog: true };
  const served = HttpRouter.serve(Layer.mergeAll(routes, metrics.layer, requestFrame.layer), listening).pipe(
    Layer.provide(Callers.layer),
    Layer.provideMerge(
      NodeHttpServer.layer(() => server, {
        host: settings.mcpHost,
        port: settings.mcpPort,
        backlog: backlogMax,
        gracefulShutdownTimeout: lastWritesMax,
      }),
    ),
  );
  return drained.pipe(
    Layer.provideMerge(served),
    Layer.provide(McpSessions.layer),
    Layer.provide(SandboxRequests.layer),
  );
}));

/** The MCP server with the tools and the prompt of the agent, listening. */
export const layer = Layer.provide(layerSurfaces, surfacesLayer);
