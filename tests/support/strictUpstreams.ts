/**
 * Upstreams that call a tool and then answer, and refuse any history their real counterparts would.
 *
 * Each checks what its provider checks: order and completeness of calls and results, ids, roles, and
 * that signatures come back as they were issued.
 */
import { Option, Schema } from "effect";
import * as anthropic from "./anthropicWire.ts";
import * as gemini from "./geminiWire.ts";
import * as openai from "./openaiWire.ts";
import type { Received, Reply } from "./wireServer.ts";

/** The sentinel that Gemini documents for calls of others. */
const sentinel = "skip_thought_signature_validator";

const problem = (problems: ReadonlyArray<string>): string | undefined =>
  problems.length === 0 ? undefined : problems.join("; ");

const same = (left: ReadonlyArray<unknown>, right: ReadonlyArray<unknown>): boolean =>
  JSON.stringify(left) === JSON.stringify(right);

/** What stands at the end of a history decides whether a tool is called or an answer given. */
interface Strict {
  readonly answer: (request: Received) => Reply;
  /** What was refused, for the test to show. */
  readonly refusals: ReadonlyArray<string>;
}

// Gemini -----------------------------------------------------------------------------------------

const GeminiBody = Schema.Struct({
  contents: Schema.Array(Schema.Struct({
    role: Schema.Literals(["user", "model"]),
    parts: Schema.NonEmptyArray(Schema.Struct({
      text: Schema.optionalKey(Schema.String),
      thoughtSignature: Schema.optionalKey(Schema.String),
      functionCall: Schema.optionalKey(Schema.Struct({ id: Schema.optionalKey(Schema.String), name: Schema.String })),
      functionResponse: Schema.optionalKey(
        Schema.Struct({ id: Schema.optionalKey(Schema.String), name: Schema.String }),
      ),
    })),
  })),
});

/** A Gemini 3 upstream. */
export const strictGemini = (command: (turn: number) => string): Strict => {
  const decode = Schema.decodeUnknownOption(GeminiBody);
  const issued = new Map<string, string>();
  const refusals: Array<string> = [];
  let turn = 0;
  const check = ({ contents }: typeof GeminiBody.Type): ReadonlyArray<string> =>
    contents.flatMap((content, index) => {
      const calls = content.parts.filter((part) => part.functionCall !== undefined);
      const [first] = calls;
      if (first === undefined) return [];
      const signature = first.thoughtSignature ?? "";
      const id = first.functionCall?.id ?? "";
      const responses = (contents[index + 1]?.parts ?? []).filter((part) => part.functionResponse !== undefined);
      return [
        ...(signature === sentinel || issued.get(id) === signature ? [] : [`call ${id} is missing its signature`]),
        ...(same(
            calls.map((part) => [part.functionCall?.id, part.functionCall?.name]),
            responses.map((part) => [part.functionResponse?.id, part.functionResponse?.name]),
          )
          ? []
          : ["the responses are not those of the calls"]),
      ];
    });
  return {
    refusals,
    answer: ({ body }) => {
      const decoded = Option.getOrUndefined(decode(body));
      const wrong = decoded === undefined ? "undecodable" : problem(check(decoded));
      if (decoded === undefined || wrong !== undefined) {
        refusals.push(`gemini: ${wrong}`);
        return gemini.failure(400, "INVALID_ARGUMENT", String(wrong));
      }
      if (decoded.contents.at(-1)?.parts[0].functionResponse !== undefined) {
        return gemini.turn(gemini.chunk(gemini.text("gemini is done")), gemini.finish());
      }
      const id = `g${++turn}`;
      issued.set(id, `signature-${id}`);
      return gemini.turn(
        gemini.chunk(
          gemini.thought("Hm"),
          gemini.functionCall("execute_bash", { command: command(turn) }, { id, thoughtSignature: `signature-${id}` }),
        ),
        gemini.finish(),
      );
    },
  };
};

// Anthropic --------------------------------------------------------------------------------------

const AnthropicBody = Schema.Struct({
  messages: Schema.Array(Schema.Struct({
    role: Schema.Literals(["user", "assistant"]),
    content: Schema.NonEmptyArray(Schema.Struct({
      type: Schema.Literals(["text", "thinking", "tool_use", "tool_result"]),
      text: Schema.optionalKey(Schema.NonEmptyString),
      id: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9_-]+$/))),
      tool_use_id: Schema.optionalKey(Schema.String),
      signature: Schema.optionalKey(Schema.String),
    })),
  })),
});

/** An Anthropic upstream. */
export const strictAnthropic = (command: (turn: number) => string): Strict => {
  const decode = Schema.decodeUnknownOption(AnthropicBody);
  const issued = new Set<string>();
  const refusals: Array<string> = [];
  let turn = 0;
  const check = ({ messages }: typeof AnthropicBody.Type): ReadonlyArray<string> =>
    messages.flatMap((message, index) => {
      const uses = message.content.filter((block) => block.type === "tool_use").map((block) => block.id);
      const results = (messages[index + 1]?.content ?? []).slice(0, uses.length).map((block) => block.tool_use_id);
      const forged = message.content.filter((block) => block.type === "thinking" && !issued.has(block.signature ?? ""));
      return [
        ...((index % 2 === 0) === (message.role === "user") ? [] : ["roles do not alternate"]),
        ...(same(uses, results) ? [] : ["tool_use without tool_result at once"]),
        ...(forged.length === 0 ? [] : ["a thinking block was changed"]),
      ];
    });
  return {
    refusals,
    answer: ({ body }) => {
      const decoded = Option.getOrUndefined(decode(body));
      const wrong = decoded === undefined ? "undecodable" : problem(check(decoded));
      if (decoded === undefined || wrong !== undefined) {
        refusals.push(`anthropic: ${wrong}`);
        return anthropic.failure(400, "invalid_request_error", String(wrong));
      }
      if (decoded.messages.at(-1)?.content[0].type === "tool_result") {
        return anthropic.turn(...anthropic.text(0, "claude is done"), ...anthropic.stop());
      }
      const id = `toolu_${++turn}`;
      issued.add(`signature-${id}`);
      return anthropic.turn(
        ...anthropic.thinking(0, `signature-${id}`, "Hm"),
        ...anthropic.toolUse(1, id, "execute_bash", JSON.stringify({ command: command(turn) })),
        ...anthropic.stop("tool_use"),
      );
    },
  };
};

// OpenAI -----------------------------------------------------------------------------------------

const OpenAiBody = Schema.Struct({
  messages: Schema.Array(Schema.Struct({
    role: Schema.Literals(["system", "user", "assistant", "tool"]),
    content: Schema.NullOr(Schema.String),
    reasoning_content: Schema.optionalKey(Schema.String),
    tool_call_id: Schema.optionalKey(Schema.String),
    tool_calls: Schema.optionalKey(Schema.Array(Schema.Struct({
      id: Schema.String,
      type: Schema.Literal("function"),
      function: Schema.Struct({ name: Schema.String, arguments: Schema.fromJsonString(Schema.Unknown) }),
    }))),
  })),
});

/** An OpenAI-compatible upstream. */
export const strictOpenAi = (command: (turn: number) => string): Strict => {
  const decode = Schema.decodeUnknownOption(OpenAiBody);
  const refusals: Array<string> = [];
  let turn = 0;
  const check = ({ messages }: typeof OpenAiBody.Type): ReadonlyArray<string> =>
    messages.flatMap((message, index) => {
      const calls = (message.tool_calls ?? []).map((call) => call.id);
      const results = messages.slice(index + 1, index + 1 + calls.length).map((next) => next.tool_call_id);
      return same(calls, results) ? [] : ["tool_calls without their tool messages at once"];
    });
  return {
    refusals,
    answer: ({ body, method }) => {
      if (method === "GET") return { status: 404, body: ["no list"] };
      const decoded = Option.getOrUndefined(decode(body));
      const wrong = decoded === undefined ? "undecodable" : problem(check(decoded));
      if (decoded === undefined || wrong !== undefined) {
        refusals.push(`openai: ${wrong}`);
        return openai.failure(400, { message: String(wrong) });
      }
      if (decoded.messages.at(-1)?.role === "tool") {
        return openai.turn(openai.text("gpt is done"), openai.finish(), openai.usage);
      }
      const id = `call:${++turn}`;
      return openai.turn(
        openai.chunk({ reasoning_content: "Hm" }),
        openai.calls(
          openai.fragment({
            index: 0,
            id,
            name: "execute_bash",
            arguments: JSON.stringify({ command: command(turn) }),
          }),
        ),
        openai.finish("tool_calls"),
        openai.usage,
      );
    },
  };
};
