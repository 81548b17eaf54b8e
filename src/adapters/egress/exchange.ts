/**
 * Bytes between a program and the world, counted and bounded, each way until its end.
 */
import { Clock, Duration, Effect } from "effect";
import type { SandboxError, StreamError } from "../../services/Sandbox.ts";
import type { Share } from "./Allowances.ts";
import { OutsideError } from "./Outside.ts";
import type { HttpBody } from "../../domain/httpBody.ts";

/** Neither way moved for this long: a peer that still cares sends something before. */
const idleMsMax = 120_000;
/** Nothing that is waited for takes longer; what streams for ever is cut and may connect again. */
const lifeMax = Duration.hours(1);

/** What a connection has carried. */
export interface Carried {
  upBytes: number;
  downBytes: number;
}

/** One end as the exchange uses it. */
export interface End {
  readonly read: Effect.Effect<Uint8Array | undefined, Failure>;
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, Failure>;
  readonly end: Effect.Effect<void>;
}

/** Why bytes do not move any more. */
export type Failure = OutsideError | StreamError | SandboxError;

/**
 * Carries bytes both ways until both have ended.
 *
 * *Details*: `first` is what the program has sent already. Where a `body` ends the way up, what comes later is not
 * passed on, and the end of the way down is the end of all.
 *
 * *Fails with* the error of the end that broke, or `OutsideError` when a bound is reached.
 */
export const exchange = (
  inside: End,
  outside: End,
  options: {
    readonly share: Share;
    readonly carried: Carried;
    readonly first: Uint8Array;
    /** What goes up before it, in the place of what the program said. */
    readonly head?: Uint8Array;
    /** Where the way up ends; with the stream when absent. */
    readonly body?: HttpBody;
  },
): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock;
    const { share, carried, body } = options;
    // Not the machine's clock, which may be set while something moves.
    const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6;
    let movedAtMs = nowMs();
    const count = (way: keyof Carried, bytes: number) => {
      carried[way] += bytes;
      movedAtMs = nowMs();
      const why = share.count(bytes, clock.currentTimeMillisUnsafe());
      return why === undefined ? Effect.void : Effect.fail(new OutsideError({ why }));
    };
    const up = Effect.gen(function* () {
      const { head } = options;
      if (head !== undefined) {
        yield* count("upBytes", head.length);
        yield* outside.write(head);
      }
      for (let piece: Uint8Array | undefined = options.first; piece !== undefined && body?.isOver() !== true;) {
        const length = body === undefined ? piece.length : body.take(piece);
        if (length === undefined) return yield* new OutsideError({ why: "the body of the request is malformed" });
        if (length > 0) {
          yield* count("upBytes", length);
          yield* outside.write(piece.subarray(0, length));
        }
        if (body?.isOver() !== true) piece = yield* inside.read;
      }
      // An origin that is asked for one answer might take the end of a bounded way for a client that went away.
      if (body === undefined) yield* outside.end;
    });
    const down = Effect.gen(function* () {
      for (let piece = yield* outside.read; piece !== undefined; piece = yield* outside.read) {
        yield* count("downBytes", piece.length);
        yield* inside.write(piece);
      }
      yield* inside.end;
    });
    const watch = Effect.gen(function* () {
      for (;;) {
        const leftMs = Math.ceil(movedAtMs + idleMsMax - nowMs());
        if (leftMs <= 0) return yield* new OutsideError({ why: "nothing moved for two minutes" });
        yield* Effect.sleep(leftMs);
      }
    });
    const both = body === undefined
      ? Effect.all([up, down], { concurrency: 2, discard: true })
      // The answer may come before the whole of the body was taken; with it the exchange is over.
      : Effect.raceFirst(down, Effect.andThen(up, Effect.never));
    yield* Effect.raceFirst(both, watch).pipe(Effect.timeoutOrElse({
      duration: lifeMax,
      orElse: () => Effect.fail(new OutsideError({ why: "the connection lasted for an hour" })),
    }));
  });
