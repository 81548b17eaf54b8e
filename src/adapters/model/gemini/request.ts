/**
 * Lowering: a model request as the body that Gemini's `streamGenerateContent` takes.
 *
 * Pure. Names of SDK enums stay plain strings here, so that nothing of the SDK is loaded.
 */
import { Option, Result, Schema } from "effect";
import type { AssistantMessage, Message, ToolCall, ToolMessage, UserMessage } from "../../../domain/Message.ts";
import { type ModelParameters, type ModelRequest, RequestRefused } from "../../../services/Model.ts";
import { type Fault, fault } from "../fault.ts";
import { argumentsOf, type HistoryRules, legalHistory, LegalIds, legalName } from "../legalHistory.ts";
import { sampling, samplingFields, type SamplingKind } from "../sampling.ts";

/** The provider name in origins, errors and lists. */
export const providerName = "gemini";

/**
 * Accepted by Gemini 3 in place of a thought signature, for calls that it did not make itself.
 *
 * *Source*: https://ai.google.dev/gemini-api/docs/thought-signatures
 */
export const foreignSignature = "skip_thought_signature_validator";

/** A part of a content; fields stand in the order in which the SDK writes them, of which `body.ts` makes use. */
export interface GeminiPart {
  text?: string;
  thought?: boolean;
  thoughtSignature?: string;
  inlineData?: { mimeType: string; data: string };
  functionCall?: { args: Record<string, unknown>; id?: string; name: string };
  functionResponse?: { id?: string; name: string; response: Record<string, unknown> };
}

export interface GeminiContent {
  parts: Array<GeminiPart>;
  role: "user" | "model";
}

export type Thinking =
  | { readonly level: "MINIMAL" | "LOW" | "MEDIUM" | "HIGH" }
  | { readonly budget: number }
  | Record<string, never>;

/** What a turn asks of Gemini, with enum members by name. */
export interface GeminiRequest {
  readonly contents: Array<GeminiContent>;
  readonly system: Option.Option<string>;
  readonly functions: Array<{ name: string; description: string; parametersJsonSchema: unknown }>;
  readonly calling: Option.Option<{ readonly mode: "AUTO" | "ANY" | "NONE"; readonly only?: Array<string> }>;
  readonly sampling: Record<string, unknown>;
  readonly thinking: Option.Option<Thinking>;
}

// Origins ----------------------------------------------------------------------------------------

const OwnOrigin = Schema.Struct({
  /** The call's id as Gemini gave it; absent when it gave none. */
  id: Schema.optionalKey(Schema.String),
  thoughtSignature: Schema.optionalKey(Schema.String),
});
export type OwnOrigin = typeof OwnOrigin.Type;
const decodeOwnOrigin = Schema.decodeUnknownOption(OwnOrigin);

const ownOrigin = (carrier: { readonly origin?: ToolCall["origin"] }): OwnOrigin =>
  carrier.origin?.provider === providerName ? Option.getOrElse(decodeOwnOrigin(carrier.origin.data), () => ({})) : {};

const signed = (origin: OwnOrigin) =>
  origin.thoughtSignature === undefined ? {} : { thoughtSignature: origin.thoughtSignature };

// Messages ---------------------------------------------------------------------------------------

/** *Source*: https://ai.google.dev/api/caching#FunctionDeclaration, whose names also hold of calls. */
export const historyRules: HistoryRules = {
  idIllegal: /[^\x21-\x7e]/g,
  idLengthMax: 64,
  nameIllegal: /[^a-zA-Z0-9_.:-]/g,
  nameLengthMax: 64,
  nameBeginsAnyhow: false,
  needsUserEnds: true,
  imageType: /^image\/(png|jpeg|webp|heic|heif|gif)$/,
};

const userContent = (message: UserMessage): GeminiContent => ({
  parts: message.parts.flatMap((part): Array<GeminiPart> =>
    part._tag === "Image" ? [{ inlineData: { mimeType: part.mediaType, data: part.base64 } }] : [{ text: part.text }]
  ),
  role: "user",
});

const modelContent = (
  message: AssistantMessage,
  signForeignCalls: boolean,
  idOf: (call: ToolCall) => string | undefined,
): GeminiContent => {
  const parts = message.parts.flatMap((part): Array<GeminiPart> => {
    switch (part._tag) {
      case "Text": {
        const signature = signed(ownOrigin(part));
        return part.text === "" && signature.thoughtSignature === undefined ? [] : [{ text: part.text, ...signature }];
      }
      case "Reasoning": {
        const signature = signed(ownOrigin(part));
        return signature.thoughtSignature === undefined ? [] : [{ text: part.text, thought: true, ...signature }];
      }
      case "ToolCall": {
        const ownId = idOf(part.call);
        const id = ownId === undefined ? {} : { id: ownId };
        return [{
          functionCall: { args: { ...argumentsOf(part.call) }, ...id, name: part.call.name },
          ...signed(ownOrigin(part.call)),
        }];
      }
    }
  });
  const calls = parts.filter((part) => part.functionCall !== undefined);
  const [firstCall] = calls;
  if (signForeignCalls && firstCall !== undefined && firstCall.thoughtSignature === undefined) {
    firstCall.thoughtSignature = foreignSignature;
  }
  return { parts, role: "model" };
};

const responsePart = (message: ToolMessage, callId: string | undefined): GeminiPart => ({
  functionResponse: {
    ...(callId === undefined ? {} : { id: callId }),
    name: message.name,
    response: message.isError ? { error: message.content } : { output: message.content },
  },
});

/** What a result shows stands beside it: a response itself takes images with some models only. */
const shownParts = ({ images = [] }: ToolMessage): Array<GeminiPart> =>
  images.map(({ mediaType, base64 }) => ({ inlineData: { mimeType: mediaType, data: base64 } }));

/**
 * Lowers a history. The results of one turn's calls share a content, as Gemini wants as many
 * responses in it as there were calls; contents left without parts are dropped, and what the model said
 * in several messages is one content, as calls must follow what is not the model's.
 */
const contentsOf = (messages: ReadonlyArray<Message>, signForeignCalls: boolean): Array<GeminiContent> => {
  const contents: Array<GeminiContent> = [];
  const ids = new LegalIds(historyRules);
  const callIds = new Map<string, string | undefined>();
  const idOf = (call: ToolCall): string | undefined => {
    const own = ownOrigin(call).id;
    const id = own === undefined ? undefined : ids.next(own);
    callIds.set(call.id, id);
    return id;
  };
  let previous: Message["role"] | undefined;
  for (const message of legalHistory(messages, historyRules)) {
    const content: GeminiContent = message.role === "user"
      ? userContent(message)
      : message.role === "assistant"
      ? modelContent(message, signForeignCalls, idOf)
      : { parts: [responsePart(message, callIds.get(message.callId)), ...shownParts(message)], role: "user" };
    if (content.parts.length === 0) continue;
    const last = contents.at(-1);
    const joins = last !== undefined && previous === message.role && message.role !== "user";
    if (joins) last.parts.push(...content.parts);
    else contents.push(content);
    previous = message.role;
  }
  return contents;
};

// Parameters -------------------------------------------------------------------------------------

type Generation = "none" | "budget" | "level";

/** How a model's thinking is steered; unknown names are taken for the newest kind. */
const generationOf = (model: string): Generation => {
  if (/image|tts|audio|live|embedding/.test(model) || /^gemini-(1|2\.0)/.test(model)) return "none";
  return /^gemini-2\.5/.test(model) ? "budget" : "level";
};

/** Tokens per effort for models that take a budget, as Google's own OpenAI-compatible endpoint maps them. */
const budgets = { none: 0, minimal: 1024, low: 1024, medium: 8192, high: 24576, xhigh: 24576, max: 24576 } as const;

/** Levels have no "off": `none` asks for the least the model can do. */
const levels = {
  none: "MINIMAL",
  minimal: "MINIMAL",
  low: "LOW",
  medium: "MEDIUM",
  high: "HIGH",
  xhigh: "HIGH",
  max: "HIGH",
} as const;

const thinkingOf = (model: string, effort: ModelParameters["reasoningEffort"]) => {
  const generation = generationOf(model);
  if (generation === "none") {
    return effort === undefined || effort === "none" ? Result.succeed(Option.none<Thinking>()) : Result.fail(
      fault(
        new RequestRefused({
          param: "reasoning_effort",
          why: "it does not reason, and a reasoning effort was asked for",
        }),
        `${model} does not reason, reasoning effort ${effort} was asked for`,
      ),
    );
  }
  if (effort === undefined) return Result.succeed(Option.some<Thinking>({}));
  return Result.succeed(
    Option.some<Thinking>(generation === "budget" ? { budget: budgets[effort] } : { level: levels[effort] }),
  );
};

/** Models before Gemini 3 refuse tools beside a wished form, even tools that may not be called. */
const toolsOf = ({ model, tools, parameters: { toolChoice, responseFormat } }: ModelRequest): ModelRequest["tools"] =>
  generationOf(model) !== "level" && toolChoice?._tag === "None" && responseFormat !== undefined &&
    responseFormat._tag !== "Text"
    ? []
    : tools;

const callingOf = (request: ModelRequest): GeminiRequest["calling"] => {
  const choice = request.parameters.toolChoice;
  if (toolsOf(request).length === 0 || choice === undefined) return Option.none();
  switch (choice._tag) {
    case "Auto":
      return Option.some({ mode: "AUTO" });
    case "None":
      return Option.some({ mode: "NONE" });
    case "Required":
      return Option.some({ mode: "ANY" });
    case "Named":
      return Option.some({ mode: "ANY", only: [legalName(choice.name, historyRules)] });
  }
};

/** How a model of this name is sampled. */
export const samplingKindOf = (model: string): SamplingKind => /^gemini-(1|2\.0)/.test(model) ? "gemini-2.0" : "gemini";

const samplingOf = ({ model, parameters }: ModelRequest): GeminiRequest["sampling"] => ({
  ...sampling(parameters, samplingFields[samplingKindOf(model)]),
  ...(parameters.outputTokensMax === undefined ? {} : { maxOutputTokens: parameters.outputTokensMax }),
  ...(parameters.stop === undefined || parameters.stop.length === 0 ? {} : { stopSequences: [...parameters.stop] }),
  ...(parameters.responseFormat === undefined || parameters.responseFormat._tag === "Text"
    ? {}
    : { responseMimeType: "application/json" }),
  ...(parameters.responseFormat?._tag === "JsonSchema" ? { responseJsonSchema: parameters.responseFormat.schema } : {}),
});

/**
 * Lowers a request to Gemini's body.
 *
 * *Details*: calls of other providers get {@link foreignSignature} where the model checks
 * signatures (Gemini 3 and later); reasoning of other providers is left out.
 *
 * *Fails with* `RequestRefused` when reasoning is asked of a model that cannot reason.
 */
export const lower = (request: ModelRequest): Result.Result<GeminiRequest, Fault> =>
  Result.map(thinkingOf(request.model, request.parameters.reasoningEffort), (thinking) => ({
    contents: contentsOf(request.messages, generationOf(request.model) === "level"),
    system: request.system === "" ? Option.none() : Option.some(request.system.toWellFormed()),
    functions: toolsOf(request).map((tool) => ({
      name: legalName(tool.name, historyRules),
      description: tool.description.toWellFormed(),
      parametersJsonSchema: tool.parameters,
    })),
    calling: callingOf(request),
    sampling: samplingOf(request),
    thinking,
  }));
