/**
 * What was written to a peer and is not taken yet: bounded in size, and in the time that a slow one may need.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest";
import { Duration, Effect } from "effect";
import type { HttpServerRequest } from "effect/http";

/** Bytes that may wait for a peer before nothing more is written. */
const waitingBytesMax = 1024 * 1024;
/** Time that a peer has to take what waits; a modem's line needs less. */
const takingMax = Duration.minutes(1);

/**
 * Waits while too much waits for the peer of an upgraded request; one that does not take it in time is cut.
 *
 * *Details*: being cut ends the connection, and with it the fiber that serves it.
 */
export const taken = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { socket } = NodeHttpServerRequest.toIncomingMessage(request);
    const isTaken = () => socket.writableLength <= waitingBytesMax || socket.destroyed;
    if (isTaken()) return Effect.void;
    return Effect.callback<void>((resume) => {
      // Looked at again: a fiber may yield between its look and its wait.
      if (isTaken()) return resume(Effect.void);
      const done = () => resume(Effect.void);
      socket.once("drain", done).once("close", done);
      return Effect.sync(() => socket.off("drain", done).off("close", done));
    }).pipe(
      Effect.timeoutOrElse({ duration: takingMax, orElse: () => Effect.sync(() => void socket.destroy()) }),
    );
  });
