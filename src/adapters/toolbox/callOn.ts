/**
 * One tool call on a connection, from the model's text to a tool result.
 */
import { Effect, Option, Schema } from "effect";
import type { ToolCall } from "../../domain/Message.ts";
import type { ToolResult } from "../../domain/Tool.ts";
import { SandboxError } from "../../services/Sandbox.ts";
import { failureFrom } from "../../services/toolResultMeta.ts";
import type { Connection, ConnectionError } from "./McpConnection.ts";
import { toolResultOf } from "./resultText.ts";

const decodeArguments = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)));

/** Carries out a call on a connection; what the model can mend is a result. */
export const callOn = Effect.fnUntraced(function* (
  connection: Connection,
  name: string,
  { argumentsJson }: ToolCall,
  onProgress?: (message: string) => void,
): Effect.fn.Return<ToolResult, ConnectionError | SandboxError> {
  const args = yield* Effect.option(decodeArguments(argumentsJson.trim() === "" ? "{}" : argumentsJson));
  if (Option.isNone(args)) {
    return { text: `Error: Invalid arguments for ${name}: they are not a JSON object`, isError: true };
  }
  const result = yield* connection.call(name, args.value, onProgress);
  const failure = failureFrom(result._meta);
  if (Option.isSome(failure)) {
    return yield* new SandboxError({ reason: failure.value, detail: "the sandbox of the tool server failed" });
  }
  return toolResultOf(result);
});
