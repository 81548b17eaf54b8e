/**
 * The WebSocket of `/v1/responses`: a connection on which responses are made one after the other.
 *
 * Whoever connects has been let in by the same rules as every other request, before the upgrade.
 */
import { Array as Arr, Clock, type Context, Duration, Effect, Queue } from "effect";
import { HttpServerRequest, HttpServerResponse } from "effect/http";
import { CloseEvent } from "effect/socket/Socket";
import { taken } from "../../../../web/outgoing.ts";
import { Caller } from "../../../frame/Caller.ts";
import { ConnectionLimitReached, TooManyConnections, UpgradeRequired } from "../../../frame/errors.ts";
import { errorFrame } from "./frames.ts";
import { makeTurns, type Say } from "./turn.ts";

/** Minutes that a connection lasts, OpenAI's own bound: its client connects anew, so that servers can be replaced. */
const connectionMinutesMax = 60;
/** Time without a request after which a connection ends: what it remembers is held for somebody who is there. */
const idleMax = Duration.minutes(20);
/** Connections of one principal: one for each agent at work, and no more than one client's mistake may take. */
const perPrincipalMax = 100;
/** Connections of a server; each holds a file descriptor and what its client sent. */
const connectionsMax = 1_000;
/** Batches of frames that wait while a turn goes on; beyond them the client's line is not read. */
const waitingMax = 1;

/** RFC 6455's codes of a normal end and of a broken rule. */
const normal = 1000;

/** Connections that are open, by principal. */
class Open {
  readonly #counts = new Map<string, number>();
  #all = 0;

  /** Takes a place; the bound that stands against it where there is none. */
  take(principal: string): number | undefined {
    const count = this.#counts.get(principal) ?? 0;
    if (count >= perPrincipalMax) return perPrincipalMax;
    if (this.#all >= connectionsMax) return connectionsMax;
    this.#counts.set(principal, count + 1);
    this.#all++;
    return undefined;
  }

  release(principal: string): void {
    const count = this.#counts.get(principal) ?? 0;
    if (count > 1) this.#counts.set(principal, count - 1);
    else this.#counts.delete(principal);
    this.#all--;
  }
}

/** What the turns of a connection are made of. */
type Parts = Effect.Services<ReturnType<typeof makeTurns>>;

/** Serves an upgraded request until its client leaves, is idle for too long, or the time of a connection is over. */
const serve = Effect.fnUntraced(function* (parts: Context.Context<Parts>) {
  const request = yield* HttpServerRequest.HttpServerRequest;
  const socket = yield* Effect.mapError(request.upgrade, () => new UpgradeRequired());
  const { pull } = yield* socket.reader;
  const { write, writeAll } = yield* socket.writer;
  const say: Say = (frames) => {
    const texts = frames.map((frame) => JSON.stringify(frame));
    return Arr.isReadonlyArrayNonEmpty(texts) ? Effect.andThen(writeAll(texts), taken(request)) : Effect.void;
  };
  const turn = yield* Effect.provideContext(makeTurns(say), parts);
  const waiting = yield* Queue.bounded<string | Uint8Array>(waitingMax);
  // The line is read during a turn as well: whoever hangs up ends it.
  const reading = Effect.forever(Effect.flatMap(pull, (frames) => Queue.offerAll(waiting, frames)));
  const untilMs = (yield* Clock.currentTimeMillis) + Duration.toMillis(Duration.minutes(connectionMinutesMax));

  const answering = Effect.gen(function* () {
    for (;;) {
      const left = Duration.millis(untilMs - (yield* Clock.currentTimeMillis));
      if (Duration.isPositive(left)) {
        const next = yield* Effect.timeoutOption(Queue.take(waiting), Duration.min(idleMax, left));
        if (next._tag === "Some") {
          yield* turn(next.value);
          continue;
        }
        if (Duration.isLessThan(idleMax, left)) return yield* write(new CloseEvent(normal, "No request for too long"));
      }
      yield* say([errorFrame(new ConnectionLimitReached({ minutes: connectionMinutesMax }))]);
      return yield* write(new CloseEvent(normal, "Connection limit reached"));
    }
  });
  yield* Effect.raceFirst(answering, reading);
}, (connection) =>
  connection.pipe(
    Effect.scoped,
    // However the line ended, there is nobody left to be told.
    Effect.catchTag("SocketError", (error) => Effect.logDebug("a WebSocket was closed", error)),
  ));

/** Makes the handler of the endpoint. */
export const makeConnect = Effect.map(Effect.context<Parts>(), (parts) => {
  const open = new Open();
  return Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest.HttpServerRequest;
    if (headers["upgrade"]?.toLowerCase() !== "websocket") return yield* new UpgradeRequired();
    const { name } = (yield* Caller).identity.principal;
    const limit = open.take(name);
    if (limit !== undefined) return yield* new TooManyConnections({ limit });
    yield* Effect.ensuring(serve(parts), Effect.sync(() => open.release(name)));
    return HttpServerResponse.empty({ status: 101 });
  });
});
