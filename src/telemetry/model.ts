/**
 * The Model port, measured: turns, first chunks, tokens and cost.
 */
import { Clock, Duration, Effect, Layer, Option, type Scope, Stream } from "effect";
import { costUsd } from "../domain/Usage.ts";
import { Model, type ModelEvent, type ModelInfo, type ModelService } from "../services/Model.ts";
import { errorTypeOf, withError } from "./errorType.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { instruments, key, type Labels, otherValue, providerName } from "./names.ts";

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
    return Effect.fnUntraced(function* (name) {
      if (known.has(name)) return name;
      const nowMs = yield* Clock.currentTimeMillis;
      if (nowMs - listedMs >= Duration.toMillis(listedAgain)) yield* listAside;
      return otherValue;
    });
  });

/** What is seen of one turn. */
class Turn {
  #firstMs: number | undefined;
  #finished: Extract<ModelEvent, { readonly _tag: "Finished" }> | undefined;

  constructor(
    readonly meter: Meter,
    readonly info: ModelInfo | undefined,
    readonly clock: Clock.Clock,
    readonly startedMs: number,
  ) {}

  see(events: ReadonlyArray<ModelEvent>): void {
    this.#firstMs ??= this.clock.currentTimeMillisUnsafe();
    const last = events[events.length - 1];
    if (last?._tag === "Finished") this.#finished = last;
  }

  end(model: string, errorType: string | undefined): void {
    const { meter, startedMs } = this;
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
}

const measured = Effect.fnUntraced(function* (inner: ModelService, meter: Meter) {
  const labelOf = yield* makeKnownNames(inner);
  return Model.of({
    ...inner,
    stream: (request) =>
      Stream.unwrap(Effect.gen(function* () {
        const info = Option.getOrUndefined(yield* Effect.option(inner.find(request.model)));
        const clock = yield* Clock.Clock;
        const turn = new Turn(meter, info, clock, clock.currentTimeMillisUnsafe());
        return inner.stream(request).pipe(
          Stream.mapArray((events) => {
            turn.see(events);
            return events;
          }),
          Stream.onExit((exit) => Effect.map(labelOf(request.model), (label) => turn.end(label, errorTypeOf(exit)))),
        );
      })),
  });
});

/** The same models, measured where measurements are asked for. */
export const model = <E, R>(layer: Layer.Layer<Model, E, R>): Layer.Layer<Model, E, R> =>
  Layer.effect(
    Model,
    Effect.gen(function* () {
      const inner = yield* Model;
      const meter = yield* CurrentMeter;
      return meter === undefined ? inner : yield* measured(inner, meter);
    }),
  ).pipe(Layer.provide(layer));
