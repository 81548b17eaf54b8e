/**
 * Lowering: a model request as the body of `POST /chat/completions`.
 *
 * Pure. What OpenAI itself and the many servers that imitate it all accept.
 */
import { Option, Schema } from "effect";
import type { AssistantMessage, ImagePart, Message, ToolCall, UserMessage } from "../../../domain/Message.ts";
import type { ToolImage } from "../../../domain/Tool.ts";
import type { ModelParameters, ModelRequest } from "../../../services/Model.ts";
import { argumentsOf, hasSurrogates, type HistoryRules, legalHistory, legalName } from "../legalHistory.ts";
import { sampling, samplingFields } from "../sampling.ts";

/** What an upstream's flavour of the format wants. */
export interface Flavour {
  /** The provider name in origins. */
  readonly provider: string;
  /** OpenAI's newer name of the output limit; the servers that imitate it know the older one. */
  readonly limitField: "max_tokens" | "max_completion_tokens";
  /** OpenAI refuses parameters that it does not know, the servers that imitate it know more. */
  readonly sampling: "openai" | "openai-compatible";
}

type Body = Record<string, unknown>;

// Origins ----------------------------------------------------------------------------------------

/** Of a call: vendor data beside it. Of reasoning: the name of the field in which it came. */
export const OwnOrigin = Schema.Struct({
  extra_content: Schema.optionalKey(Schema.Json),
  field: Schema.optionalKey(Schema.Literals(["reasoning", "reasoning_content"])),
});
export type OwnOrigin = typeof OwnOrigin.Type;
const decodeOwnOrigin = Schema.decodeUnknownOption(OwnOrigin);

const ownOrigin = (carrier: { readonly origin?: ToolCall["origin"] }, provider: string): OwnOrigin =>
  carrier.origin?.provider === provider ? Option.getOrElse(decodeOwnOrigin(carrier.origin.data), () => ({})) : {};

/**
 * What OpenAI itself checks; its imitators check less.
 *
 * *Source*: the document of Chat Completions; ids longer than this are refused by name.
 */
export const historyRules: HistoryRules = {
  idIllegal: /[^\x21-\x7e]/g,
  idLengthMax: 40,
  nameIllegal: /[^a-zA-Z0-9_-]/g,
  nameLengthMax: 64,
  nameBeginsAnyhow: true,
  needsUserEnds: false,
  imageType: /^image\/[a-z0-9.+-]+$/,
};

// Messages ---------------------------------------------------------------------------------------

const userMessage = (message: UserMessage): Body => {
  const parts = message.parts.map((part): Body =>
    part._tag === "Text" ? { type: "text", text: part.text } : imageOf(part)
  );
  // A plain string is understood by every server, a list of parts not by all.
  return {
    role: "user",
    content: message.parts.every((part) => part._tag === "Text")
      ? message.parts.map((part) => (part._tag === "Text" ? part.text : "")).join("\n")
      : parts,
  };
};

const imageOf = ({ mediaType, base64 }: Pick<ImagePart, "mediaType" | "base64">): Body => ({
  type: "image_url",
  image_url: { url: `data:${mediaType};base64,${base64}` },
});

/** What tools showed, as a message of its own. */
const shownMessage = (images: ReadonlyArray<ToolImage>): Body => ({
  role: "user",
  content: [{ type: "text", text: "(The images of the tool results above, in their order.)" }, ...images.map(imageOf)],
});

/** The model's own text of the arguments where it is legal, so that the prompt stays the one it wrote. */
const argumentsText = (call: ToolCall): string => {
  const parsed = argumentsOf(call);
  return "malformed_arguments" in parsed || hasSurrogates(call.argumentsJson)
    ? JSON.stringify(parsed)
    : call.argumentsJson;
};

/** None for a message without a word or a call, which servers refuse. */
const assistantMessage = (message: AssistantMessage, flavour: Flavour, inCurrentTurn: boolean): Option.Option<Body> => {
  let text = "";
  const calls: Array<Body> = [];
  const reasoning: Record<string, string> = {};
  for (const part of message.parts) {
    switch (part._tag) {
      case "Text":
        text += part.text;
        break;
      case "Reasoning": {
        const { field } = ownOrigin(part, flavour.provider);
        // Models that reason between calls want their reasoning back until they have answered, and only then.
        if (field !== undefined && inCurrentTurn) reasoning[field] = (reasoning[field] ?? "") + part.text;
        break;
      }
      case "ToolCall": {
        const { extra_content } = ownOrigin(part.call, flavour.provider);
        calls.push({
          id: part.call.id,
          type: "function",
          function: { name: part.call.name, arguments: argumentsText(part.call) },
          ...(extra_content === undefined ? {} : { extra_content }),
        });
        break;
      }
    }
  }
  if (text === "" && calls.length === 0) return Option.none();
  return Option.some({
    role: "assistant",
    content: text === "" ? null : text,
    ...reasoning,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  });
};

const messagesOf = (
  system: string,
  stored: ReadonlyArray<Message>,
  flavour: Flavour,
): ReadonlyArray<Body> => {
  const messages = legalHistory(stored, historyRules);
  const lastUser = messages.findLastIndex((message) => message.role === "user");
  const lowered: Array<Body> = system === "" ? [] : [{ role: "system", content: system.toWellFormed() }];
  // Images of results come after all results of a turn: a tool message takes text only, and results stand together.
  let shown: ReadonlyArray<ToolImage> = [];
  const show = () => {
    if (shown.length > 0) lowered.push(shownMessage(shown));
    shown = [];
  };
  for (const [index, message] of messages.entries()) {
    if (message.role !== "tool") show();
    switch (message.role) {
      case "user":
        lowered.push(userMessage(message));
        break;
      case "assistant":
        lowered.push(...Option.toArray(assistantMessage(message, flavour, index > lastUser)));
        break;
      case "tool":
        lowered.push({ role: "tool", tool_call_id: message.callId, content: message.content });
        shown = [...shown, ...message.images ?? []];
    }
  }
  show();
  return lowered;
};

// Parameters -------------------------------------------------------------------------------------

const choiceOf = (choice: NonNullable<ModelParameters["toolChoice"]>): unknown => {
  switch (choice._tag) {
    case "Auto":
      return "auto";
    case "None":
      return "none";
    case "Required":
      return "required";
    case "Named":
      return { type: "function", function: { name: legalName(choice.name, historyRules) } };
  }
};

const formatOf = (format: ModelParameters["responseFormat"]): Body => {
  switch (format?._tag) {
    case undefined:
    case "Text":
      return {};
    case "JsonObject":
      return { response_format: { type: "json_object" } };
    case "JsonSchema": {
      const { name, schema, strict } = format;
      return { response_format: { type: "json_schema", json_schema: { name, schema, strict } } };
    }
  }
};

/** Imitators of the format refuse tools beside a wished form, even tools that may not be called. */
const refusesTools = ({ toolChoice, responseFormat }: ModelParameters, flavour: Flavour): boolean =>
  flavour.sampling === "openai-compatible" && toolChoice?._tag === "None" && formatsAnswer(responseFormat);

const formatsAnswer = (format: ModelParameters["responseFormat"]): boolean =>
  format !== undefined && format._tag !== "Text";

const toolsOf = ({ tools, parameters }: ModelRequest, flavour: Flavour): Body =>
  tools.length === 0 || refusesTools(parameters, flavour) ? {} : {
    tools: tools.map(({ name, description, parameters: schema, strict }) => ({
      type: "function",
      function: {
        name: legalName(name, historyRules),
        description: description.toWellFormed(),
        parameters: schema,
        ...(strict === true && { strict }),
      },
    })),
    ...(parameters.toolChoice === undefined ? {} : { tool_choice: choiceOf(parameters.toolChoice) }),
    ...(parameters.parallelToolCalls === undefined ? {} : { parallel_tool_calls: parameters.parallelToolCalls }),
  };

/** Lowers a request; `stream` and the request for usage are always on. */
export const lower = (request: ModelRequest, flavour: Flavour): Body => {
  const { parameters } = request;
  return {
    model: request.model,
    messages: messagesOf(request.system, request.messages, flavour),
    stream: true,
    stream_options: { include_usage: true },
    ...toolsOf(request, flavour),
    ...formatOf(parameters.responseFormat),
    ...sampling(parameters, samplingFields[flavour.sampling]),
    ...(flavour.sampling === "openai" && request.cacheKey !== undefined ? { prompt_cache_key: request.cacheKey } : {}),
    ...(parameters.outputTokensMax === undefined ? {} : { [flavour.limitField]: parameters.outputTokensMax }),
    ...(parameters.stop === undefined || parameters.stop.length === 0 ? {} : { stop: parameters.stop }),
    ...(parameters.reasoningEffort === undefined ? {} : { reasoning_effort: parameters.reasoningEffort }),
  };
};
