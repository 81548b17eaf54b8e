/**
 * The ledger as files: a JSON line for each run in one file a day, and today's totals in memory.
 *
 * Totals are read back from today's file at start. They are this process's own: several instances
 * that share a data directory each see the others' runs only after a restart.
 */
import { Clock, DateTime, Effect, Layer, Option, Schema, Semaphore, Stream } from "effect";
import { Settings } from "../../config.ts";
import { add, zero } from "../../domain/Usage.ts";
import {
  type DayUsage,
  LedgerLine,
  nothing,
  reportDaysMax,
  type Spender,
  type Spent,
  UsageLedger,
  type UsageLedgerService,
  UsageLedgerUnavailable,
} from "../../services/UsageLedger.ts";

/** The folder in the data directory. */
const folder = "ledger";
/** Readable by the server's own user only: lines tell who used how much. */
const fileMode = 0o600;

/** What is written to see whether anything can be: a block, so that a full disk shows. */
const probeBytes = 4_096;

const decodeLine = Schema.decodeUnknownOption(Schema.fromJsonString(LedgerLine));

const dayOf = (ms: number): string => DateTime.formatIsoDateUtc(DateTime.makeUnsafe(ms));

const unavailable = (cause: unknown) =>
  new UsageLedgerUnavailable({ detail: cause instanceof Error ? cause.message : String(cause), cause });

const sum = (left: Spent, right: Spent): Spent => ({ tokens: left.tokens + right.tokens, usd: left.usd + right.usd });

/** Totals of one day. */
class Totals {
  readonly #principals = new Map<string, Spent>();
  readonly #owners = new Map<string, Spent>();

  constructor(readonly day: string) {}

  add({ principal, owner }: Spender, amount: Spent): void {
    this.#principals.set(principal, sum(this.#principals.get(principal) ?? nothing, amount));
    if (owner !== null) this.#owners.set(owner, sum(this.#owners.get(owner) ?? nothing, amount));
  }

  of({ principal, owner }: Spender): { readonly user: Spent; readonly principal: Spent } {
    return {
      principal: this.#principals.get(principal) ?? nothing,
      user: (owner === null ? undefined : this.#owners.get(owner)) ?? nothing,
    };
  }
}

/** The lines of a day; a line that was cut by a crash is left out, a day without a file has none. */
const linesOf = (directory: string, day: string): Stream.Stream<LedgerLine, UsageLedgerUnavailable> =>
  Stream.unwrap(
    Effect.tryPromise({
      try: () =>
        Deno.open(`${directory}/${day}.jsonl`).catch((problem) => {
          if (problem instanceof Deno.errors.NotFound) return undefined;
          throw problem;
        }),
      catch: unavailable,
    }).pipe(
      Effect.map((file) =>
        file === undefined
          ? Stream.empty
          : Stream.fromReadableStream({ evaluate: () => file.readable, onError: unavailable })
      ),
    ),
  ).pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.map((text) => decodeLine(text)),
    Stream.filter(Option.isSome),
    Stream.map(({ value }) => value),
  );

const dayMs = 24 * 60 * 60 * 1000;

/** The days from one to another, the last of them when there are too many. Days are counted, never compared as text. */
const daysBetween = (from: string, to: string): ReadonlyArray<string> => {
  const [first, last] = [DateTime.make(from), DateTime.make(to)];
  if (Option.isNone(first) || Option.isNone(last)) return [];
  const lastMs = DateTime.toEpochMillis(last.value);
  const count = Math.min(Math.floor((lastMs - DateTime.toEpochMillis(first.value)) / dayMs) + 1, reportDaysMax);
  return Array.from({ length: Math.max(0, count) }, (_, index) => dayOf(lastMs - (count - 1 - index) * dayMs));
};

const tokensOf = ({ usage }: LedgerLine): number => usage.inputTokens + usage.outputTokens;

/** Makes a ledger in a directory; the directory is made with the first line. */
export const make = Effect.fnUntraced(function* (directory: string): Effect.fn.Return<UsageLedgerService> {
  const writing = yield* Semaphore.make(1);

  const load = (day: string) =>
    linesOf(directory, day).pipe(
      Stream.runFold(() => new Totals(day), (totals, line) => {
        totals.add(line, { tokens: tokensOf(line), usd: line.usd ?? 0 });
        return totals;
      }),
      Effect.catch((problem) =>
        Effect.as(
          Effect.logWarning("today's usage could not be read back; totals start at nothing", problem),
          new Totals(day),
        )
      ),
    );
  let current = yield* Effect.flatMap(Clock.currentTimeMillis, (ms) => load(dayOf(ms)));
  const totals = Effect.map(Clock.currentTimeMillis, (ms) => {
    const day = dayOf(ms);
    if (current.day !== day) current = new Totals(day);
    return current;
  });

  const append = (line: LedgerLine) =>
    Effect.tryPromise({
      try: async () => {
        await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
        await Deno.writeTextFile(`${directory}/${dayOf(line.atMs)}.jsonl`, `${JSON.stringify(line)}\n`, {
          append: true,
          mode: fileMode,
        });
      },
      catch: unavailable,
    });

  const probe = `${directory}/.check`;
  const check = Effect.tryPromise({
    try: async () => {
      await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
      await Deno.writeFile(probe, new Uint8Array(probeBytes), { mode: fileMode });
      await Deno.remove(probe);
    },
    catch: unavailable,
  });

  return {
    check: writing.withPermits(1)(check),
    charge: (spender, amount) => Effect.map(totals, (day) => day.add(spender, amount)),
    today: (spender) => Effect.map(totals, (day) => day.of(spender)),
    record: (line) =>
      writing.withPermits(1)(append(line)).pipe(
        Effect.catch((problem) => Effect.logWarning("a run is missing in the ledger", line, problem)),
      ),
    report: (principal, { from, to }) =>
      Effect.map(
        Effect.forEach(daysBetween(from, to), (day) =>
          linesOf(directory, day).pipe(
            Stream.filter((line) => line.principal === principal),
            Stream.runFold(() => new Map<string, DayUsage>(), (models, line) => {
              const { model } = line;
              const so = models.get(model) ?? { day, model, runs: 0, usage: zero, usd: 0 };
              return models.set(model, {
                ...so,
                runs: so.runs + 1,
                usage: add(so.usage, line.usage),
                usd: so.usd + (line.usd ?? 0),
              });
            }),
          )),
        (days) => days.flatMap((models) => [...models.values()]),
      ),
  };
});

/** The ledger in the data directory of the settings. */
export const layer: Layer.Layer<never, never, Settings> = Layer.effect(
  UsageLedger,
  Effect.flatMap(Settings, ({ dataPath }) => make(`${dataPath}/${folder}`)),
);
