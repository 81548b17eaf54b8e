/**
 * The SDK's protocol machine, wired to a {@link Surface}.
 *
 * The SDK does initialization, correlation, cancellation and time-outs; every other method goes through
 * one dispatch to the surface. Each request runs as a fiber of the session's scope: a cancellation
 * interrupts it, and so does the end of the session.
 */
import { Cause, Effect, FiberSet, Option, Schema, type Scope, Semaphore } from "effect";
import { Server } from "@modelcontextprotocol/sdk/server";
// @ts-types="@modelcontextprotocol/sdk/validation/ajv"
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol";
import type {
  LoggingLevel,
  RequestId,
  ServerNotification,
  ServerRequest,
  ServerResult,
} from "@modelcontextprotocol/sdk/types";
import { version } from "../domain/version.ts";
import { CurrentMeter } from "../telemetry/Meter.ts";
import { internalError, invalidParams, methodNotFound, rpcCode, RpcFailure } from "./errors.ts";
import { observedMethod } from "./observedMethod.ts";
import type { McpCall, Surface } from "./Surface.ts";

/** Requests of one session that run at once; one client has no use for more, and each may hold output. */
const requestsAtOnceMax = 32;

/** Characters of a session id that stand in the log: enough to tell sessions apart, too few to use one. */
const sessionIdShown = 12;

/** The levels of the specification, least severe first. */
const levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;

const decodeLevel = Schema.decodeUnknownEffect(Schema.Struct({ level: Schema.Literals(levels) }));

/** One for all sessions: the SDK would make one each, a quarter of an idle session's memory. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** How a transport is told that a request was cancelled and no answer will come. */
export interface Connection {
  readonly transport: Transport;
  /** Frees what the transport keeps for a request that was cancelled. */
  readonly abandon: (id: RequestId) => Effect.Effect<void>;
}

/** A connected surface. */
export interface Live {
  /** Waits until no request is running. */
  readonly settled: Effect.Effect<void>;
  /** Requests that run now. */
  readonly running: () => number;
}

/** What an answer needs from its resolution to the transport: promises of the SDK, and one turn of the loop. */
const answersLeave = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)));

/**
 * Connects a surface to a transport for as long as the scope is open.
 *
 * *Details*: closing the scope interrupts every running request, answers it with the reason, and then closes
 * the transport. A failure that is no {@link RpcFailure} reaches the client as "Internal error" and the log
 * in full.
 */
export const connect: (surface: Surface, connection: Connection) => Effect.Effect<Live, never, Scope.Scope> = Effect
  .fnUntraced(function* (surface, { transport, abandon }) {
    const requests = yield* FiberSet.make<ServerResult, RpcFailure>();
    const run = yield* FiberSet.runtimePromise(requests)();
    const report = yield* FiberSet.makeRuntime<never, void, never>();
    const places = yield* Semaphore.make(requestsAtOnceMax);
    const meter = yield* CurrentMeter;
    let isEnding = false;
    const server = new Server(
      { name: "caisson", title: "Caisson", version },
      {
        capabilities: surface.capabilities,
        jsonSchemaValidator,
        ...(surface.instructions !== undefined && { instructions: surface.instructions }),
      },
    );
    let level: LoggingLevel = "info";

    const setLevel = (params: unknown) =>
      Effect.map(decodeLevel(params), (decoded): ServerResult => {
        level = decoded.level;
        return {};
      }).pipe(Effect.mapError(() => invalidParams(`level must be one of ${levels.join(", ")}`)));

    const callOf = (extra: Extra): McpCall => {
      // The client may be gone by the time something is sent to it; then there is nobody to tell.
      const notify = (notification: ServerNotification) =>
        Effect.ignore(Effect.tryPromise(() => extra.sendNotification(notification)));
      return {
        progressToken: extra._meta?.progressToken,
        notify,
        log: (at, data) =>
          levels.indexOf(at) < levels.indexOf(level)
            ? Effect.void
            : notify({ method: "notifications/message", params: { level: at, logger: "caisson", data } }),
        showsForms: server.getClientCapabilities()?.elicitation?.form !== undefined,
        extra,
      };
    };

    const answer = (method: string, params: unknown, extra: Extra): Effect.Effect<ServerResult, RpcFailure> => {
      if (method === "logging/setLevel" && surface.capabilities.logging !== undefined) return setLevel(params);
      const handler = surface.methods.get(method);
      return handler === undefined ? Effect.fail(methodNotFound(method)) : handler(params, callOf(extra));
    };

    // The SDK's own handler answers bad parameters with its validator's dump.
    server.removeRequestHandler("logging/setLevel");
    server.fallbackRequestHandler = ({ method, params }, extra) =>
      run(
        observedMethod(meter, surface.methods, { method, params, meta: extra._meta }, answer(method, params, extra))
          .pipe(
            places.withPermitsIfAvailable(1),
            Effect.flatMap(Option.match({ onNone: () => Effect.failSync(tooManyRequests), onSome: Effect.succeed })),
            Effect.catchDefect((defect) =>
              Effect.andThen(Effect.logError("MCP request failed", Cause.die(defect)), Effect.failSync(internalError))
            ),
            Effect.onInterrupt(() => isEnding ? Effect.void : abandon(extra.requestId)),
            Effect.annotateLogs({
              mcp_method: method,
              mcp_session: extra.sessionId?.slice(0, sessionIdShown) ?? "stdio",
            }),
          ),
        { signal: extra.signal },
      ).catch((error) => Promise.reject(isEnding && !(error instanceof RpcFailure) ? sessionEnded() : error));
    server.onerror = (error) => void report(Effect.logDebug("MCP protocol", error.message));
    yield* Effect.acquireRelease(
      Effect.promise(() => server.connect(transport)),
      () => Effect.promise(() => server.close()),
    );
    // Released before the connection, so that nobody waits for an answer that nobody will give.
    yield* Effect.addFinalizer(() => {
      isEnding = true;
      return Effect.andThen(FiberSet.clear(requests), answersLeave);
    });
    return {
      settled: FiberSet.awaitEmpty(requests),
      running: () => requests.state._tag === "Open" ? requests.state.backing.size : 0,
    };
  });

const sessionEnded = () =>
  new RpcFailure({
    code: rpcCode.refused,
    message: "The session ended while this ran: it was stopped, and its result is lost",
  });

const tooManyRequests = () =>
  new RpcFailure({
    code: rpcCode.refused,
    message: `Too many requests at once: a session may have ${requestsAtOnceMax}`,
  });
