/**
 * What a request may not have too many of, and what may not stand beside each other: refused as OpenAI
 * refuses it, before anything is decoded.
 */
import { headOf } from "../../domain/cutText.ts";
import { InvalidRequest } from "../frame/errors.ts";

type Body = Readonly<Record<string, unknown>>;

/** OpenAI's bound of tools; a model chooses badly among more. */
const toolsMax = 128;
/** Parts of all messages together; a long conversation with pictures has hundreds. */
const partsMax = 10_000;
/** Values in what tools and formats declare; OpenAI's bound of properties is five thousand. */
const declaredValuesMax = 20_000;
/** OpenAI's bounds of `metadata`. */
const metadataPairsMax = 16;
const metadataKeyMax = 64;
const metadataValueMax = 512;

const wrong = (param: string, why: string, code = "invalid_value") => new InvalidRequest({ param, why, code });

const isRecord = (value: unknown): value is Body => typeof value === "object" && value !== null;
const listAt = (body: Body, name: string): ReadonlyArray<unknown> => {
  const value = body[name];
  return Array.isArray(value) ? value : [];
};

/** Whether values hold more values within them than a bound; it looks at no more than that. */
const holdsMoreThan = (values: ReadonlyArray<unknown>, most: number): boolean => {
  const waiting = [...values];
  for (let seen = 0; waiting.length > 0; seen++) {
    if (seen > most) return true;
    const value = waiting.pop();
    if (!isRecord(value)) continue;
    for (const inner of Object.values(value)) waiting.push(inner);
  }
  return false;
};

const metadataPastBound = (metadata: unknown): InvalidRequest | undefined => {
  if (!isRecord(metadata)) return undefined;
  const pairs = Object.entries(metadata);
  if (pairs.length > metadataPairsMax) return wrong("metadata", `Expected at most ${metadataPairsMax} pairs`);
  for (const [key, value] of pairs) {
    if (key.length > metadataKeyMax) {
      return wrong("metadata", `Expected keys of at most ${metadataKeyMax} characters in 'metadata'`);
    }
    if (typeof value === "string" && value.length > metadataValueMax) {
      return wrong(`metadata.${key}`, `Expected at most ${metadataValueMax} characters in 'metadata.${key}'`);
    }
  }
  return undefined;
};

/** Something that a body says, under the name that it has there. */
type Named = readonly [name: string, value: unknown];

/** What a body has of what is bounded. */
interface Bounded {
  readonly tools: ReadonlyArray<Named>;
  readonly format: Named;
  readonly messages: Named;
  readonly metadata: unknown;
}

/** Where messages and items keep their parts. */
const partLists = ["content", "tool_calls", "summary", "output", "outputs"] as const;

const toolsPastBound = ([name, value]: Named): InvalidRequest | undefined => {
  const tools = Array.isArray(value) ? value : [];
  if (tools.length > toolsMax) {
    return wrong(name, `Expected at most ${toolsMax} tools in '${name}', got ${tools.length}`);
  }
  return holdsMoreThan(tools, declaredValuesMax)
    ? wrong(name, `Expected '${name}' to declare at most ${declaredValuesMax} values in all`)
    : undefined;
};

const partsPastBound = ([name, value]: Named): InvalidRequest | undefined => {
  let parts = 0;
  for (const message of Array.isArray(value) ? value : []) {
    if (isRecord(message)) { for (const list of partLists) parts += listAt(message, list).length; }
  }
  return parts > partsMax ? wrong(name, `Expected at most ${partsMax} parts and calls in all of '${name}'`) : undefined;
};

const firstPastBound = ({ tools, format: [formatName, format], messages, metadata }: Bounded) => {
  for (const named of tools) {
    const tooMany = toolsPastBound(named);
    if (tooMany !== undefined) return tooMany;
  }
  if (holdsMoreThan([format], declaredValuesMax)) {
    return wrong(formatName, `Expected '${formatName}' to declare at most ${declaredValuesMax} values`);
  }
  return partsPastBound(messages) ?? metadataPastBound(metadata);
};

/** The first bound that a chat passes by what it has too many of; undefined when it keeps them. */
export const chatPastBound = (body: Body): InvalidRequest | undefined =>
  firstPastBound({
    tools: [["tools", body["tools"]]],
    format: ["response_format", body["response_format"]],
    messages: ["messages", body["messages"]],
    metadata: body["metadata"],
  });

/** The same of a request for a response, in the words of that. */
export const responsePastBound = (body: Body): InvalidRequest | undefined =>
  firstPastBound({
    tools: [
      ["tools", body["tools"]],
      ...listAt(body, "input").flatMap((item, index): ReadonlyArray<Named> =>
        isRecord(item) && item["tools"] !== undefined ? [[`input[${index}].tools`, item["tools"]]] : []
      ),
    ],
    format: ["text.format", isRecord(body["text"]) ? body["text"]["format"] : undefined],
    messages: ["input", body["input"]],
    metadata: body["metadata"],
  });

/** What `stream_options` may hold. */
const streamOptionNames: ReadonlySet<string> = new Set(["include_usage", "include_obfuscation"]);

/** Two parameters of a body that exclude each other; undefined when there are none. */
export const contradictionIn = (body: Body): InvalidRequest | undefined => {
  const options = body["stream_options"];
  if (isRecord(options)) {
    if (body["stream"] !== true) {
      return wrong("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled");
    }
    const unknown = Object.keys(options).find((name) => !streamOptionNames.has(name));
    if (unknown !== undefined) {
      const param = `stream_options.${headOf(unknown, metadataKeyMax)}`;
      return wrong(param, `Unknown parameter: '${param}'`, "unknown_parameter");
    }
  }
  const given = (name: string) => body[name] !== undefined && body[name] !== null;
  return given("max_tokens") && given("max_completion_tokens")
    ? wrong(
      "max_tokens",
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported: send one",
      "invalid_parameter_combination",
    )
    : undefined;
};
