/**
 * Sends every field of the table to the application, and says what is seen of it.
 */
import { type Json, type JsonObject, samplesOf, withValue } from "./place.ts";
import { around, baseOf, beside, hasOwnSample, type Ids, ownSamples } from "./samples.ts";
import type { Field, Operation } from "./surface.ts";
import type { Answer, World } from "./world.ts";

/** What is seen of one value. */
export type Seen =
  | { readonly _tag: "Refused"; readonly status: number; readonly param: string | null; readonly code: string | null }
  /** It goes on, and the answer names the field among those that were left out. */
  | { readonly _tag: "Named" }
  /** Without it the request is refused. */
  | { readonly _tag: "Required" }
  /** The model is asked something else. */
  | { readonly _tag: "Asked" }
  /** The answer is another, beyond the field's own echo. */
  | { readonly _tag: "Answered" }
  /** Nothing is seen but the field itself in the answer. */
  | { readonly _tag: "Echoed" }
  | { readonly _tag: "Unseen" };

const rootOf = (path: string): string => /^\w+/.exec(path)?.[0] ?? path;

const without = (body: string, name: string): string => {
  try {
    const { [name]: _echo, ...rest } = JSON.parse(body);
    return JSON.stringify(rest);
  } catch {
    return body;
  }
};

const compare = (path: string, given: Answer, absent: Answer): Seen => {
  if (given.status >= 400) {
    return { _tag: "Refused", status: given.status, param: given.param, code: given.code };
  }
  if (given.notApplied.some((name) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`))) {
    return { _tag: "Named" };
  }
  if (absent.status >= 400) return { _tag: "Required" };
  if (given.asked !== absent.asked) return { _tag: "Asked" };
  if (without(given.body, rootOf(path)) !== without(absent.body, rootOf(path))) return { _tag: "Answered" };
  return { _tag: given.body === absent.body ? "Unseen" : "Echoed" };
};

/** The values that are tried: every one of a few, both of two, else the smallest that the type has. */
const valuesOf = (field: Field, sample: Json): ReadonlyArray<Json> => {
  if (field.values !== undefined) return Array.isArray(sample) ? field.values.map((value) => [value]) : field.values;
  return typeof sample === "boolean" ? [true, false] : [sample];
};

/** What is seen of a field, value by value. */
export interface Row {
  readonly field: Field;
  readonly seen: ReadonlyArray<readonly [value: Json, seen: Seen]>;
}

const filled = (value: Json, ids: Ids): Json => {
  const text = JSON.stringify(value).replaceAll(/\{(\w+)\}/g, (whole, name: string) => ids[name] ?? whole);
  return JSON.parse(text);
};

export const asObject = (value: Json): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {};

/** The body with what must stand around a message or an item. */
const among = (operation: string, path: string, body: JsonObject): JsonObject => {
  const root = rootOf(path);
  const list = body[root] ?? [];
  if ((root !== "messages" && root !== "input") || !Array.isArray(list)) return body;
  const [before, after] = around(operation, path);
  return { ...body, [root]: [...before, ...list, ...after] };
};

/** Asks for one field with each of its values. */
export const tryField = async (world: World, operation: Operation, field: Field): Promise<Row> => {
  const ids: Ids = { ...world.known };
  const own = ownSamples(operation.name);
  const sampleOf = samplesOf(operation.fields, own);
  const base = { ...baseOf(operation.name), ...beside(operation.name, field.path) };
  const ask = (value: Json | undefined) => {
    const at = (place: Field["in"], among: JsonObject) =>
      field.in === place ? withValue(among, field.path.replace(/\[[^\]]*\]$/, ""), value, sampleOf) : among;
    const body = field.in === "body" ? among(operation.name, field.path, at("body", base)) : base;
    const query = field.in === "query" ? at("query", base) : {};
    return world.ask(operation, asObject(filled(body, ids)), asObject(filled(query, ids)));
  };
  const isVariant = field.path.endsWith("]");
  const absent = await ask(undefined);
  const seen: Array<readonly [Json, Seen]> = [];
  const sample = own[field.path] ?? field.sample;
  const values = isVariant || hasOwnSample(operation.name, field.path) ? [sample] : valuesOf(field, sample);
  for (const value of values) seen.push([value, compare(field.path, await ask(value), absent)]);
  return { field, seen };
};
