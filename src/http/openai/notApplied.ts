/**
 * What of a request goes on without effect: named in a header of the answer and in the log, never ignored in silence.
 */
import { Effect, Option } from "effect";
import type { ModelInfo, ModelNotFound, PartlyTaken } from "../../services/Model.ts";

/** The response header that names what was left out of a request. */
export const notAppliedHeader = "x-caisson-not-applied";

/** Names that one answer tells; a request that has more is told of the first. */
const namesMax = 24;

/** What a name looks like that can stand in a header: a field, or a place such as `tools[shell].x`. */
const namePattern = /^[\w.[\]-]{1,96}$/;

/** The names that are told: each once, those that no header could carry left out. */
const told = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...new Set(names)].filter((name) => namePattern.test(name)).slice(0, namesMax);

/** The header of an answer; none where everything was applied. */
export const notAppliedHeaders = (names: ReadonlyArray<string>): Readonly<Record<string, string>> =>
  names.length === 0 ? {} : { [notAppliedHeader]: names.join(", ") };

/** What a request gives that reaches some models only. */
export interface Given {
  readonly name: string;
  /** The agent's name of it. */
  readonly as: PartlyTaken;
}

/**
 * What is given that the model's provider does not take.
 *
 * *Details*: the model is looked up only when a request names one. That there is no such model is for the run to say.
 */
export const notTaken = Effect.fnUntraced(function* (
  given: ReadonlyArray<Given>,
  find: Effect.Effect<ModelInfo, ModelNotFound>,
) {
  if (given.length === 0) return [];
  const found = yield* Effect.option(find);
  const takes = Option.isSome(found) ? found.value.takes : undefined;
  return takes === undefined ? [] : given.filter(({ as }) => !takes.has(as)).map(({ name }) => name);
});

/** Names what is left out, for the answer and in the log. */
export const noted = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  const all = told(names);
  if (all.length > 0) yield* Effect.logInfo(`not applied: ${all.join(", ")}`);
  return all;
});

/** Whether a field is given: `null` never is. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** The fields of an object that are given and stand in none of the lists, below a place. */
export const others = (
  object: Readonly<Record<string, unknown>>,
  place: string,
  ...known: ReadonlyArray<ReadonlySet<string>>
): ReadonlyArray<string> =>
  Object.keys(object)
    .filter((name) => isGiven(object[name]) && !known.some((names) => names.has(name)))
    .map((name) => `${place}.${name}`);
