/**
 * The Model port: one turn of a language model as a stream of closed events.
 *
 * Adapters translate a provider's wire format both ways and own nothing else: the agent loop, tool
 * execution and history are not theirs.
 */
import { Context, type Effect, Schema, type Stream } from "effect";
import { type Message, Origin, ToolCall } from "../domain/Message.ts";
import type { ToolDeclaration } from "../domain/Tool.ts";
import { type Price, Usage } from "../domain/Usage.ts";

// Errors -----------------------------------------------------------------------------------------

/** The provider asks to slow down. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  retryAfterMs: Schema.optionalKey(Schema.Number),
}) {}
/** The account behind the provider key has nothing left to spend. */
export class QuotaExhausted extends Schema.TaggedError<QuotaExhausted>()("QuotaExhausted", {}) {}
/** The conversation does not fit the model's context window. */
export class ContextTooLong extends Schema.TaggedError<ContextTooLong>()("ContextTooLong", {}) {}
/** The provider refuses to answer this prompt. */
export class PromptBlocked extends Schema.TaggedError<PromptBlocked>()("PromptBlocked", { why: Schema.String }) {}
/** The provider refused our key. */
export class BadCredentials extends Schema.TaggedError<BadCredentials>()("BadCredentials", {}) {}
/** The provider says that our request is wrong. */
export class RequestRefused extends Schema.TaggedError<RequestRefused>()("RequestRefused", {
  /** The parameter or message that the provider names, in its own words. */
  param: Schema.optionalKey(Schema.String),
  /** What is refused and what to do, in words of ours that a caller may read; never a provider's own text. */
  why: Schema.optionalKey(Schema.String),
}) {}
/** The provider is overloaded or broken at the moment. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  status: Schema.optionalKey(Schema.Int),
  retryAfterMs: Schema.optionalKey(Schema.Number),
}) {}
/** No connection, or the connection was cut mid-stream. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>()("ConnectionLost", {}) {}
/** The provider was silent for longer than we wait. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", {
  phase: Schema.Literals(["connect", "first-event", "between-events"]),
  limitMs: Schema.Number,
  /** This process was held up for so long that it cannot tell whether the provider was silent. */
  isOwnLag: Schema.optionalKey(Schema.Literal(true)),
}) {}
/** The provider sent something that is not its own wire format. */
export class BadOutput extends Schema.TaggedError<BadOutput>()("BadOutput", {
  why: Schema.String,
  /** What a turn used that ended well and said nothing. */
  empty: Schema.optionalKey(Usage),
}) {}

/** Every way in which a model turn fails. */
export const ModelErrorReason = Schema.Union([
  RateLimited,
  QuotaExhausted,
  ContextTooLong,
  PromptBlocked,
  BadCredentials,
  RequestRefused,
  Unavailable,
  ConnectionLost,
  TimedOut,
  BadOutput,
]);
export type ModelErrorReason = typeof ModelErrorReason.Type;

/**
 * A model turn failed; `reason` says how, `detail` is the provider's own bounded text for the log.
 *
 * `detail` never reaches a caller: it may quote internals. It reaches the log only where content may be told, because
 * it may quote the prompt; `status` and `code` say there what the provider meant.
 *
 * *Example* (tell why a model turn failed without telling internals):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Model } from "@caisson/caisson";
 *
 * const error = new Model.ModelError({
 *   provider: "gemini",
 *   model: "gemini-flash-latest",
 *   reason: new Model.RateLimited({ retryAfterMs: 2_000 }),
 *   detail: "quota of project 1234 exceeded",
 * });
 * assert.equal(error.message, "model gemini-flash-latest of gemini failed: RateLimited");
 * assert.equal(error.reason._tag === "RateLimited" && error.reason.retryAfterMs, 2_000);
 * ```
 */
export class ModelError extends Schema.TaggedError<ModelError>()("ModelError", {
  provider: Schema.String,
  model: Schema.String,
  reason: ModelErrorReason,
  /** The HTTP status of the provider's answer, where there was one. */
  status: Schema.optionalKey(Schema.Int),
  /** The provider's own short name of the error, such as `invalid_request_error` or `ECONNREFUSED`. */
  code: Schema.optionalKey(Schema.String),
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `model ${this.model} of ${this.provider} failed: ${this.reason._tag}`;
  }

  /** The detail is a provider's own text: it may repeat the prompt. */
  get isForeign(): boolean {
    return true;
  }
}

/**
 * There is no such model here; `why` says which key is missing, `available` what can be used now.
 *
 * *Example* (answer a request for a model that nobody serves):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect } from "effect";
 * import { Model, Scripted } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const model = yield* Model.Model;
 *   return yield* model.find("gpt-5");
 * }).pipe(Effect.catchTag("ModelNotFound", ({ available }) => Effect.succeed(available)));
 *
 * assert.deepEqual(await Effect.runPromise(Effect.provide(program, Scripted.layer([]))), [Scripted.scriptedModel]);
 * ```
 */
export class ModelNotFound extends Schema.TaggedError<ModelNotFound>()("ModelNotFound", {
  model: Schema.String,
  why: Schema.String,
  available: Schema.Array(Schema.String),
}) {
  override get message(): string {
    return `The model '${this.model}' is not available: ${this.why}. Available now: ${this.available.join(", ")}`;
  }
}

// Events -----------------------------------------------------------------------------------------

/** More of the answer. */
export const ModelTextDelta = Schema.TaggedStruct("TextDelta", {
  text: Schema.String,
  origin: Schema.optionalKey(Origin),
});
/** More of what the model thinks. */
export const ModelReasoningDelta = Schema.TaggedStruct("ReasoningDelta", {
  text: Schema.String,
  origin: Schema.optionalKey(Origin),
});
/** A complete call: adapters gather argument fragments themselves. */
export const ModelToolCall = Schema.TaggedStruct("ToolCall", { call: ToolCall });
/** The last event of a turn. */
export const ModelFinished = Schema.TaggedStruct("Finished", {
  reason: Schema.Literals(["Stop", "ToolCalls", "OutputLimit", "ContentFilter"]),
  usage: Usage,
});

/** Anything a model says in a turn. Exactly one `Finished` ends a turn that did not fail. */
export const ModelEvent = Schema.Union([ModelTextDelta, ModelReasoningDelta, ModelToolCall, ModelFinished]);
export type ModelEvent = typeof ModelEvent.Type;

// Request ----------------------------------------------------------------------------------------

/** How long a model may think before it answers, least first. */
export type ReasoningEffort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";

/** The form of a run's last message. */
export type ResponseFormat =
  | { readonly _tag: "Text" }
  | { readonly _tag: "JsonObject" }
  | {
    readonly _tag: "JsonSchema";
    readonly name: string;
    readonly schema: Schema.JsonObject;
    readonly strict: boolean;
  };

/** Whether the model may, must or must not call tools, or which. */
export type ToolChoice =
  | { readonly _tag: "Auto" }
  | { readonly _tag: "None" }
  | { readonly _tag: "Required" }
  | { readonly _tag: "Named"; readonly name: string };

/**
 * How tokens are chosen, and other wishes that not every provider takes.
 *
 * *Details*: none promises anything exact. An adapter drops those that are not among
 * {@link ModelInfo.takes}, since many clients send them without meaning them; whoever offers the model
 * to people says which were dropped.
 */
export interface SamplingParameters {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly seed?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly repetitionPenalty?: number;
  /** What the template that makes a prompt of the messages reads, such as `enable_thinking`. */
  readonly chatTemplateArguments?: Schema.JsonObject;
  readonly verbosity?: "low" | "medium" | "high";
  /** Whether the provider is to keep the answer for its own account's pages. */
  readonly store?: boolean;
}
export type SamplingParameter = keyof SamplingParameters;

/** What reaches some models only: sampling parameters, and `strict` of tools. */
export type PartlyTaken = SamplingParameter | "strictTools";

/**
 * Sampling, format and tool wishes; an adapter that cannot honour one of the latter fails with
 * `RequestRefused`.
 */
export interface ModelParameters extends SamplingParameters {
  readonly outputTokensMax?: number;
  readonly stop?: ReadonlyArray<string>;
  readonly reasoningEffort?: ReasoningEffort;
  readonly responseFormat?: ResponseFormat;
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
}

/**
 * What becomes of a conversation that is longer than the model's window: nothing of it is left out, or also its oldest
 * turns are.
 */
export type Truncation = "disabled" | "auto";

/** One model turn, as the agent asks for it. */
export interface ModelRequest {
  /** The public model name, as listed by {@link ModelService.list}. */
  readonly model: string;
  /** Instructions, "" for none. */
  readonly system: string;
  readonly messages: ReadonlyArray<Message>;
  readonly tools: ReadonlyArray<ToolDeclaration>;
  readonly parameters: ModelParameters;
  /** Absent, old tool output is left out of a conversation that is too long, and nothing else. */
  readonly truncation?: Truncation;
  /** For whom the turn is, so that nobody waits behind somebody else's crowd. */
  readonly principal?: string;
  /** What requests of one conversation share, so that a provider can keep them near their prompt's cache. */
  readonly cacheKey?: string;
}

/** A model that callers can choose. */
export interface ModelInfo {
  readonly id: string;
  readonly provider: string;
  /** Whether image parts are shown to the model. */
  readonly vision: boolean;
  readonly contextTokens?: number;
  /** Only where the deployment has said it. */
  readonly price?: Price;
  /** What of sampling parameters and `strict` of tools reaches this model; absent when all does. */
  readonly takes?: ReadonlySet<PartlyTaken>;
}

// Port -------------------------------------------------------------------------------------------

/** What a model adapter, or a router over several, offers. */
export interface ModelService {
  /**
   * The model of a request that names none, as far as it can be known now.
   *
   * *Fails with* `ModelNotFound` when a server decides it and does not say what it has.
   */
  readonly defaultModel: Effect.Effect<string, ModelNotFound>;
  /** The models that can be chosen now. It does not fail when a provider cannot list: it lists what is configured. */
  readonly list: Effect.Effect<ReadonlyArray<ModelInfo>>;
  /** Names of the providers that did not say which models they have, so that some of theirs may not be listed. */
  readonly unlisted?: Effect.Effect<ReadonlyArray<string>>;
  /**
   * Finds a model by its public name.
   *
   * *Fails with* `ModelNotFound` when no provider serves the name or its key is missing.
   */
  readonly find: (model: string) => Effect.Effect<ModelInfo, ModelNotFound>;
  /**
   * Runs one model turn.
   *
   * *Details*: events arrive as the provider sends them; exactly one `Finished` comes last. Closing
   * the stream early cancels the upstream request before the close returns.
   *
   * *Fails with* `ModelError` before or after the first event, `ModelNotFound` before it.
   */
  readonly stream: (request: ModelRequest) => Stream.Stream<ModelEvent, ModelError | ModelNotFound>;
}

/**
 * The Model port.
 *
 * *Example* (replace the model):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer, Stream } from "effect";
 * import { Message, Model, Usage } from "@caisson/caisson";
 *
 * const info: Model.ModelInfo = { id: "echo", provider: "example", vision: false };
 * const echo = Layer.succeed(
 *   Model.Model,
 *   Model.Model.of({
 *     defaultModel: Effect.succeed(info.id),
 *     list: Effect.succeed([info]),
 *     find: () => Effect.succeed(info),
 *     stream: ({ messages }) =>
 *       Stream.fromIterable<Model.ModelEvent>([
 *         { _tag: "TextDelta", text: messages.map(Message.textOf).join(" ") },
 *         { _tag: "Finished", reason: "Stop", usage: Usage.zero },
 *       ]),
 *   }),
 * );
 *
 * const program = Effect.gen(function* () {
 *   const model = yield* Model.Model;
 *   const request = { model: "echo", system: "", messages: [Message.user("Hello")], tools: [], parameters: {} };
 *   return yield* Stream.runCollect(model.stream(request));
 * });
 * const [first] = await Effect.runPromise(Effect.provide(program, echo));
 * assert.deepEqual(first, { _tag: "TextDelta", text: "Hello" });
 * ```
 */
export class Model extends Context.Service<Model, ModelService>()("caisson/services/Model") {}
