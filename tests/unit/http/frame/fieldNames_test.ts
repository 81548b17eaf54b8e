/**
 * What an error of a run calls the field that is wrong: as the door calls it to which the request came.
 */
import assert from "node:assert/strict";
import { type ErrorKey, errorTable, keyOf } from "../../../../src/http/frame/errorTable.ts";
import type { HttpError } from "../../../../src/http/frame/errors.ts";
import { runFieldOf } from "../../../../src/http/frame/providerFields.ts";
import { toReply } from "../../../../src/http/frame/reply.ts";
import { chatFieldNames, fieldNamesOf } from "../../../../src/http/openai/chat/fieldNames.ts";
import { ChatRequest } from "../../../../src/http/openai/chat/wire.ts";
import { responsesFieldNames } from "../../../../src/http/openai/responses/fieldNames.ts";
import { ResponseRequest } from "../../../../src/http/openai/responses/wire.ts";
import { runErrors } from "../../../../src/http/openai/runFailures.ts";
import { UnknownCallAnswered } from "../../../../src/runs/RunError.ts";
import { TurnNotFound } from "../../../../src/agent/Conversation.ts";
import { FileError } from "../../../../src/services/Sandbox.ts";
import {
  ContextTooLong,
  ModelError,
  type ModelErrorReason,
  ModelNotFound,
  PromptBlocked,
  RequestRefused,
} from "../../../../src/services/Model.ts";

const model = (reason: ModelErrorReason) => new ModelError({ provider: "gemini", model: "m", reason, detail: "d" });
const refusal = (param: string) => model(new RequestRefused({ param }));

const rootOf = (param: string | null): string => param?.split(".")[0] ?? "";

/** An error of each row that names a field which it does not bring with it. */
const naming: ReadonlyArray<HttpError> = [
  model(new ContextTooLong()),
  model(new PromptBlocked({ why: "content policy" })),
  refusal("messages[3].content"),
  new ModelNotFound({ model: "m", why: "no", available: [] }),
  new FileError({ path: "uploads/a", reason: "NoSpace", why: "no space" }),
  new UnknownCallAnswered({ callId: "c" }),
  new TurnNotFound({ turn: "t" }),
];

/** What providers say is wrong, and how the caller of each door said it. */
const provided: ReadonlyArray<readonly [param: string, chat: string | null, responses: string | null]> = [
  ["messages[2].content.0", "messages", "input"],
  ["messages.0.content", "messages", "input"],
  ["contents[0].parts[1]", "messages", "input"],
  ["system", "messages", "instructions"],
  ["max_tokens", "max_completion_tokens", "max_output_tokens"],
  ["max_completion_tokens", "max_completion_tokens", "max_output_tokens"],
  ["generation_config.max_output_tokens", "max_completion_tokens", "max_output_tokens"],
  ["generationConfig.maxOutputTokens", "max_completion_tokens", "max_output_tokens"],
  ["response_format", "response_format", "text.format"],
  ["response_format.json_schema.schema", "response_format", "text.format"],
  ["generation_config.response_json_schema.properties", "response_format", "text.format"],
  ["output_config.format.schema", "response_format", "text.format"],
  ["output_config.effort", "reasoning_effort", "reasoning.effort"],
  ["reasoning_effort", "reasoning_effort", "reasoning.effort"],
  ["thinking.budget_tokens", "reasoning_effort", "reasoning.effort"],
  ["verbosity", "verbosity", "text.verbosity"],
  ["text.verbosity", "verbosity", "text.verbosity"],
  ["tools[5].function.parameters", "tools", "tools"],
  ["tools.0.custom.input_schema", "tools", "tools"],
  ["tool_choice", "tool_choice", "tool_choice"],
  ["parallel_tool_calls", "parallel_tool_calls", "parallel_tool_calls"],
  ["temperature", "temperature", "temperature"],
  ["generation_config.top_p", "top_p", "top_p"],
  ["generation_config.top_k", "top_k", null],
  ["stop_sequences", "stop", null],
  ["presence_penalty", "presence_penalty", null],
  ["constructor", null, null],
  ["something_else", null, null],
];

Deno.test("a provider's name of a field is told as each door's callers know it", () => {
  for (const [param, chat, responses] of provided) {
    for (const [names, wanted] of [[chatFieldNames, chat], [responsesFieldNames, responses]] as const) {
      const { error } = toReply(refusal(param), { names }).envelope;
      assert.equal(error.param, wanted, param);
      assert.ok(error.message.includes(`'${wanted ?? param}'`), error.message);
    }
  }
});

Deno.test("the limit of tokens has the name that the request gave it", () => {
  const names = fieldNamesOf({ max_tokens: 5 });
  assert.equal(toReply(refusal("max_completion_tokens"), { names }).envelope.error.param, "max_tokens");
  assert.equal(
    toReply(refusal("max_tokens"), { names: fieldNamesOf({}) }).envelope.error.param,
    "max_completion_tokens",
  );
});

Deno.test("every name of a field is one of the door's own request", () => {
  const doors = [[chatFieldNames, ChatRequest.fields], [responsesFieldNames, ResponseRequest.fields]] as const;
  for (const [names, fields] of doors) {
    for (const name of Object.values(names)) assert.ok(name === null || rootOf(name) in fields, String(name));
  }
  for (const name of Object.values(chatFieldNames)) assert.ok(name === null || name.includes(".") || runFieldOf(name));
});

Deno.test("every error of a run that names a field names it as the door does, and nothing where there was none", () => {
  const tags: ReadonlySet<string> = new Set(runErrors);
  const rows: ReadonlyArray<[string, { readonly param?: unknown }]> = Object.entries(errorTable);
  // What a door finds itself it names itself.
  const ownNames = new Set(["InvalidRequest", "FileNotFound"]);
  const keys = rows.filter(([key, row]) => row.param !== undefined && tags.has(key.split(".")[0] ?? ""))
    .map(([key]) => key).filter((key) => !ownNames.has(key));
  const known: ReadonlyMap<ErrorKey, HttpError> = new Map(naming.map((error) => [keyOf(error), error]));
  assert.deepEqual(keys.toSorted(), [...known.keys()].toSorted());
  for (const error of naming) {
    const inChat = toReply(error, { names: chatFieldNames }).envelope.error;
    const inResponses = toReply(error, { names: responsesFieldNames }).envelope.error;
    assert.ok(rootOf(inChat.param) in ChatRequest.fields, keyOf(error));
    assert.ok(rootOf(inResponses.param) in ResponseRequest.fields, keyOf(error));
    assert.doesNotMatch(inResponses.message, /messages|role 'tool'|max_tokens|response_format|metadata/i);
    const { param } = toReply(error).envelope.error;
    assert.ok(param === null || error._tag === "ModelNotFound", keyOf(error));
  }
});
