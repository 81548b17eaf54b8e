/**
 * What of a Responses request goes on without effect: unknown fields, fields of OpenAI's that mean nothing here, items
 * and tools that are passed over.
 *
 * Everything that is read stands in the tables of this file; whatever else a request gives is named.
 */
import type { SamplingParameter } from "../../../services/Model.ts";
import { type Given, others } from "../notApplied.ts";
import { isHosted } from "./hostedTools.ts";
import { isPassedOver } from "./tools.ts";
import { typeOfItem } from "./readInput.ts";
import { ResponseRequest } from "./wire.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Hints that change nothing here, whatever they say, and what clients note for themselves. */
const hints: ReadonlySet<string> = new Set([
  "prompt_cache_key",
  "prompt_cache_retention",
  "prompt_cache_options",
  "client_metadata",
]);

/** Fields in which these values ask for nothing else than what is done without them. */
const neutral: Readonly<Record<string, ReadonlyArray<unknown>>> = {
  service_tier: ["auto", "default"],
  "stream_options.include_obfuscation": [false],
  "reasoning.context": ["auto"],
  "reasoning.mode": ["standard"],
  "reasoning.summary": ["auto"],
  "reasoning.generate_summary": ["auto"],
};

/** What is read of the objects among the fields. */
const nested: Readonly<Record<string, ReadonlySet<string>>> = {
  stream_options: new Set(),
  reasoning: new Set(["effort"]),
  text: new Set(["format", "verbosity"]),
};

/** Fields that only describe the object that has them. */
const describing: ReadonlySet<string> = new Set([
  "type",
  "id",
  "status",
  "role",
  "phase",
  "created_by",
  "caller",
  "annotations",
  "logprobs",
  "prompt_cache_breakpoint",
]);

/** What is read of each type of item. */
const items: Readonly<Record<string, ReadonlySet<string>>> = {
  message: new Set(["content"]),
  function_call: new Set(["call_id", "name", "namespace", "arguments"]),
  function_call_output: new Set(["call_id", "output", "name", "namespace"]),
  custom_tool_call: new Set(["call_id", "name", "namespace", "input"]),
  custom_tool_call_output: new Set(["call_id", "output", "name", "namespace"]),
  reasoning: new Set(["summary", "content", "encrypted_content"]),
  additional_tools: new Set(["tools"]),
  code_interpreter_call: new Set(["code", "outputs", "container_id"]),
  shell_call: new Set(["call_id", "action", "environment"]),
  shell_call_output: new Set(["call_id", "output", "max_output_length"]),
  mcp_approval_request: new Set(["name", "arguments", "server_label", "container_id"]),
  mcp_approval_response: new Set(["approval_request_id", "approve", "reason"]),
  item_reference: new Set(),
  compaction: new Set(["encrypted_content"]),
};

/** What is read of each part of a message, and of what a tool gave. */
const parts: Readonly<Record<string, ReadonlySet<string>>> = {
  input_text: new Set(["text"]),
  output_text: new Set(["text"]),
  text: new Set(["text"]),
  refusal: new Set(["refusal"]),
  input_image: new Set(["image_url", "file_id"]),
  input_file: new Set(["file_data", "filename", "file_url", "file_id"]),
};

/** Items whose output may have parts. */
const withParts: ReadonlySet<string> = new Set(["function_call_output", "custom_tool_call_output"]);

/** What is read of each type of tool. */
const toolFields: Readonly<Record<string, ReadonlySet<string>>> = {
  function: new Set(["type", "name", "description", "parameters", "strict"]),
  custom: new Set(["type", "name", "description", "format"]),
  namespace: new Set(["type", "name", "tools"]),
  code_interpreter: new Set(["type", "container"]),
  shell: new Set(["type", "environment"]),
};

const none: ReadonlySet<string> = new Set();

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const objectsOf = (value: unknown): ReadonlyArray<JsonObject> => Array.isArray(value) ? value.filter(isObject) : [];

/** A field whose value asks for something else than what is done anyway. */
const isAsking = (path: string, value: unknown): boolean => neutral[path]?.includes(value) !== true;

const fieldsOf = (body: JsonObject): ReadonlyArray<string> =>
  Object.entries(body).flatMap(([name, value]) => {
    if (value === null || value === undefined || hints.has(name)) return [];
    const read = nested[name];
    if (read !== undefined && isObject(value)) {
      return others(value, name, read).filter((path) => isAsking(path, value[path.slice(name.length + 1)]));
    }
    return Object.hasOwn(ResponseRequest.fields, name) || !isAsking(name, value) ? [] : [name];
  });

const toolOf = (tool: JsonObject, place: string): ReadonlyArray<string> => {
  const type = typeof tool["type"] === "string" ? tool["type"] : "";
  const at = `${place}[${type}]`;
  if (isPassedOver(tool)) return [at];
  const left = others(tool, at, toolFields[type] ?? none);
  return isHosted(tool)
    ? left
    : [...left, ...objectsOf(tool["tools"]).flatMap((member) => toolOf(member, `${at}.tools`))];
};

/** Parts of messages are of a type that is known; of what a tool gave, one that is not is named alone. */
const partsOf = (content: unknown, place: string): ReadonlyArray<string> =>
  objectsOf(content).flatMap((part) => {
    const type = String(part["type"]);
    const at = `${place}[${type}]`;
    const read = parts[type];
    if (read === undefined) return [at];
    return others(part, at, describing, read).filter((path) =>
      !(path.endsWith(".detail") && part["detail"] === "auto")
    );
  });

const itemOf = (item: JsonObject): ReadonlyArray<string> => {
  const type = typeOfItem(item);
  const at = `input[${type}]`;
  const read = items[type];
  if (read === undefined) return [at];
  return [
    ...others(item, at, describing, read),
    ...(type === "message" ? partsOf(item["content"], `${at}.content`) : []),
    ...(type === "additional_tools" ? objectsOf(item["tools"]).flatMap((tool) => toolOf(tool, `${at}.tools`)) : []),
    ...(withParts.has(type) ? partsOf(item["output"], `${at}.output`) : []),
  ];
};

/** What is read of a schema that the answer is to follow. */
const formatFields: ReadonlySet<string> = new Set(["type", "name", "schema", "strict"]);

const formatOf = (text: unknown): ReadonlyArray<string> => {
  const format = isObject(text) ? text["format"] : undefined;
  return isObject(format) && format["type"] === "json_schema"
    ? others(format, "text.format[json_schema]", formatFields)
    : [];
};

/** The fields of a request that are left out of it, by their places. */
export const leftOut = (body: JsonObject): ReadonlyArray<string> => [
  ...fieldsOf(body),
  ...formatOf(body["text"]),
  ...objectsOf(body["tools"]).flatMap((tool) => toolOf(tool, "tools")),
  ...objectsOf(body["input"]).flatMap(itemOf),
];

const sampling: ReadonlyArray<readonly [name: string, as: SamplingParameter, neutral: unknown]> = [
  ["temperature", "temperature", 1],
  ["top_p", "topP", 1],
];

/** Where functions are strict; a schema is followed as well as the model can where its provider does not know of it. */
const strictOf = (tool: JsonObject, place: string): ReadonlyArray<Given> => {
  const at = `${place}[${String(tool["type"])}]`;
  if (tool["type"] === "namespace") {
    return objectsOf(tool["tools"]).flatMap((member) => strictOf(member, `${at}.tools`));
  }
  return tool["type"] === "function" && tool["strict"] === true ? [{ name: `${at}.strict`, as: "strictTools" }] : [];
};

/** What a request gives that reaches some models only. */
export const sampled = (body: JsonObject): ReadonlyArray<Given> => {
  const text = body["text"];
  const verbosity = isObject(text) ? text["verbosity"] ?? "medium" : "medium";
  return [
    ...sampling.flatMap(([name, as, neutral]) => (body[name] ?? neutral) === neutral ? [] : [{ name, as }]),
    ...(verbosity === "medium" ? [] : [{ name: "text.verbosity", as: "verbosity" as const }]),
    ...objectsOf(body["tools"]).flatMap((tool) => strictOf(tool, "tools")),
    ...objectsOf(body["input"]).filter((item) => typeOfItem(item) === "additional_tools")
      .flatMap((item) => objectsOf(item["tools"]))
      .flatMap((tool) => strictOf(tool, "input[additional_tools].tools")),
  ];
};
