/**
 * The prompt `agent_system_prompt`: the very text our own agent is given.
 */
import { Effect, Schema } from "effect";
import type { GetPromptResult, ListPromptsResult } from "@modelcontextprotocol/sdk/types";
import type { ToolboxError } from "../services/Toolbox.ts";
import { internalError, invalidParams, toolboxFailureText } from "./errors.ts";
import type { MethodHandler } from "./Surface.ts";

/** Name of the prompt that MCP clients and our own agent ask for. */
const systemPromptName = "agent_system_prompt";

const description = "How to work with these tools: the system prompt of Caisson's own agent, skills included.";

const listing: ListPromptsResult = {
  prompts: [{ name: systemPromptName, title: "Agent system prompt", description }],
};

const decodeName = Schema.decodeUnknownEffect(Schema.Struct({ name: Schema.String }));

/** Makes the two methods over the prompt of the session's owner. */
export const promptMethods = (
  systemPrompt: Effect.Effect<string, ToolboxError>,
): ReadonlyArray<readonly [string, MethodHandler]> => [
  ["prompts/list", () => Effect.succeed(listing)],
  [
    "prompts/get",
    Effect.fnUntraced(function* (params, call) {
      const { name } = yield* Effect.mapError(decodeName(params), () => invalidParams("prompts/get takes a name"));
      if (name !== systemPromptName) return yield* invalidParams(`Unknown prompt: there is ${systemPromptName}`);
      const text = yield* Effect.catch(systemPrompt, (error) =>
        Effect.logError("prompt failed", error).pipe(
          Effect.andThen(call.log("error", toolboxFailureText(error))),
          Effect.andThen(internalError),
        ));
      return { description, messages: [{ role: "user", content: { type: "text", text } }] } satisfies GetPromptResult;
    }),
  ],
];
