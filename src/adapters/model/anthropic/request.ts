/**
 * Lowering: a model request as the body of Anthropic's `POST /v1/messages`.
 *
 * Pure; the SDK is imported for its types only.
 */
import type Anthropic from "@anthropic-ai/sdk";
import { Option, Result, Schema } from "effect";
import type {
  AssistantMessage,
  ImagePart,
  Message,
  ToolCall,
  ToolMessage,
  UserMessage,
} from "../../../domain/Message.ts";
import { type ModelParameters, type ModelRequest, RequestRefused } from "../../../services/Model.ts";
import { type Fault, fault } from "../fault.ts";
import { argumentsOf, type HistoryRules, legalHistory, legalName } from "../legalHistory.ts";

/** The provider name in origins, errors and lists. */
export const providerName = "anthropic";

/** What is known of a model; a list of the provider says it exactly, its name nearly. */
export interface Traits {
  /** How thinking is asked for. */
  readonly thinking: "none" | "budget" | "adaptive";
  /** The most output tokens it may be asked for. */
  readonly outputTokensMax: number;
}

type Body = Anthropic.MessageCreateParamsStreaming;
type Block = Anthropic.ContentBlockParam;

/** Tokens that are asked for when a request names no limit: the API wants one, and unused ones cost nothing. */
const outputTokensUsual = 32_000;
/** The API's least thinking budget. */
const budgetLeast = 1024;

/** Marks what stays the same from turn to turn, so that the provider reads it from its cache. */
const cached = { cache_control: { type: "ephemeral" } } as const;

/**
 * The newest message is marked, and the one with which the last request ended: the provider looks for
 * what it has cached no further back than 20 blocks, and a turn of ten calls is longer.
 */
const marksMax = 2;

/** What a model's name tells of it; unknown names are taken for the newest kind. */
export const traitsByName = (model: string): Traits => {
  if (/^claude-3-(opus|sonnet|haiku)/.test(model)) return { thinking: "none", outputTokensMax: 4096 };
  if (/^claude-3-5/.test(model)) return { thinking: "none", outputTokensMax: 8192 };
  if (/^claude-(3-7|(opus|sonnet|haiku)-4(-[015])?(-\d{8})?$)/.test(model)) {
    return { thinking: "budget", outputTokensMax: 32_000 };
  }
  return { thinking: "adaptive", outputTokensMax: 64_000 };
};

// Origins ----------------------------------------------------------------------------------------

/** Of reasoning: its signature, or the encrypted data of reasoning that is not shown. */
export const OwnOrigin = Schema.Struct({
  signature: Schema.optionalKey(Schema.String),
  redacted: Schema.optionalKey(Schema.String),
});
export type OwnOrigin = typeof OwnOrigin.Type;
const decodeOwnOrigin = Schema.decodeUnknownOption(OwnOrigin);

const ownOrigin = (carrier: { readonly origin?: ToolCall["origin"] }): OwnOrigin =>
  carrier.origin?.provider === providerName ? Option.getOrElse(decodeOwnOrigin(carrier.origin.data), () => ({})) : {};

// Messages ---------------------------------------------------------------------------------------

/** *Source*: what the API says when it refuses a name or an id. */
export const historyRules: HistoryRules = {
  idIllegal: /[^a-zA-Z0-9_-]/g,
  idLengthMax: 64,
  nameIllegal: /[^a-zA-Z0-9_-]/g,
  nameLengthMax: 64,
  nameBeginsAnyhow: true,
  needsUserEnds: true,
  imageType: /^image\/(png|jpeg|gif|webp)$/,
};

type ImageType = Anthropic.Base64ImageSource["media_type"];
const imageTypes: ReadonlyArray<ImageType> = ["image/jpeg", "image/png", "image/gif", "image/webp"];

const imageBlock = (image: Pick<ImagePart, "mediaType" | "base64">): Anthropic.ImageBlockParam => {
  const media_type = imageTypes.find((type) => type === image.mediaType) ?? "image/png";
  return { type: "image", source: { type: "base64", media_type, data: image.base64 } };
};

const userBlocks = (message: UserMessage): Array<Block> =>
  message.parts.map((part): Block => part._tag === "Text" ? { type: "text", text: part.text } : imageBlock(part));

/** What a result holds: its text alone as a string, as it always was, else blocks. */
const resultContent = ({ content, images }: ToolMessage): Pick<Anthropic.ToolResultBlockParam, "content"> => {
  const text = content.trim() === "" ? undefined : content;
  if (images === undefined) return text === undefined ? {} : { content: text };
  return { content: [...(text === undefined ? [] : [{ type: "text" as const, text }]), ...images.map(imageBlock)] };
};

const isThought = ({ type }: Block): boolean => type === "thinking" || type === "redacted_thinking";

/** What the model said; the API takes no message that ends with a thought. */
const assistantBlocks = (message: AssistantMessage): Array<Block> => {
  const blocks = message.parts.flatMap((part): Array<Block> => {
    switch (part._tag) {
      case "Text":
        return part.text.trim() === "" ? [] : [{ type: "text", text: part.text }];
      case "Reasoning": {
        const { signature, redacted } = ownOrigin(part);
        if (redacted !== undefined) return [{ type: "redacted_thinking", data: redacted }];
        return signature === undefined ? [] : [{ type: "thinking", thinking: part.text, signature }];
      }
      case "ToolCall": {
        const { id, name } = part.call;
        return [{ type: "tool_use", id, name, input: argumentsOf(part.call) }];
      }
    }
  });
  return blocks.slice(0, blocks.findLastIndex((block) => !isThought(block)) + 1);
};

/**
 * Lowers a history to alternating roles: results and what the user then said share one message, results first.
 * A wish for this turn comes last.
 */
const messagesOf = (messages: ReadonlyArray<Message>, wish: string): Array<Anthropic.MessageParam> => {
  const lowered: Array<{ role: "user" | "assistant"; content: Array<Block> }> = [];
  const add = (role: "user" | "assistant", blocks: Array<Block>) => {
    const last = lowered.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else if (blocks.length > 0) lowered.push({ role, content: [...blocks] });
  };
  for (const message of legalHistory(messages, historyRules)) {
    switch (message.role) {
      case "user":
        add("user", userBlocks(message));
        break;
      case "assistant":
        add("assistant", assistantBlocks(message));
        break;
      case "tool":
        add("user", [{
          type: "tool_result",
          tool_use_id: message.callId,
          ...resultContent(message),
          ...(message.isError ? { is_error: true } : {}),
        }]);
    }
  }
  for (const blocks of lowered.filter(({ role }) => role === "user").slice(-marksMax).map(({ content }) => content)) {
    const last = blocks.at(-1);
    if (last?.type === "text" || last?.type === "image" || last?.type === "tool_result") {
      blocks[blocks.length - 1] = { ...last, ...cached };
    }
  }
  // After the marks: it is of this turn only, and what stands before it stays as it was.
  if (wish !== "") add("user", [{ type: "text", text: wish }]);
  return lowered;
};

// Parameters -------------------------------------------------------------------------------------

const budgets = { minimal: 1024, low: 4096, medium: 8192, high: 16_384, xhigh: 24_576, max: 31_000 } as const;
const efforts = { minimal: "low", low: "low", medium: "medium", high: "high", xhigh: "xhigh", max: "max" } as const;

/** A turn that is under way with calls of another provider has no thinking to show, which a budget would demand. */
const continuesForeignCalls = (messages: ReadonlyArray<Message>): boolean =>
  messages.slice(messages.findLastIndex((message) => message.role === "user") + 1).some((message) =>
    message.role === "assistant" && message.parts.some((part) => part._tag === "ToolCall") &&
    !message.parts.some((part) => part._tag === "Reasoning" && Object.keys(ownOrigin(part)).length > 0)
  );

const thinkingOf = (
  { model, messages, parameters: { reasoningEffort: effort } }: ModelRequest,
  traits: Traits,
  max_tokens: number,
): Result.Result<Pick<Body, "thinking"> & { readonly effort?: (typeof efforts)[keyof typeof efforts] }, Fault> => {
  if (effort === undefined) return Result.succeed({});
  if (effort === "none") return Result.succeed(traits.thinking === "none" ? {} : { thinking: { type: "disabled" } });
  switch (traits.thinking) {
    case "none":
      return Result.fail(
        fault(
          new RequestRefused({
            param: "reasoning_effort",
            why: "it does not reason, and a reasoning effort was asked for",
          }),
          `${model} does not reason, reasoning effort ${effort} was asked for`,
        ),
      );
    case "adaptive":
      return Result.succeed({ thinking: { type: "adaptive", display: "summarized" }, effort: efforts[effort] });
    case "budget": {
      const budget_tokens = Math.min(budgets[effort], max_tokens - 1);
      return Result.succeed(
        budget_tokens < budgetLeast || continuesForeignCalls(messages)
          ? {}
          : { thinking: { type: "enabled", budget_tokens } },
      );
    }
  }
};

const choiceOf = ({ toolChoice, parallelToolCalls }: ModelParameters): Anthropic.ToolChoice | undefined => {
  const alone = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  switch (toolChoice?._tag) {
    case undefined:
      return parallelToolCalls === false ? { type: "auto", ...alone } : undefined;
    case "Auto":
      return { type: "auto", ...alone };
    case "None":
      return { type: "none" };
    case "Required":
      return { type: "any", ...alone };
    case "Named":
      return { type: "tool", name: legalName(toolChoice.name, historyRules), ...alone };
  }
};

const toolsOf = ({ tools, parameters }: ModelRequest): Pick<Body, "tools" | "tool_choice"> => {
  if (tools.length === 0) return {};
  const tool_choice = choiceOf(parameters);
  return {
    tools: tools.map(({ name, description, parameters: schema }): Anthropic.Tool => ({
      name: legalName(name, historyRules),
      description: description.toWellFormed(),
      input_schema: { ...schema, type: "object" },
    })),
    ...(tool_choice === undefined ? {} : { tool_choice }),
  };
};

/** The API has no mode for just any JSON object, so the wish is put into words. */
const jsonObjectWish = "Answer with a single JSON object and nothing else.";

/**
 * Lowers a request.
 *
 * *Details*: reasoning of other providers is left out. Temperature, top-p and seed are dropped: the
 * API refuses requests that name them, and most clients name a temperature without meaning it.
 *
 * *Fails with* `RequestRefused` for reasoning of a model that has none.
 */
export const lower = (request: ModelRequest, traits: Traits): Result.Result<Body, Fault> => {
  const { model, parameters } = request;
  const max_tokens = parameters.outputTokensMax ?? Math.min(outputTokensUsual, traits.outputTokensMax);
  const format = parameters.responseFormat;
  return Result.gen(function* () {
    const messages = messagesOf(request.messages, format?._tag === "JsonObject" ? jsonObjectWish : "");
    const { thinking, effort } = yield* thinkingOf(request, traits, max_tokens);
    const output_config: Anthropic.OutputConfig = {
      ...(effort === undefined ? {} : { effort }),
      ...(format?._tag === "JsonSchema" ? { format: { type: "json_schema", schema: { ...format.schema } } } : {}),
    };
    const body: Body = {
      model,
      max_tokens,
      messages,
      stream: true,
      ...(request.system.trim() === ""
        ? {}
        : { system: [{ type: "text", text: request.system.toWellFormed(), ...cached }] }),
      ...toolsOf(request),
      ...(thinking === undefined ? {} : { thinking }),
      ...(Object.keys(output_config).length === 0 ? {} : { output_config }),
      ...(parameters.stop === undefined || parameters.stop.length === 0
        ? {}
        : { stop_sequences: [...parameters.stop] }),
    };
    return body;
  });
};
