/**
 * A model that plays a script: for tests, demonstrations and benchmarks.
 *
 * Each model turn takes the next step of the script; what the agent asked is recorded, so a test can
 * compare the whole input of every turn.
 */
import { Context, Effect, Layer, Ref, Stream } from "effect";
import * as Usage from "../../domain/Usage.ts";
import {
  BadOutput,
  Model,
  ModelError,
  type ModelEvent,
  type ModelInfo,
  ModelNotFound,
  type ModelRequest,
} from "../../services/Model.ts";

/** One model turn: events as they come, which may fail or never end. */
export type Step =
  | ReadonlyArray<ModelEvent>
  | ((request: ModelRequest) => Stream.Stream<ModelEvent, ModelError> | ReadonlyArray<ModelEvent>);

/** A text event. */
export const text = (value: string): ModelEvent => ({ _tag: "TextDelta", text: value });

/** A reasoning event. */
export const reasoning = (value: string): ModelEvent => ({ _tag: "ReasoningDelta", text: value });

/** A tool call event with its arguments as an object. */
export const toolCall = (id: string, name: string, args: Record<string, unknown>): ModelEvent => ({
  _tag: "ToolCall",
  call: { id, name, argumentsJson: JSON.stringify(args) },
});

/** The end of a turn; ten tokens in and five out unless told otherwise. */
export const finished = (
  reason: Extract<ModelEvent, { _tag: "Finished" }>["reason"] = "Stop",
  usage: Partial<Usage.Usage> = { inputTokens: 10, outputTokens: 5 },
): ModelEvent => ({ _tag: "Finished", reason, usage: { ...Usage.zero, ...usage } });

/** A turn that answers with a text, in the given pieces. */
export const answers = (...values: ReadonlyArray<string>): Step => [...values.map(text), finished()];

/**
 * A turn that calls tools.
 *
 * *Example* (script a run with one command):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Scripted } from "@caisson/caisson";
 *
 * const steps = [
 *   Scripted.calls(Scripted.toolCall("1", "execute_bash", { command: "ls" })),
 *   Scripted.answers("There are no files."),
 * ];
 * assert.deepEqual(steps[0], [
 *   { _tag: "ToolCall", call: { id: "1", name: "execute_bash", argumentsJson: '{"command":"ls"}' } },
 *   Scripted.finished("ToolCalls"),
 * ]);
 * ```
 */
export const calls = (...events: ReadonlyArray<ModelEvent>): Step => [...events, finished("ToolCalls")];

/** What the agent has asked of the script so far, oldest first. */
export class ScriptedRequests extends Context.Service<ScriptedRequests, Ref.Ref<ReadonlyArray<ModelRequest>>>()(
  "caisson/adapters/model/ScriptedRequests",
) {}

/** The only model a script serves. */
export const scriptedModel = "scripted";

const info: ModelInfo = { id: scriptedModel, provider: "scripted", vision: true };

const ended = (model: string) =>
  new ModelError({
    provider: info.provider,
    model,
    reason: new BadOutput({ why: "the script has ended" }),
    detail: "the script has ended",
  });

/**
 * A Model whose turns come from `steps` in order; a turn past the end fails with `BadOutput`.
 *
 * *Example* (test a program against a model that says what you wrote):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Ref, Stream } from "effect";
 * import { Message, Model, Scripted } from "@caisson/caisson";
 *
 * const script = Scripted.layer([Scripted.answers("Hello, ", "Ada.")]);
 * const program = Effect.gen(function* () {
 *   const model = yield* Model.Model;
 *   const request = { model: "scripted", system: "Be kind.", messages: [Message.user("Hi")], tools: [],
 * parameters: {} };
 *   const events = yield* Stream.runCollect(model.stream(request));
 *   return { events, asked: yield* Ref.get(yield* Scripted.ScriptedRequests) };
 * });
 * const { events, asked } = await Effect.runPromise(Effect.provide(program, script));
 * assert.deepEqual(events, [Scripted.text("Hello, "), Scripted.text("Ada."), Scripted.finished()]);
 * assert.equal(asked[0]?.system, "Be kind.");
 * ```
 */
export const layer = (steps: ReadonlyArray<Step>): Layer.Layer<Model | ScriptedRequests> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const requests = yield* Ref.make<ReadonlyArray<ModelRequest>>([]);
      const next = (request: ModelRequest) =>
        Ref.modify(requests, (seen) => [steps[seen.length], [...seen, request]] as const);
      const model = Model.of({
        defaultModel: Effect.succeed(scriptedModel),
        list: Effect.succeed([info]),
        find: (name) =>
          name === scriptedModel ? Effect.succeed(info) : Effect.fail(
            new ModelNotFound({ model: name, why: "only the script is served", available: [scriptedModel] }),
          ),
        stream: (request) =>
          Stream.unwrap(
            Effect.map(next(request), (step): Stream.Stream<ModelEvent, ModelError> => {
              if (step === undefined) return Stream.fail(ended(request.model));
              const events = typeof step === "function" ? step(request) : step;
              return Stream.isStream(events) ? events : Stream.fromIterable(events);
            }),
          ),
      });
      return Context.make(Model, model).pipe(Context.add(ScriptedRequests, requests));
    }),
  );
