/**
 * `GET /v1/usage`: what the caller's principal has used, by day and model.
 *
 * Days are UTC days. `from` and `to` are included; the last thirty days are told when they are left out.
 */
import { Clock, DateTime, Effect, Option, Schema } from "effect";
import { WireUsage } from "../../domain/ChatChunk.ts";
import { add, type Usage, zero } from "../../domain/Usage.ts";
import { reportDaysMax, UsageLedger } from "../../services/UsageLedger.ts";
import { Caller } from "../frame/Caller.ts";
import { InvalidRequest } from "../frame/errors.ts";

/** Days that are told when the caller names none. */
const daysUsual = 30;

/** The days that are asked for. */
export const UsageQuery = Schema.Struct({
  from: Schema.optionalKey(Schema.String.annotate({ description: "The first day, such as 2026-01-31." })),
  to: Schema.optionalKey(Schema.String.annotate({ description: "The last day; absent: today (UTC)." })),
});

const dayFields = { runs: Schema.Int, usage: WireUsage, cost_usd: Schema.Number };

/** What was used on one day with one model. */
export const UsageDay = Schema.Struct({
  object: Schema.Literal("usage.day"),
  day: Schema.String,
  model: Schema.String,
  ...dayFields,
}).annotate({ identifier: "UsageDay" });

/** What was used on some days, oldest first, and in all. */
export const UsageReport = Schema.Struct({
  object: Schema.Literal("list"),
  from: Schema.String,
  to: Schema.String,
  data: Schema.Array(UsageDay),
  total: Schema.Struct(dayFields).annotate({
    description: "cost_usd counts the runs of models that have a price in CAISSON_MODELS.",
  }),
}).annotate({ identifier: "UsageReport" });

const wireUsage = (usage: Usage): WireUsage => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedInputTokens },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
});

/** A day as the query names it; a date that does not exist is refused. */
const dayOf = (param: "from" | "to", text: string): Effect.Effect<DateTime.Utc, InvalidRequest> => {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Option.map(DateTime.make(text), DateTime.toUtc) : Option.none();
  return Option.isSome(day) && DateTime.formatIsoDateUtc(day.value) === text
    ? Effect.succeed(day.value)
    : Effect.fail(new InvalidRequest({ param, why: `${param} must be a day such as 2026-01-31`, code: null }));
};

const range = Effect.fnUntraced(function* (query: typeof UsageQuery.Type) {
  const today = DateTime.formatIsoDateUtc(DateTime.makeUnsafe(yield* Clock.currentTimeMillis));
  const to = yield* dayOf("to", query.to ?? today);
  const usual = DateTime.formatIsoDateUtc(DateTime.subtract(to, { days: daysUsual - 1 }));
  const from = yield* dayOf("from", query.from ?? usual);
  const days = (DateTime.toEpochMillis(to) - DateTime.toEpochMillis(from)) / (24 * 60 * 60 * 1000) + 1;
  if (days < 1 || days > reportDaysMax) {
    return yield* new InvalidRequest({
      param: "from",
      why: `from must be at most ${reportDaysMax - 1} days before to, and not after it`,
      code: null,
    });
  }
  return { from: DateTime.formatIsoDateUtc(from), to: DateTime.formatIsoDateUtc(to) };
});

/** Builds the handler. */
export const make = Effect.gen(function* () {
  const ledger = yield* UsageLedger;

  return Effect.fnUntraced(function* (query: typeof UsageQuery.Type) {
    const { principal } = (yield* Caller).ownerOf();
    const days = yield* range(query);
    const data = yield* ledger.report(principal, days);
    const body: typeof UsageReport.Type = {
      object: "list",
      ...days,
      data: data.map(({ day, model, runs, usage, usd }) => ({
        object: "usage.day",
        day,
        model,
        runs,
        usage: wireUsage(usage),
        cost_usd: usd,
      })),
      total: {
        runs: data.reduce((sum, { runs }) => sum + runs, 0),
        usage: wireUsage(data.reduce((sum, { usage }) => add(sum, usage), zero)),
        cost_usd: data.reduce((sum, { usd }) => sum + usd, 0),
      },
    };
    return body;
  });
});
