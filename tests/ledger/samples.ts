/**
 * What the table of types cannot know: the smallest request of each operation, and values that mean something.
 */
import type { Json, JsonObject } from "./place.ts";

/** Ids of what is there, by the name that stands in a sample as `{name}`. */
export type Ids = Readonly<Record<string, string>>;

const bases: Readonly<Record<string, JsonObject>> = {
  "chat.completions.create": { messages: [{ role: "user", content: "Hi" }] },
  "responses.create": { input: "Hi" },
  "responses.compact": { model: "ledger", input: "Hi" },
  "responses.inputTokens.count": { input: "Hi" },
  "conversations.items.create": { items: [{ role: "user", content: "Hi" }] },
  "containers.create": { name: "more" },
  "files.create": { file: "(file)", purpose: "user_data" },
};

/** The smallest request of an operation. */
export const baseOf = (operation: string): JsonObject => bases[operation] ?? {};

const png =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const hello: JsonObject = { role: "user", content: "Hi" };
const functionTool: JsonObject = { type: "function", name: "find", parameters: {} };
const customTool: JsonObject = { type: "custom", name: "find" };
const shellTool: JsonObject = { type: "shell", environment: { type: "container_auto" } };
const interpreterTool: JsonObject = { type: "code_interpreter", container: { type: "auto" } };
const chatTool: JsonObject = { type: "function", function: { name: "find" } };

const call: JsonObject = { type: "function_call", call_id: "call_1", name: "find", arguments: "{}" };
const callOutput: JsonObject = { type: "function_call_output", call_id: "call_1", output: "found" };
const customCall: JsonObject = { type: "custom_tool_call", call_id: "call_1", name: "find", input: "x" };
const customOutput: JsonObject = { type: "custom_tool_call_output", call_id: "call_1", output: "found" };
const shellCall: JsonObject = { type: "shell_call", call_id: "call_1", action: { commands: ["ls"] } };
const shellOutcome: JsonObject = { outcome: { type: "exit", exit_code: 0 }, stdout: "found", stderr: "" };
const shellOutput: JsonObject = { type: "shell_call_output", call_id: "call_1", output: [shellOutcome] };
const approvalRequest: JsonObject = {
  type: "mcp_approval_request",
  id: "mcpr_1",
  name: "shell",
  arguments: "{}",
  server_label: "caisson",
};
const approvalResponse: JsonObject = {
  type: "mcp_approval_response",
  approval_request_id: "mcpr_1",
  approve: false,
};
const chatCall: JsonObject = { id: "call_1", type: "function", function: { name: "find", arguments: "{}" } };
const chatResult: JsonObject = { role: "tool", tool_call_id: "call_1", content: "found" };

const chat: Readonly<Record<string, Json>> = {
  model: "other",
  temperature: 0.5,
  top_p: 0.5,
  "messages[developer].content[]": [{ type: "text", text: "Hi" }],
  "messages[developer].content": [{ type: "text", text: "Hi" }],
  "messages[user].content[image_url]": [{ type: "image_url", image_url: { url: png } }],
  "messages[user].content[image_url].image_url": { url: png },
  "messages[user].content[image_url].image_url.url": png,
  "messages[user].content[file]": [{ type: "file", file: { file_data: "YSxi", filename: "a.csv" } }],
  "messages[user].content[file].file": { file_data: "YSxi", filename: "a.csv" },
  "messages[user].content[file].file.file_data": "YyxkCg==",
  "messages[user].content[file].file.filename": "b.csv",
  "messages[user].content[file].file.file_id": "{upload}",
  "messages[assistant]": [{ role: "assistant", content: "Hm" }],
  "messages[assistant].tool_calls": [chatCall],
  "messages[assistant].tool_calls[function]": [chatCall],
  "messages[assistant].tool_calls[function].id": "call_1",
  "messages[tool]": [chatResult],
  "messages[tool].content": "lost",
  "messages[tool].tool_call_id": "call_1",
  "tool_choice[function]": { type: "function", function: { name: "find" } },
  "tool_choice[function].function": { name: "find" },
  "tool_choice[function].function.name": "find",
  "tool_choice[allowed_tools]": {
    type: "allowed_tools",
    allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "find" } }] },
  },
  "tools[function].function.parameters": { type: "object", properties: { a: { type: "string" } } },
  "response_format[json_schema].json_schema.schema": { type: "object" },
};

/** Archives with a `SKILL.md` that says something else each. */
const skillArchives = [
  "UEsDBBQAAAAAAAAAIVCvBug9CgAAAAoAAAAIAAAAU0tJTEwubWRTYXkgaGVsbG8uUEsBAhQAFAAAAAAAAAAhUK8G6D0KAAAACgAAAAgAAAAAAAAA" +
  "AAAAAAAAAAAAAFNLSUxMLm1kUEsFBgAAAAABAAEANgAAADAAAAAAAA==",
  "UEsDBBQAAAAAAAAAIVBq4fVwCAAAAAgAAAAIAAAAU0tJTEwubWRTYXkgYnllLlBLAQIUABQAAAAAAAAAIVBq4fVwCAAAAAgAAAAIAAAAAAAAAAAA" +
  "AAAAAAAAAABTS0lMTC5tZFBLBQYAAAAAAQABADYAAAAuAAAAAAA=",
] as const;
const skillSource = (data: string): JsonObject => ({ type: "base64", media_type: "application/zip", data });
const inlineSkill: JsonObject = {
  type: "inline",
  name: "greet",
  description: "How to greet",
  source: skillSource(skillArchives[0]),
};
const namedSkill: JsonObject = { type: "skill_reference", skill_id: "plotting" };

/** Skills of a container, where one is asked for. */
const skillsIn = (place: string): Readonly<Record<string, Json>> => ({
  [place]: [namedSkill],
  [`${place}[skill_reference]`]: [namedSkill],
  [`${place}[skill_reference].skill_id`]: "plotting",
  [`${place}[skill_reference].version`]: "latest",
  [`${place}[inline]`]: [inlineSkill],
  [`${place}[inline].source`]: skillSource(skillArchives[0]),
  [`${place}[inline].source.data`]: skillArchives[1],
});

/** Images and files, where what is said and what tools gave may have them. */
const partsIn = (place: string): Readonly<Record<string, Json>> => ({
  [`${place}[input_image]`]: [{ type: "input_image", image_url: png }],
  [`${place}[input_image].image_url`]: png,
  [`${place}[input_image].file_id`]: "{picture}",
  [`${place}[input_file]`]: [{ type: "input_file", file_data: "YSxi", filename: "a.csv" }],
  [`${place}[input_file].file_data`]: "YyxkCg==",
  [`${place}[input_file].filename`]: "b.csv",
  [`${place}[input_file].file_id`]: "{upload}",
});

const responses: Readonly<Record<string, Json>> = {
  ...partsIn("input[message].content"),
  ...partsIn("input[function_call_output].output"),
  ...partsIn("input[custom_tool_call_output].output"),
  ...skillsIn("tools[shell].environment[container_auto].skills"),
  model: "other",
  conversation: "{conversation}",
  "conversation.id": "{conversation}",
  previous_response_id: "{response}",
  input: "Bye",
  temperature: 0.5,
  top_p: 0.5,
  "text.format[json_schema].schema": { type: "object" },
  "input[message]": [{ type: "message", role: "user", content: "Bye" }],
  "input[function_call]": [call],
  "input[function_call].arguments": '{"a":1}',
  "input[function_call].call_id": "call_1",
  "input[function_call_output]": [callOutput],
  "input[function_call_output].call_id": "call_1",
  "input[function_call_output].output": "lost",
  "input[custom_tool_call]": [customCall],
  "input[custom_tool_call].call_id": "call_1",
  "input[custom_tool_call_output]": [customOutput],
  "input[custom_tool_call_output].call_id": "call_1",
  "input[custom_tool_call_output].output": "lost",
  "input[shell_call]": [shellCall],
  "input[shell_call].call_id": "call_1",
  "input[shell_call_output]": [shellOutput],
  "input[shell_call_output].call_id": "call_1",
  "input[shell_call_output].output": [shellOutcome],
  "input[mcp_approval_request]": [approvalRequest],
  "input[mcp_approval_request].arguments": '{"a":1}',
  "input[mcp_approval_response]": [approvalResponse],
  "input[mcp_approval_response].approval_request_id": "mcpr_1",
  "input[item_reference]": [{ type: "item_reference", id: "{answer}" }],
  "input[item_reference].id": "{answer}",
  "input[reasoning].content[]": [{ type: "reasoning_text", text: "Hm" }],
  "input[reasoning].content": [{ type: "reasoning_text", text: "Hm" }],
  "tools[function]": [functionTool],
  "tools[function].parameters": { type: "object", properties: { a: { type: "string" } } },
  "tools[code_interpreter]": [interpreterTool],
  "tools[code_interpreter].container": { type: "auto" },
  "tools[code_interpreter].container.network_policy[allowlist]": {
    type: "allowlist",
    allowed_domains: ["api.example.com"],
  },
  "tools[code_interpreter].container.network_policy[allowlist].allowed_domains": ["a.example.org"],
  "tools[code_interpreter].container.network_policy[allowlist].domain_secrets": [{
    domain: "api.example.com",
    name: "TOKEN",
    value: "value",
  }],
  "tools[code_interpreter].container.network_policy[allowlist].domain_secrets[]": [{
    domain: "api.example.com",
    name: "TOKEN",
    value: "value",
  }],
  "tools[code_interpreter].container.network_policy[allowlist].domain_secrets[].domain": "api.example.com",
  "tools[code_interpreter].container.file_ids": ["{upload}"],
  "tools[shell].environment[container_auto].file_ids": ["{upload}"],
  "tools[shell]": [shellTool],
  "tools[shell].environment": { type: "container_auto" },
  "tools[shell].environment[container_reference]": { type: "container_reference", container_id: "{container}" },
  "tools[shell].environment[container_reference].container_id": "{container}",
  "tools[namespace]": [{ type: "namespace", name: "space", description: "Space", tools: [functionTool] }],
  "tools[namespace].tools": [functionTool],
  "tools[namespace].tools[function]": [functionTool],
  "tool_choice[function]": { type: "function", name: "find" },
  "tool_choice[function].name": "find",
  "tool_choice[custom]": { type: "custom", name: "find" },
  "tool_choice[custom].name": "find",
  "tool_choice[allowed_tools]": { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "find" }] },
  "tool_choice[allowed_tools].tools": [{ type: "function", name: "find" }],
};

const { model: _model, ...lesser } = responses;

const samples: Readonly<Record<string, Readonly<Record<string, Json>>>> = {
  "chat.completions.create": chat,
  "responses.create": responses,
  "responses.compact": lesser,
  "responses.inputTokens.count": { ...lesser, input: "Something longer than a greeting" },
  "responses.inputItems.list": { after: "{firstInput}" },
  "conversations.items.list": { after: "{item}" },
  "conversations.create": { items: [hello] },
  "conversations.items.create": { items: [{ role: "user", content: "More" }] },
  "containers.create": { name: "another", file_ids: ["{upload}"], ...skillsIn("skills") },
  "containers.files.create": { file_id: "{upload}" },
  "containers.list": { after: "{container}", name: "other" },
  "containers.files.list": { after: "{file}" },
  "files.list": { after: "{upload}" },
  "files.create": {
    expires_after: { anchor: "created_at", seconds: 3600 },
    "expires_after.seconds": 3600,
  },
};

/** The samples of our own for an operation's fields. */
export const ownSamples = (operation: string): Readonly<Record<string, Json>> => samples[operation] ?? {};

/** Whether a value of our own is the only one that is tried. */
export const hasOwnSample = (operation: string, path: string): boolean => path in ownSamples(operation);

const besides: ReadonlyArray<readonly [operation: string, path: RegExp, body: JsonObject]> = [
  ["chat.completions.create", /^stream_options/, { stream: true }],
  ["chat.completions.create", /^(tool_choice|parallel_tool_calls)/, { tools: [chatTool] }],
  // Each chat is of a user of its own, files are of the one that sent them.
  ["chat.completions.create", /\.file_id$/, { user: "ledger" }],
  ["responses.create", /^(stream_options)/, { stream: true }],
  ["responses.create", /^(tool_choice\b|parallel_tool_calls)/, { tools: [functionTool] }],
  ["responses.create", /^tool_choice\[custom\]/, { tools: [customTool] }],
  ["responses.create", /^tool_choice\[shell\]/, { tools: [shellTool] }],
  ["responses.retrieve", /^starting_after/, { stream: true }],
];

/** What a request needs beside a field for the field to mean something. */
export const beside = (operation: string, path: string): JsonObject =>
  besides.filter(([name, pattern]) => name === operation && pattern.test(path))
    .reduce((all, [, , body]) => ({ ...all, ...body }), {});

/** What stands before and behind what is tried in a list of messages or items. */
export const around = (
  operation: string,
  path: string,
): readonly [before: ReadonlyArray<Json>, after: ReadonlyArray<Json>] => {
  if (operation === "chat.completions.create") {
    if (path.includes("tool_calls")) return [[], [chatResult, hello]];
    return path.startsWith("messages[tool]")
      ? [[{ role: "assistant", tool_calls: [chatCall] }], [hello]]
      : [[], [hello]];
  }
  if (!/^input\b/.test(path)) return [[], []];
  if (path.startsWith("input[function_call]")) return [[], [callOutput, hello]];
  if (path.startsWith("input[function_call_output]")) return [[call], [hello]];
  if (path.startsWith("input[custom_tool_call]")) return [[], [customOutput, hello]];
  if (path.startsWith("input[custom_tool_call_output]")) return [[customCall], [hello]];
  if (path.startsWith("input[shell_call]")) return [[], [shellOutput, hello]];
  if (path.startsWith("input[mcp_approval_response]")) return [[approvalRequest], [hello]];
  if (path.startsWith("input[shell_call_output]")) return [[shellCall], [hello]];
  return [[], [hello]];
};
