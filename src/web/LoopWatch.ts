/**
 * Watches that nobody holds the event loop: one process serves everybody, so what holds it holds all.
 */
import { Clock, Context, Duration, Effect, Layer } from "effect";

/** How often the loop is asked for a turn. A timer twice a second costs nothing that can be measured. */
const everyMs = 500;
/** A turn that comes so much later than asked for, in milliseconds, is told in the log. */
const heldMsMin = 250;
/** Requests that a line of the log names, the newest first: one of them held the loop. */
const namedMax = 5;
/** How long the worst lag is remembered, in turns. */
const rememberedTurns = 120;

/** A request while it is worked on. */
export interface Working {
  readonly method: string;
  readonly path: string;
  /** What the request said of its body's size. */
  readonly bytes: number;
}

/** How late the loop has been. */
export interface Lag {
  /** By how much the newest turn came late, in milliseconds. */
  readonly nowMs: number;
  /** The worst of the last minute. */
  readonly worstMs: number;
}

/** What watching offers. */
export interface LoopWatchService {
  /** Notes a request until the returned function is called. */
  readonly enter: (request: Working) => () => void;
  readonly lag: Effect.Effect<Lag>;
}

const named = (working: Iterable<Working>): string =>
  [...working].slice(-namedMax).reverse().map(({ method, path, bytes }) => `${method} ${path} (${bytes} bytes)`)
    .join(", ");

/** Watches the event loop. */
export class LoopWatch extends Context.Service<LoopWatch, LoopWatchService>()("caisson/web/LoopWatch") {
  /** Watches until its scope closes. */
  static readonly layer: Layer.Layer<LoopWatch> = Layer.effect(
    LoopWatch,
    Effect.gen(function* () {
      const working = new Set<Working>();
      const lags: Array<number> = [];

      const turn = Effect.gen(function* () {
        const before = yield* Clock.monotonicTimeNanos;
        yield* Effect.sleep(Duration.millis(everyMs));
        const passedMs = Number(((yield* Clock.monotonicTimeNanos) - before) / 1_000_000n);
        const lateMs = Math.max(0, passedMs - everyMs);
        lags.push(lateMs);
        if (lags.length > rememberedTurns) lags.shift();
        if (lateMs < heldMsMin) return;
        yield* Effect.annotateLogs(Effect.logWarning("the event loop was held"), {
          held_ms: lateMs,
          requests: named(working),
        });
      });
      yield* Effect.forkScoped(Effect.forever(turn));

      return LoopWatch.of({
        enter: (request) => {
          working.add(request);
          return () => void working.delete(request);
        },
        lag: Effect.sync(() => ({ nowMs: lags.at(-1) ?? 0, worstMs: Math.max(0, ...lags) })),
      });
    }),
  );
}
