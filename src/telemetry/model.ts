/**
 * The Model port, measured and traced: turns, first chunks, tokens and cost.
 */
import { Clock, Duration, Effect, Layer, Option, type Scope } from "effect";
import { costUsd } from "../domain/Usage.ts";
import { textOf, type ToolCall } from "../domain/Message.ts";
import { Model, type ModelEvent, type ModelInfo, type ModelRequest, type ModelService } from "../services/Model.ts";
import { type AttributeValue, type Span, Tracing, type TracingService, watchedStream } from "../services/Tracing.ts";
import { errorTypeOf } from "../domain/errorType.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { attribute, instruments, key, type Labels, otherValue, providerName, withError } from "./names.ts";

/** How often a name that is not known makes the models be listed again. */
const listedAgain = Duration.minutes(1);

/**
 * Which names of models may be labels: those that are listed, never one that a client typed.
 *
 * *Details*: listing waits aside; a name that was not listed yet counts as another until it is.
 */
const makeKnownNames = (model: ModelService): Effect.Effect<
  (name: string) => Effect.Effect<string>,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope;
    let known: ReadonlySet<string> = new Set();
    let listedMs = 0;
    const list = Effect.map(model.list, (models) => {
      known = new Set(models.map(({ id }) => id));
    });
    const listAside = Effect.gen(function* () {
      listedMs = yield* Clock.currentTimeMillis;
      yield* Effect.forkIn(list, scope);
    });
    yield* listAside;
    const other = Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis;
      if (nowMs - listedMs >= Duration.toMillis(listedAgain)) yield* listAside;
      return otherValue;
    });
    return (name) => Effect.suspend(() => known.has(name) ? Effect.succeed(name) : other);
  });

/** What is seen of one turn. */
class Turn {
  #firstMs: number | undefined;
  #said = "";
  readonly #calls: Array<ToolCall> = [];
  #finished: Extract<ModelEvent, { readonly _tag: "Finished" }> | undefined;

  constructor(
    readonly meter: Meter | undefined,
    readonly span: Span | undefined,
    readonly tellsContent: boolean,
    readonly info: ModelInfo | undefined,
    readonly clock: Clock.Clock,
    readonly startedMs: number,
  ) {}

  see(events: ReadonlyArray<ModelEvent>): void {
    this.#firstMs ??= this.clock.currentTimeMillisUnsafe();
    const last = events[events.length - 1];
    if (last?._tag === "Finished") this.#finished = last;
    if (!this.tellsContent) return;
    for (const event of events) {
      if (event._tag === "TextDelta" && this.#said.length < saidMax) this.#said += event.text;
      if (event._tag === "ToolCall") this.#calls.push(event.call);
    }
  }

  end(model: string, errorType: string | undefined): void {
    this.#tellSpan();
    const { meter, startedMs } = this;
    if (meter === undefined) return;
    const labels: Labels = {
      [key.operation]: "chat",
      [key.provider]: providerName(this.info?.provider ?? ""),
      [key.model]: model,
    };
    const endedMs = this.clock.currentTimeMillisUnsafe();
    meter.record(instruments.turnDuration, withError(labels, errorType), (endedMs - startedMs) / 1000);
    if (this.#firstMs !== undefined) {
      meter.record(instruments.firstChunk, labels, (this.#firstMs - startedMs) / 1000);
    }
    if (this.#finished === undefined) return;
    const { usage } = this.#finished;
    meter.record(instruments.tokens, { ...labels, [key.tokenType]: "input" }, usage.inputTokens);
    meter.record(instruments.tokens, { ...labels, [key.tokenType]: "output" }, usage.outputTokens);
    const price = this.info?.price;
    if (price !== undefined) meter.record(instruments.cost, { [key.model]: model }, costUsd(usage, price));
  }

  #tellSpan(): void {
    const { span } = this;
    if (span === undefined) return;
    if (this.tellsContent) {
      const parts = [
        ...(this.#said === "" ? [] : [{ type: "text", content: this.#said }]),
        ...this.#calls.map(({ id, name, argumentsJson }) => ({
          type: "tool_call",
          id,
          name,
          arguments: argumentsJson,
        })),
      ];
      span.set(attribute.outputMessages, JSON.stringify([{ role: "assistant", parts }]));
    }
    if (this.#finished === undefined) return;
    const { reason, usage } = this.#finished;
    span.set(attribute.finishReasons, [reason]);
    span.set(attribute.inputTokens, usage.inputTokens);
    span.set(attribute.cachedInputTokens, usage.cachedInputTokens);
    span.set(attribute.outputTokens, usage.outputTokens);
    span.set(attribute.reasoningTokens, usage.reasoningTokens);
  }
}

/** Characters of an answer that a span may repeat. */
const saidMax = 16_384;
/** Messages of a request, the newest, that a span may repeat. */
const messagesMax = 20;

/** What a span tells of the request of a turn. */
const requestAttributes = (
  { model, parameters, messages, system }: ModelRequest,
  provider: string,
  tellsContent: boolean,
): Readonly<Record<string, AttributeValue>> => ({
  [key.operation]: "chat",
  [key.provider]: providerName(provider),
  [key.model]: model,
  [attribute.streams]: true,
  ...(parameters.outputTokensMax !== undefined && { [attribute.maxTokens]: parameters.outputTokensMax }),
  ...(parameters.temperature !== undefined && { [attribute.temperature]: parameters.temperature }),
  ...(tellsContent && {
    [attribute.instructions]: JSON.stringify([{ type: "text", content: system }]),
    [attribute.inputMessages]: JSON.stringify(
      messages.slice(-messagesMax).map((message) => ({
        role: message.role,
        parts: [{ type: "text", content: textOf(message) }],
      })),
    ),
  }),
});

const observed = Effect.fnUntraced(function* (
  inner: ModelService,
  meter: Meter | undefined,
  tracing: TracingService | undefined,
) {
  const labelOf = meter === undefined ? Effect.succeed : yield* makeKnownNames(inner);
  const tellsContent = tracing?.tellsContent ?? false;
  return Model.of({
    ...inner,
    stream: (request) =>
      watchedStream(Effect.map(Effect.option(inner.find(request.model)), (found) => {
        const info = Option.getOrUndefined(found);
        return {
          name: `chat ${request.model}`,
          options: {
            kind: "client",
            attributes: tracing === undefined ? {} : requestAttributes(request, info?.provider ?? "", tellsContent),
          },
          begin: (span, clock) => {
            const turn = new Turn(meter, span, tellsContent, info, clock, clock.currentTimeMillisUnsafe());
            return {
              stream: inner.stream(request),
              worksOn: false,
              see: (events) => turn.see(events),
              ended: (exit) => Effect.map(labelOf(request.model), (label) => turn.end(label, errorTypeOf(exit))),
            };
          },
        };
      })),
  });
});

/** The same models, measured and traced where that is asked for. */
export const model = <E, R>(layer: Layer.Layer<Model, E, R>): Layer.Layer<Model, E, R> =>
  Layer.effect(
    Model,
    Effect.gen(function* () {
      const inner = yield* Model;
      const meter = yield* CurrentMeter;
      const tracing = yield* Tracing;
      return meter === undefined && tracing === undefined ? inner : yield* observed(inner, meter, tracing);
    }),
  ).pipe(Layer.provide(layer));
