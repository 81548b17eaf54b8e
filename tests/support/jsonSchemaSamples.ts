/**
 * Values made from a JSON Schema for fuzzing: mostly what it allows, sometimes what it does not.
 */

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A repeatable source of numbers from 0 to 1 (mulberry32). */
export const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
};

/** Values that are wrong almost everywhere. */
const hostile: ReadonlyArray<unknown> = [
  null,
  true,
  -1,
  1e308,
  "",
  "\u0000\ud800",
  "x".repeat(5_000),
  [],
  {},
  [[[[[[]]]]]],
  { __proto__: { a: 1 }, constructor: 1, toString: null },
  "data:image/png;base64,AAAA",
];

/** Makes a sampler over one document; `wrongness` is how often a value is replaced by a hostile one. */
export const sampler = (document: Json, next: () => number, wrongness: number) => {
  const pick = <A>(values: ReadonlyArray<A>): A | undefined => values[Math.floor(next() * values.length)];

  const resolve = (schema: Json): Json => {
    const ref = schema["$ref"];
    if (typeof ref !== "string") return schema;
    const found = ref.slice(2).split("/").reduce<unknown>((at, key) => isObject(at) ? at[key] : undefined, document);
    if (!isObject(found)) throw new Error(`a reference leads nowhere: ${ref}`);
    return resolve(found);
  };

  const sampleObject = (schema: Json, depth: number): Json => {
    const properties = isObject(schema["properties"]) ? schema["properties"] : {};
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    const entries = Object.entries(properties).flatMap(([name, property]) =>
      isObject(property) && (required.includes(name) || next() < 0.3) ? [[name, sample(property, depth + 1)]] : []
    );
    if (next() < wrongness) entries.push([pick(["foo", "__proto__", "constructor", ""]) ?? "foo", pick(hostile)]);
    return Object.fromEntries(entries);
  };

  const sample = (given: Json, depth = 0): unknown => {
    if (next() < wrongness) return pick(hostile);
    const schema = resolve(given);
    if (Array.isArray(schema["enum"])) return pick(schema["enum"]);
    const alternatives = schema["anyOf"] ?? schema["oneOf"];
    if (Array.isArray(alternatives)) {
      const chosen: unknown = pick(alternatives);
      return isObject(chosen) ? sample(chosen, depth) : null;
    }
    switch (schema["type"]) {
      case "object":
        return sampleObject(schema, depth);
      case "array": {
        const items = isObject(schema["items"]) ? schema["items"] : {};
        const length = Math.max(Number(schema["minItems"] ?? 0), Math.floor(next() * (depth > 4 ? 1 : 4)));
        return Array.from({ length }, () => sample(items, depth + 1));
      }
      case "string":
        return pick(["", "hi", "scripted", "äöü 🙂", "a_b-c", "x".repeat(70)]);
      case "integer":
        return Math.floor(next() * 10);
      case "number":
        return next() * 2;
      case "boolean":
        return next() < 0.5;
      default:
        return null;
    }
  };

  return sample;
};
