/**
 * Which of a client's functions a message clearly asks for, and with what arguments.
 *
 * A function is meant when every word of its name that says something stands in the message, and the message gives
 * each argument that it needs. What is not clear is not called.
 */
import { Option, Schema } from "effect";
import type { ToolDeclaration } from "../../../domain/Tool.ts";
import type { Step } from "./Step.ts";

/** Words of a function's name that say nothing of what it is about. */
const fillers: ReadonlySet<string> = new Set(
  ("a an and api at by call check current do fetch find for from function get in latest look lookup my of on or query " +
    "read request retrieve run search set show tell the to tool up use with").split(" "),
);

/** Words after which people name the thing that a question is about. */
const prepositions: ReadonlySet<string> = new Set("about at for from in near of on to".split(" "));

/** Words that stand behind a thing and are no part of it. */
const trailing: ReadonlySet<string> = new Set("currently like now please right thanks today tomorrow".split(" "));

const Parameters = Schema.Struct({
  properties: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  required: Schema.optionalKey(Schema.Array(Schema.String)),
});
const decodeParameters = Schema.decodeUnknownOption(Parameters);
const Field = Schema.Struct({
  type: Schema.optionalKey(Schema.Json),
  enum: Schema.optionalKey(Schema.Array(Schema.Json)),
});
const decodeField = Schema.decodeUnknownOption(Field);
type Field = typeof Field.Type;

const wordsOf = (name: string): ReadonlyArray<string> =>
  name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z0-9]+/).filter((word) => word !== "");

/** A word of a message, and where it ends. */
interface Spoken {
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

const spokenIn = (message: string): ReadonlyArray<Spoken> =>
  [...message.matchAll(/[\p{L}\p{N}]+/gu)].map(({ 0: word, index }) => ({
    word: word.toLowerCase(),
    start: index,
    end: index + word.length,
  }));

const same = (spoken: string, word: string): boolean => spoken === word || spoken === `${word}s`;

/** The phrase from a place up to the next mark, without words that are no part of it. */
const phraseFrom = (message: string, start: number): string => {
  const rest = message.slice(start);
  const mark = rest.search(/[?.!,;:\n]/);
  const words = (mark < 0 ? rest : rest.slice(0, mark)).split(/\s+/).filter((word) => word !== "");
  while (trailing.has(words.at(-1)?.toLowerCase() ?? "")) words.pop();
  return words.join(" ");
};

/** What a message says behind the words of a function's name: in quotes, or after a preposition. */
const thingIn = (message: string, spoken: ReadonlyArray<Spoken>, after: number): string | undefined => {
  const [, quoted] = /["“`']([^"”`'\n]+)["”`']/.exec(message.slice(after)) ?? [];
  if (quoted !== undefined) return quoted;
  const named = spoken.find(({ word, start }) => start >= after && prepositions.has(word)) ??
    spoken.find(({ word }) => prepositions.has(word));
  const phrase = named === undefined ? "" : phraseFrom(message, named.end);
  return phrase === "" ? undefined : phrase;
};

const chosen = ({ enum: values = [] }: Field, spoken: ReadonlyArray<Spoken>): Schema.Json | undefined =>
  values.find((value) => typeof value === "string" && spoken.some(({ word }) => word === value.toLowerCase()));

/** The arguments that a message gives a function; undefined when one that it needs is not there. */
const argumentsIn = (
  tool: ToolDeclaration,
  message: string,
  spoken: ReadonlyArray<Spoken>,
  after: number,
): Readonly<Record<string, Schema.Json>> | undefined => {
  const decoded = decodeParameters(tool.parameters);
  if (Option.isNone(decoded)) return undefined;
  const { properties = {}, required = [] } = decoded.value;
  const numbers = [...message.matchAll(/-?\d+(?:\.\d+)?/g)].map(([text]) => Number(text));
  const given: Record<string, Schema.Json> = {};
  let thingTaken = false;
  for (const [name, schema] of Object.entries(properties)) {
    const field = Option.getOrUndefined(decodeField(schema));
    if (field === undefined) continue;
    const types = [field.type].flat();
    let value: Schema.Json | undefined;
    if (field.enum !== undefined) value = chosen(field, spoken);
    else if (!required.includes(name)) continue;
    else if (types.includes("string") && !thingTaken) {
      value = thingIn(message, spoken, after);
      thingTaken = true;
    } else if (types.includes("number") || types.includes("integer")) value = numbers.shift();
    if (value !== undefined) given[name] = value;
  }
  return required.every((name) => given[name] !== undefined) ? given : undefined;
};

/** The call that a message clearly asks for; undefined when none or several fit equally well. */
export const offeredCall = (message: string, tools: ReadonlyArray<ToolDeclaration>): Step | undefined => {
  const spoken = spokenIn(message);
  const fitting = tools.flatMap((tool) => {
    const words = wordsOf(tool.name).filter((word) => !fillers.has(word));
    const found = words.map((word) => spoken.findLast((each) => same(each.word, word)));
    const ends = found.flatMap((each) => each === undefined ? [] : [each.end]);
    if (words.length === 0 || ends.length < words.length) return [];
    const given = argumentsIn(tool, message, spoken, Math.max(...ends));
    return given === undefined ? [] : [{ tool, given, weight: words.length }];
  });
  const most = Math.max(...fitting.map(({ weight }) => weight));
  const [best, ...others] = fitting.filter(({ weight }) => weight === most);
  return best === undefined || others.length > 0
    ? undefined
    : { _tag: "Named", tool: best.tool.name, argumentsJson: JSON.stringify(best.given) };
};
