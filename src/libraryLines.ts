/**
 * What libraries print of their own accord, as lines of the log.
 *
 * A provider's SDK warns on the console that a model is deprecated: in several lines, in a form of its own, and on
 * whichever stream it likes. A collector takes such a line for a broken one, and a protocol on standard output breaks.
 */
import { format } from "node:util";
import { Effect, Layer, Queue } from "effect";

/** Lines that wait to be logged; a library that says more at once is heard in its newest. */
const linesMax = 64;

/** Characters of one line. */
const charactersMax = 2_000;

type Method = "debug" | "error" | "info" | "log" | "warn";

const levels = { debug: "Debug", error: "Warn", info: "Info", log: "Info", warn: "Warn" } as const;

/**
 * Turns what is printed by the console's methods into lines of the log, for as long as the scope lives.
 *
 * *Details*: `kept` is the method by which the logger itself writes. What a library says may quote a caller, so it is
 * bounded and told as one line.
 */
export const layer = (kept: "error" | "log"): Layer.Layer<never> =>
  Layer.effectDiscard(Effect.gen(function* () {
    const lines = yield* Queue.sliding<{ readonly method: Method; readonly text: string }>(linesMax);
    const { console } = globalThis;
    const methods = (["debug", "error", "info", "log", "warn"] as const).filter((method) => method !== kept);
    const before = methods.map((method) => [method, console[method]] as const);
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        for (const method of methods) {
          console[method] = (...said: ReadonlyArray<unknown>) => {
            const text = format(...said).slice(0, charactersMax).toWellFormed().trim();
            Queue.offerUnsafe(lines, { method, text });
          };
        }
      }),
      () =>
        Effect.sync(() => {
          for (const [method, print] of before) console[method] = print;
        }),
    );
    yield* Queue.take(lines).pipe(
      Effect.flatMap(({ method, text }) => Effect.logWithLevel(levels[method])(`a library says: ${text}`)),
      Effect.forever,
      Effect.forkScoped,
    );
  }));
