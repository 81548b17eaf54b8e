/**
 * From the wire to the terms of a run; what cannot be honoured is refused here, by name.
 */
import { Effect } from "effect";
import { agentToolNames } from "../../../domain/agentTools.ts";
import { type AssistantPart, type Message, toolCallsOf } from "../../../domain/Message.ts";
import type { ToolDeclaration } from "../../../domain/Tool.ts";
import type { RunRequest } from "../../../runs/Runs.ts";
import type {
  ModelParameters,
  ResponseFormat,
  SamplingParameter,
  SamplingParameters,
  ToolChoice,
} from "../../../services/Model.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { type FindFile, readUserMessage } from "../contentParts.ts";
import type { NamedFileError, NamedFiles } from "../namedFiles.ts";
import type { AssistantMessageIn, ChatRequest, MessageIn } from "./wire.ts";
import { headOf } from "../../../domain/cutText.ts";

/** What a client said and wishes, as a run takes it, before it is known for whom it runs. */
export interface Said extends Required<Pick<RunRequest, "messages" | "instructions" | "parameters" | "clientTools">> {
  /** A `response_format` of JSON governs the answer, so nothing else may stand in it. */
  readonly answerOnly: boolean;
}

/** The bounds of one request, from the settings. */
export interface RequestBounds {
  readonly messagesMax: number;
  readonly attachmentBytesMax: number;
  /** Finds files that are named by their ids; absent, none is. */
  readonly findFile?: FindFile;
  /** The files of `/v1/files` that messages may name; absent, none is. */
  readonly named?: NamedFiles;
}

const invalid = (param: string, why: string, code = "invalid_value") => new InvalidRequest({ param, why, code });

// Messages ---------------------------------------------------------------------------------------

const joined = (content: string | ReadonlyArray<{ readonly text: string }>): string =>
  typeof content === "string" ? content : content.map((part) => part.text).join("");

const assistantParts = (message: AssistantMessageIn): ReadonlyArray<AssistantPart> => {
  const { content, refusal, tool_calls: calls } = message;
  const texts = typeof content === "string"
    ? [content]
    : (content ?? []).map((part) => (part.type === "text" ? part.text : part.refusal));
  return [
    ...[...texts, refusal ?? ""].filter((text) => text !== "").map((text) => ({ _tag: "Text", text }) as const),
    ...(calls ?? []).map(({ id, function: called }) => ({
      _tag: "ToolCall",
      call: { id, name: called.name, argumentsJson: called.arguments },
    } as const)),
  ];
};

interface ReadMessages {
  readonly messages: ReadonlyArray<Message>;
  readonly instructions: ReadonlyArray<string>;
}

const readMessages = Effect.fnUntraced(function* (
  wire: ReadonlyArray<MessageIn>,
  { attachmentBytesMax: bytesMax, findFile, named }: RequestBounds,
): Effect.fn.Return<ReadMessages, NamedFileError> {
  const files = { bytesMax, ...(findFile !== undefined && { findFile }), ...(named !== undefined && { named }) };
  const messages: Array<Message> = [];
  const instructions: Array<string> = [];
  const nameOfCall = new Map<string, string>();
  for (const [index, message] of wire.entries()) {
    switch (message.role) {
      case "system":
      case "developer":
        instructions.push(joined(message.content));
        break;
      case "user":
        messages.push(
          yield* readUserMessage(message.content, `messages.${index}.content`, files),
        );
        break;
      case "assistant": {
        const said: Message = { role: "assistant", parts: assistantParts(message) };
        for (const call of toolCallsOf(said)) nameOfCall.set(call.id, call.name);
        messages.push(said);
        break;
      }
      case "tool":
        messages.push({
          role: "tool",
          callId: message.tool_call_id,
          // The call itself may stand in the session only, where the client cannot see it.
          name: nameOfCall.get(message.tool_call_id) ?? "",
          content: joined(message.content),
          isError: false,
        });
        break;
    }
  }
  return { messages, instructions };
});

// Tools ------------------------------------------------------------------------------------------

const readTools = Effect.fnUntraced(function* (
  request: ChatRequest,
): Effect.fn.Return<ReadonlyArray<ToolDeclaration>, InvalidRequest> {
  const tools: Array<ToolDeclaration> = [];
  const names = new Set<string>();
  for (const [index, { function: declared }] of (request.tools ?? []).entries()) {
    const param = `tools.${index}.function.name`;
    if (agentToolNames.has(declared.name)) {
      return yield* invalid(
        param,
        `The tool name '${declared.name}' is taken by a tool of this server: choose another`,
        "tool_name_taken",
      );
    }
    if (names.has(declared.name)) return yield* invalid(param, `The tool name '${declared.name}' is given twice`);
    names.add(declared.name);
    tools.push({
      name: declared.name,
      description: declared.description ?? "",
      parameters: { ...(declared.parameters ?? { type: "object", properties: {} }) },
      ...(declared.strict === true && { strict: true }),
    });
  }
  return tools;
});

const readToolChoice = (
  choice: NonNullable<ChatRequest["tool_choice"]>,
  clientTools: ReadonlyArray<ToolDeclaration>,
): Effect.Effect<ToolChoice, InvalidRequest> => {
  if (choice === "none") return Effect.succeed({ _tag: "None" });
  if (choice === "auto") return Effect.succeed({ _tag: "Auto" });
  if (choice === "required") return Effect.succeed({ _tag: "Required" });
  const name = choice.function.name;
  return agentToolNames.has(name) || clientTools.some((tool) => tool.name === name)
    ? Effect.succeed({ _tag: "Named", name })
    : Effect.fail(invalid("tool_choice", `There is no tool named '${headOf(name, 100)}' in this request`));
};

// Parameters -------------------------------------------------------------------------------------

const given = <Name extends SamplingParameter>(
  name: Name,
  value: SamplingParameters[Name] | null,
): SamplingParameters => (value === undefined || value === null ? {} : { [name]: value });

const readFormat = (format: NonNullable<ChatRequest["response_format"]>): ResponseFormat => {
  switch (format.type) {
    case "text":
      return { _tag: "Text" };
    case "json_object":
      return { _tag: "JsonObject" };
    case "json_schema":
      return {
        _tag: "JsonSchema",
        name: format.json_schema.name,
        schema: { ...(format.json_schema.schema ?? {}) },
        strict: format.json_schema.strict ?? false,
      };
  }
};

/** The given sampling parameters that are not null, under the agent's names. */
const readSampling = (request: ChatRequest): SamplingParameters => ({
  ...given("temperature", request.temperature),
  ...given("topP", request.top_p),
  // Clients say with 0 or -1 that they choose from all tokens, and most providers refuse both.
  ...(typeof request.top_k === "number" && request.top_k > 0 && { topK: request.top_k }),
  ...given("minP", request.min_p),
  // Beyond what a number holds exactly, providers would be sent another one, and may refuse it.
  ...given("seed", request.seed && request.seed % Number.MAX_SAFE_INTEGER),
  ...given("frequencyPenalty", request.frequency_penalty),
  ...given("presencePenalty", request.presence_penalty),
  ...given("repetitionPenalty", request.repetition_penalty),
  ...given("chatTemplateArguments", request.chat_template_kwargs),
  ...given("verbosity", request.verbosity),
  ...given("store", request.store),
});

/** The texts that end an answer; an empty one ends none, and is what clients send that have none. */
const stopsOf = (stop: ChatRequest["stop"]): ReadonlyArray<string> =>
  (typeof stop === "string" ? [stop] : stop ?? []).filter((text) => text !== "");

/** The given fields that are not null and not a client's word for "off", under the agent's names. */
const readParameters = (request: ChatRequest, toolChoice: ToolChoice | undefined): ModelParameters => {
  const outputTokensMax = request.max_completion_tokens ?? request.max_tokens ?? -1;
  const stop = stopsOf(request.stop);
  const { reasoning_effort: effort, response_format: format } = request;
  return {
    ...readSampling(request),
    ...(outputTokensMax === -1 ? {} : { outputTokensMax }),
    ...(stop.length === 0 ? {} : { stop }),
    ...(effort === undefined || effort === null ? {} : { reasoningEffort: effort }),
    ...(format === undefined || format === null ? {} : { responseFormat: readFormat(format) }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(typeof request.parallel_tool_calls === "boolean" ? { parallelToolCalls: request.parallel_tool_calls } : {}),
  };
};

/**
 * Reads a decoded request.
 *
 * *Fails with* `InvalidRequest`, naming the field: too many messages, a tool name that is taken or
 * given twice, a choice of a tool that is not there, an attachment that cannot be read, nothing to say.
 */
export const toRunRequest = Effect.fnUntraced(function* (
  request: ChatRequest,
  bounds: RequestBounds,
): Effect.fn.Return<Said, NamedFileError> {
  if (request.messages.length > bounds.messagesMax) {
    return yield* invalid("messages", `At most ${bounds.messagesMax} messages are accepted`);
  }
  const { messages, instructions } = yield* readMessages(request.messages, bounds);
  if (messages.length === 0) {
    return yield* invalid("messages", "Expected at least one message that is not an instruction");
  }
  const clientTools = yield* readTools(request);
  const choice = request.tool_choice;
  const toolChoice = choice === undefined || choice === null ? undefined : yield* readToolChoice(choice, clientTools);
  const parameters = readParameters(request, toolChoice);
  const format = parameters.responseFormat?._tag;
  return {
    messages,
    instructions,
    parameters,
    clientTools,
    answerOnly: format === "JsonObject" || format === "JsonSchema",
  };
});
