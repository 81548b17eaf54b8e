/**
 * What libraries print of their own accord, as lines of the log.
 *
 * A provider's SDK warns on the console that a model is deprecated: in several lines, in a form of its own, and on
 * whichever stream it likes. A collector takes such a line for a broken one, and a protocol on standard output breaks.
 *
 * The console belongs to the process, so only an entry takes it; a program that embeds us keeps its own.
 */
import process from "node:process";
import { format } from "node:util";
import { Context, Effect, Layer, Queue } from "effect";

/** Lines that wait to be logged; a library that says more at once is heard in its newest. */
const linesMax = 64;

/** Characters of one line, which may quote a caller. */
const charactersMax = 2_000;

const levels = { debug: "Debug", error: "Warn", info: "Info", log: "Info", warn: "Warn" } as const;

type Method = keyof typeof levels;
const methods = ["debug", "error", "info", "log", "warn"] as const satisfies ReadonlyArray<Method>;

interface Printed {
  readonly method: Method;
  readonly text: string;
}

/** What was printed and is to be logged; nothing where the console was not taken. */
const Lines = Context.Reference<Queue.Queue<Printed> | undefined>("caisson/libraryLines", {
  defaultValue: () => undefined,
});

/**
 * Takes the console's methods for as long as the scope lives, but for the one by which the logger itself writes.
 *
 * *Details*: on a terminal they stay as they are: people read them there. What was not logged when the scope closes,
 * as where a start failed, is printed as it would have been.
 */
export const taken = (
  toStderr: boolean,
  isTerminal: boolean = (toStderr ? process.stderr : process.stdout).isTTY === true,
): Layer.Layer<never> => {
  if (isTerminal) return Layer.empty;
  const kept = toStderr ? "error" : "log";
  return Layer.effect(
    Lines,
    Effect.gen(function* () {
      const lines = yield* Queue.sliding<Printed>(linesMax);
      const { console } = globalThis;
      const before = methods.filter((method) => method !== kept).map((method) => [method, console[method]] as const);
      for (const [method] of before) {
        console[method] = (...said: ReadonlyArray<unknown>) => {
          const text = format(...said).slice(0, charactersMax).toWellFormed().trim();
          Queue.offerUnsafe(lines, { method, text });
        };
      }
      yield* Effect.addFinalizer(() =>
        Effect.map(Queue.clear(lines), (left) => {
          for (const [method, print] of before) console[method] = print;
          for (const { method, text } of left) console[method](text);
        })
      );
      return lines;
    }),
  );
};

/** Logs what libraries print, where the console was {@link taken}. */
export const logged: Layer.Layer<never> = Layer.effectDiscard(Effect.gen(function* () {
  const lines = yield* Lines;
  if (lines === undefined) return;
  yield* Queue.take(lines).pipe(
    Effect.flatMap(({ method, text }) => Effect.logWithLevel(levels[method])(`a library says: ${text}`)),
    Effect.forever,
    Effect.forkScoped,
  );
}));
