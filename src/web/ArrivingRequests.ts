/**
 * Requests whose body is still on its way, so that none takes forever.
 *
 * A server bounds the time of whole requests by itself, but then of every one; some of the MCP server's are streams.
 */
import type { IncomingMessage, Server } from "node:http";
import { Duration, Effect, Schedule } from "effect";

/** How often it is looked. */
const lookEvery = Duration.seconds(30);
/** Looks that a request may be on its way for: five minutes, as at the API. */
const looksMax = 10;

/** The error that Node itself has for it. */
class ArrivedTooLate extends Error {
  readonly code = "ERR_HTTP_REQUEST_TIMEOUT";
}

/** The requests of one server that are still arriving. */
export class ArrivingRequests {
  /** How many looks each has been on its way for. */
  readonly #looks = new Map<IncomingMessage, number>();
  readonly #server: Server;

  /** Knows every request of a server that has a body, but for those at paths where a body is a stream. */
  constructor(server: Server, isStream: (path: string) => boolean) {
    this.#server = server;
    server.on("request", (request) => {
      const { headers, url = "" } = request;
      const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
      if (!hasBody || isStream(url)) return;
      this.#looks.set(request, 0);
      request.once("close", () => this.#looks.delete(request));
    });
  }

  /** Requests that are known to be on their way. */
  get size(): number {
    return this.#looks.size;
  }

  /** Looks at every request: those that are there are forgotten, those that take too long are refused as too late. */
  look(): void {
    for (const [request, looks] of this.#looks) {
      if (request.complete || request.destroyed) this.#looks.delete(request);
      else if (looks < looksMax) this.#looks.set(request, looks + 1);
      else {
        this.#looks.delete(request);
        this.#server.emit("clientError", new ArrivedTooLate("the request took too long"), request.socket);
      }
    }
  }

  /** Looks again and again, until it is interrupted. */
  readonly looking: Effect.Effect<void> = Effect.sync(() => this.look()).pipe(
    Effect.schedule(Schedule.spaced(lookEvery)),
    Effect.asVoid,
  );
}
