/**
 * One MCP session over HTTP: the SDK's transport, what it remembers, and how its requests reach it.
 */
import { Effect, type Scope } from "effect";
// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import type { RequestId } from "@modelcontextprotocol/sdk/types";
import { makeEarlyCancellations } from "./earlyCancellations.ts";
import { EventForgotten, rpcCode } from "./errors.ts";
import { makeEventStore } from "./eventStore.ts";
import { connect } from "./protocolServer.ts";
import type { Surface } from "./Surface.ts";

/** What a message means to the cancellation of calls. */
export interface Heard {
  readonly id?: RequestId | undefined;
  /** The call that the message cancels. */
  readonly cancels?: RequestId | undefined;
}

/** A session that is connected to its surface. */
export interface ConnectedSession {
  /**
   * Hands a request of this session to the transport; `body` is its parsed body, if it has one, and
   * `heard` is the request or cancellation in it.
   *
   * *Details*: a stream that is resumed, or opened once more, is taken over from the connection that had it.
   *
   * *Fails with* `EventForgotten` when it resumes after an event that is not kept.
   */
  readonly handle: (request: Request, body?: unknown, heard?: Heard) => Effect.Effect<Response, EventForgotten>;
  /** Waits until no request is running. */
  readonly settled: Effect.Effect<void>;
  /** Requests that run now. */
  readonly running: () => number;
}

/** Wait that a client is asked for before it resumes a broken stream. */
const reconnectMs = 1000;

/**
 * Connects a surface to a transport of its own, for as long as the scope is open.
 *
 * *Details*: closing the scope answers what still runs, and closes the session's streams after it.
 */
export const connectSession: (
  id: string,
  surface: Surface,
  keepAliveMs: number,
) => Effect.Effect<ConnectedSession, never, Scope.Scope> = Effect.fnUntraced(function* (id, surface, keepAliveMs) {
  const events = makeEventStore();
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => id,
    eventStore: events,
    retryInterval: reconnectMs,
    keepAliveMs,
  });
  // A cancelled request gets no answer from the SDK, and its stream would stay open as long as the session.
  const abandon = (requestId: RequestId) =>
    Effect.ignore(Effect.tryPromise(() =>
      transport.send({
        jsonrpc: "2.0",
        id: requestId,
        error: { code: rpcCode.requestCancelled, message: "Request cancelled" },
      })
    ));
  const { settled, running } = yield* connect(surface, { transport, abandon });
  const cancellations = makeEarlyCancellations();

  const handOver = async (request: Request, body: unknown, { id: called, cancels }: Heard): Promise<Response> => {
    if (cancels !== undefined) cancellations.cancelled(cancels);
    const response = await transport.handleRequest(request, body === undefined ? {} : { parsedBody: body });
    if (called !== undefined && cancellations.arrived(called)) {
      transport.onmessage?.({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: called } });
    }
    return response;
  };

  return {
    settled,
    running,
    handle: (request, body, heard = {}) =>
      Effect.suspend(() => {
        const resumed = request.method === "GET" ? request.headers.get("last-event-id") : null;
        if (resumed !== null && !events.isResumable(resumed)) return Effect.fail(new EventForgotten());
        // The old connection may be dead without anybody having noticed: the client, who knows, comes again.
        if (request.method === "GET" && resumed === null) transport.closeStandaloneSSEStream();
        return Effect.promise(() => handOver(request, body, heard));
      }),
  };
});
