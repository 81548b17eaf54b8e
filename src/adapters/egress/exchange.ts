/**
 * Bytes between a program and the world, counted and bounded, each way until its end.
 */
import { Clock, Duration, Effect } from "effect";
import type { SandboxError, StreamError } from "../../services/Sandbox.ts";
import type { Share } from "./Allowances.ts";
import { OutsideError } from "./Outside.ts";

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
 * *Details*: `first` is what the program has sent already. `upBytesMax` ends the way up after so many bytes; what
 * comes later is not read.
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
    readonly upBytesMax?: number;
  },
): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock;
    const { share, carried, upBytesMax = Infinity } = options;
    let movedAtMs = clock.currentTimeMillisUnsafe();
    const count = (way: keyof Carried, bytes: number) => {
      carried[way] += bytes;
      movedAtMs = clock.currentTimeMillisUnsafe();
      const why = share.count(bytes, movedAtMs);
      return why === undefined ? Effect.void : Effect.fail(new OutsideError({ why }));
    };
    const up = Effect.gen(function* () {
      let left = upBytesMax;
      for (let piece: Uint8Array | undefined = options.first; piece !== undefined && left > 0;) {
        const part = piece.subarray(0, Math.min(piece.length, left));
        left -= part.length;
        if (part.length > 0) {
          yield* count("upBytes", part.length);
          yield* outside.write(part);
        }
        if (left > 0) piece = yield* inside.read;
      }
      // An origin that is asked for one answer might take the end of a bounded way for a client that went away.
      if (upBytesMax === Infinity) yield* outside.end;
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
        const leftMs = movedAtMs + idleMsMax - clock.currentTimeMillisUnsafe();
        if (leftMs <= 0) return yield* new OutsideError({ why: "nothing moved for two minutes" });
        yield* Effect.sleep(leftMs);
      }
    });
    const both = upBytesMax === Infinity
      ? Effect.all([up, down], { concurrency: 2, discard: true })
      // The answer may come before the whole of the body was taken; with it the exchange is over.
      : Effect.raceFirst(down, Effect.andThen(up, Effect.never));
    yield* Effect.raceFirst(both, watch).pipe(Effect.timeoutOrElse({
      duration: lifeMax,
      orElse: () => Effect.fail(new OutsideError({ why: "the connection lasted for an hour" })),
    }));
  });
