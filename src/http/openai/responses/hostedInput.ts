/**
 * Calls of hosted tools that a client sends back with its input, as calls and results of the conversation.
 */
import { Option, Schema } from "effect";
import type { ToolCall, ToolMessage } from "../../../domain/Message.ts";
import { pythonName, shellName } from "./hostedTools.ts";
import { JsonObject } from "./wire.ts";

const given = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));

const decodeInterpreterCall = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literal("code_interpreter_call"),
  id: Schema.String,
  code: given(Schema.String),
  outputs: given(Schema.Array(JsonObject)),
}));
const decodeShellCall = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literal("shell_call"),
  call_id: Schema.String,
  action: JsonObject,
}));
const decodeShellOutput = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literal("shell_call_output"),
  call_id: Schema.String,
  output: Schema.Array(JsonObject),
}));

/** What an item says: a call of the assistant's, what came of one, or both. */
export interface HostedInput {
  readonly call?: ToolCall;
  readonly result?: ToolMessage;
}

const resultOf = (callId: string, name: string, content: string): ToolMessage => ({
  role: "tool",
  callId,
  name,
  content,
  isError: false,
});

/** What was printed; an image is only said to be there. */
const logsOf = (outputs: ReadonlyArray<JsonObject>): string =>
  outputs.map(({ type, logs }) => typeof logs === "string" ? logs : `[${String(type)}]`).join("\n");

/** Reads an item of a hosted tool; undefined for every other, and for one that is malformed. */
export const readHostedItem = (item: JsonObject): HostedInput | undefined => {
  const interpreter = Option.getOrUndefined(decodeInterpreterCall(item));
  if (interpreter !== undefined) {
    const { id, code, outputs } = interpreter;
    const call = { id, name: pythonName, argumentsJson: JSON.stringify({ code: code ?? "" }) };
    const result = resultOf(id, pythonName, outputs === undefined || outputs === null ? "(not kept)" : logsOf(outputs));
    return { call, result };
  }
  const shell = Option.getOrUndefined(decodeShellCall(item));
  if (shell !== undefined) {
    return { call: { id: shell.call_id, name: shellName, argumentsJson: JSON.stringify(shell.action) } };
  }
  const output = Option.getOrUndefined(decodeShellOutput(item));
  if (output === undefined) return undefined;
  return { result: resultOf(output.call_id, shellName, JSON.stringify(output.output)) };
};

/** The containers that items name, the last first. */
export const containersOf = (items: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const found: Array<string> = [];
  for (const item of items) {
    if (typeof item !== "object" || item === null) continue;
    const environment: unknown = Reflect.get(item, "environment");
    const id: unknown = Reflect.get(item, "container_id") ??
      (typeof environment === "object" && environment !== null ? Reflect.get(environment, "container_id") : undefined);
    if (typeof id === "string") found.unshift(id);
  }
  return found;
};
