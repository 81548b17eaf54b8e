/**
 * One tool call on a connection, from the model's text to a tool result.
 */
import { Effect, Option } from "effect";
import { executePython } from "../../domain/agentTools.ts";
import type { ToolCall } from "../../domain/Message.ts";
import type { ToolResult } from "../../domain/Tool.ts";
import { argumentsOf } from "../../domain/toolArguments.ts";
import { SandboxError } from "../../services/Sandbox.ts";
import type { ToolCallOptions } from "../../services/Toolbox.ts";
import { approvedMeta, failureFrom } from "../../services/toolResultMeta.ts";
import type { Connection, ConnectionError } from "./McpConnection.ts";
import { toolResultOf } from "./resultText.ts";

/** The arguments of a call to a tool that works in a kernel: in that of the run, unless they name one within it. */
const inKernel = (
  { tools }: Connection,
  name: string,
  given: Readonly<Record<string, unknown>>,
  kernel: string | undefined,
): Readonly<Record<string, unknown>> => {
  const properties = tools.find((tool) => tool.name === name)?.inputSchema.properties ?? {};
  if (kernel === undefined || name !== executePython.name || !("kernel" in properties)) return given;
  return { ...given, kernel: typeof given["kernel"] === "string" ? `${kernel}.${given["kernel"]}` : kernel };
};

/** Carries out a call on a connection; what the model can mend is a result. */
export const callOn = Effect.fnUntraced(function* (
  connection: Connection,
  name: string,
  call: ToolCall,
  onProgress?: (message: string) => void,
  { kernel, approved = false }: Pick<ToolCallOptions, "kernel" | "approved"> = {},
): Effect.fn.Return<ToolResult, ConnectionError | SandboxError> {
  const args = yield* Effect.option(argumentsOf(call));
  if (Option.isNone(args)) {
    return { text: `Error: Invalid arguments for ${name}: they are not a JSON object`, isError: true };
  }
  const inRun = inKernel(connection, name, args.value, kernel);
  const result = yield* connection.call(name, inRun, onProgress, approved ? approvedMeta : undefined);
  const failure = failureFrom(result._meta);
  if (Option.isSome(failure)) {
    return yield* new SandboxError({ reason: failure.value, detail: "the sandbox of the tool server failed" });
  }
  return toolResultOf(result);
});
