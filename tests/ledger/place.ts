/**
 * Puts a value at a path of a request, as `openai.json` writes paths: `tools[function].strict`, `messages[user].content`.
 */
import type { Schema } from "effect";
import type { Field } from "./surface.ts";

export type Json = Schema.Json;
export type JsonObject = Readonly<Record<string, Json>>;

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The steps to a path: a name, whether it is one of a list, and the path up to it. */
const stepsOf = (
  path: string,
): ReadonlyArray<{ readonly name: string; readonly isList: boolean; readonly path: string }> => {
  let at = "";
  return path.split(".").map((step) => {
    at = at === "" ? step : `${at}.${step}`;
    const bracket = step.indexOf("[");
    return { name: bracket < 0 ? step : step.slice(0, bracket), isList: step.endsWith("[]"), path: at };
  });
};

/** The value by which a path's place is there: of samples of our own first, else the SDK's smallest. */
export type SampleOf = (path: string) => Json | undefined;

/** Samples of the fields of an operation. */
export const samplesOf = (fields: ReadonlyArray<Field>, own: Readonly<Record<string, Json>>): SampleOf => {
  const known = new Map(fields.map(({ path, sample }) => [path, sample]));
  return (path) => own[path] ?? known.get(path);
};

/** What stands on the way to a place: an object, or the only one of a list. */
const wayOf = (
  sample: Json | undefined,
): { readonly inside: JsonObject; readonly wrap: (inside: JsonObject) => Json } => {
  if (Array.isArray(sample)) {
    const last = sample.at(-1);
    return {
      inside: isObject(last) ? last : {},
      wrap: (inside) => [...sample.slice(0, -1), inside],
    };
  }
  return { inside: isObject(sample) ? sample : {}, wrap: (inside) => inside };
};

const put = (
  object: JsonObject,
  steps: ReturnType<typeof stepsOf>,
  value: Json | undefined,
  sampleOf: SampleOf,
): JsonObject => {
  const [step, ...rest] = steps;
  if (step === undefined) return object;
  const { [step.name]: before, ...others } = object;
  if (rest.length === 0) return value === undefined ? others : { ...others, [step.name]: value };
  const sample = sampleOf(step.path) ?? before ?? (step.isList ? [{}] : {});
  const { inside, wrap } = wayOf(step.isList && !Array.isArray(sample) ? [{}] : sample);
  return { ...others, [step.name]: wrap(put(inside, rest, value, sampleOf)) };
};

/** A body with a value at a path, and what the way to it needs; without a value, the same body but for it. */
export const withValue = (body: JsonObject, path: string, value: Json | undefined, sampleOf: SampleOf): JsonObject => {
  const steps = stepsOf(path);
  return put(body, steps, value, sampleOf);
};
