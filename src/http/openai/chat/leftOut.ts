/**
 * What of a chat's messages and tools goes on without effect; the parameters beside them stand in `parameters.ts`.
 */
import { others } from "../notApplied.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const objectsOf = (value: unknown): ReadonlyArray<JsonObject> => Array.isArray(value) ? value.filter(isObject) : [];

/** What is read of a message. */
const read: ReadonlySet<string> = new Set(["role", "content", "refusal", "tool_calls", "tool_call_id"]);

/** What only describes a message, and what clients send back of an answer. */
const describing: ReadonlySet<string> = new Set(["id", "annotations", "reasoning_content", "reasoning"]);

/** What is read of each part of a content, and the hint that stands beside it. */
const parts: Readonly<Record<string, ReadonlySet<string>>> = {
  text: new Set(["type", "text", "prompt_cache_breakpoint"]),
  refusal: new Set(["type", "refusal", "prompt_cache_breakpoint"]),
  image_url: new Set(["type", "image_url", "prompt_cache_breakpoint"]),
  input_audio: new Set(["type", "input_audio", "prompt_cache_breakpoint"]),
  file: new Set(["type", "file", "prompt_cache_breakpoint"]),
};

const none: ReadonlySet<string> = new Set();
const imageFields: ReadonlySet<string> = new Set(["url"]);
const toolFields: ReadonlySet<string> = new Set(["type", "function"]);
const functionFields: ReadonlySet<string> = new Set(["name", "description", "parameters", "strict"]);
const formatFields: ReadonlySet<string> = new Set(["name", "schema", "strict"]);

const partOf = (part: JsonObject, place: string): ReadonlyArray<string> => {
  const at = `${place}[${String(part["type"])}]`;
  const image = part["image_url"];
  return [
    ...others(part, at, parts[String(part["type"])] ?? none),
    ...(isObject(image) && image["detail"] !== "auto" ? others(image, `${at}.image_url`, imageFields) : []),
  ];
};

const messageOf = (message: JsonObject): ReadonlyArray<string> => {
  const place = `messages[${String(message["role"])}]`;
  return [
    ...others(message, place, read, describing),
    ...objectsOf(message["content"]).flatMap((part) => partOf(part, `${place}.content`)),
  ];
};

const functionOf = (declared: JsonObject): ReadonlyArray<string> =>
  others(declared, "tools[function].function", functionFields);

/** The places of a request that are left out of it. */
export const leftOut = (body: JsonObject): ReadonlyArray<string> => {
  const format = body["response_format"];
  const schema = isObject(format) ? format["json_schema"] : undefined;
  return [
    ...objectsOf(body["messages"]).flatMap(messageOf),
    ...objectsOf(body["tools"]).flatMap((tool) => [
      ...others(tool, "tools[function]", toolFields),
      ...(isObject(tool["function"]) ? functionOf(tool["function"]) : []),
    ]),
    ...(isObject(schema) ? others(schema, "response_format[json_schema].json_schema", formatFields) : []),
  ];
};
