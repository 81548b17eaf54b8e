/**
 * Asking the person before an MCP client whether a call may be carried out, where the client can show the question.
 *
 * Source: https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
 */
import { Effect, Option, Schema } from "effect";
import type { ElicitRequest } from "@modelcontextprotocol/sdk/types";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ElicitResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { askedCall } from "../domain/activityMarkup.ts";
import type { ToolCall } from "../domain/Message.ts";
import type { McpCall } from "./Surface.ts";

/** How long a question waits for its answer, in milliseconds; the call waits with it. */
const answerMs = 120_000;

/** What came of a question: an answer of the person's, or none. */
export type PersonsAnswer = "yes" | "always" | "no" | "none";

const Accepted = Schema.Struct({
  action: Schema.Literal("accept"),
  content: Schema.Struct({ decision: Schema.Literals(["yes", "no", "always"]) }),
});
const decodeAccepted = Schema.decodeUnknownOption(Accepted);

const questionOf = (asked: ToolCall, rule: string): ElicitRequest => ({
  method: "elicitation/create",
  params: {
    mode: "form",
    message: `May I run this?\n\n${askedCall({ call: asked, rule })}`,
    requestedSchema: {
      type: "object",
      properties: {
        decision: {
          type: "string",
          title: "Decision",
          description: "always: the rule that asks is not asked again in this session",
          enum: ["yes", "no", "always"],
        },
      },
      required: ["decision"],
    },
  },
});

/**
 * Asks the person before the client of a call; the whole call is shown.
 *
 * *Details*: `none` where the client shows no forms, fails, or has not answered within two minutes. What is declined,
 * dismissed or answered with anything else is a no. An interruption takes the question back.
 */
export const askPerson = (call: McpCall, asked: ToolCall, rule: string): Effect.Effect<PersonsAnswer> =>
  call.showsForms
    ? Effect.tryPromise((signal) =>
      call.extra.sendRequest(questionOf(asked, rule), ElicitResultSchema, { signal, timeout: answerMs })
    ).pipe(
      Effect.map((answer) =>
        Option.match(decodeAccepted(answer), { onNone: () => "no" as const, onSome: ({ content }) => content.decision })
      ),
      Effect.catch((error) =>
        Effect.as(Effect.logInfo("a question to an MCP client was not answered", error), "none" as const)
      ),
    )
    : Effect.succeed("none");
