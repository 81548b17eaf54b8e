/**
 * The WebSockets of a server: each peer is asked whether it is still there, and all are closed with the server.
 */
import { WebSocket } from "@effect/platform-node/NodeWS";
import { Duration, Effect, Schedule } from "effect";

/** How often a peer is asked; proxies drop a line on which nothing was said for a minute. */
const pingEvery = Duration.seconds(30);
/** Questions that a peer may leave unanswered: an answer stands behind what a slow line still carries. */
const unansweredMax = 2;
/** What a peer is told when the server ends: RFC 6455's "going away". */
const goingAway = 1001;

/** The WebSockets of one server. */
export class LiveSockets {
  /** How many questions each has not answered. */
  readonly #unanswered = new Map<WebSocket, number>();

  /** The class of which the server makes its sockets, so that each is known here. */
  readonly socketClass: typeof WebSocket;

  constructor() {
    const watch = (socket: WebSocket): void => {
      this.#unanswered.set(socket, 0);
      const answered = () => this.#unanswered.set(socket, 0);
      socket.on("pong", answered).on("message", answered).once("close", () => this.#unanswered.delete(socket));
    };
    // A field rather than a constructor, because the constructor of the class has overloads that must stay.
    this.socketClass = class extends WebSocket {
      protected readonly watched = watch(this);
    };
  }

  /** Sockets that are open. */
  get size(): number {
    return this.#unanswered.size;
  }

  /**
   * Asks every peer, and cuts those that did not answer before.
   *
   * *Details*: a socket that is not read at the moment is passed over, because its answer waits unread.
   */
  ask(): void {
    for (const [socket, unanswered] of this.#unanswered) {
      if (socket.isPaused) continue;
      if (unanswered >= unansweredMax) {
        socket.terminate();
        continue;
      }
      this.#unanswered.set(socket, unanswered + 1);
      socket.ping();
    }
  }

  /** Asks again and again, until it is interrupted. */
  readonly asking: Effect.Effect<void> = Effect.sync(() => this.ask()).pipe(
    Effect.schedule(Schedule.spaced(pingEvery)),
    Effect.asVoid,
  );

  /** Tells every peer that the server ends. */
  readonly leave: Effect.Effect<void> = Effect.sync(() => {
    for (const socket of this.#unanswered.keys()) socket.close(goingAway, "The server is shutting down");
  });
}
