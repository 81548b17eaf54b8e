/**
 * A server that goes down tells its clients: a stream ends with its error frame, what has not begun is
 * answered 503 with the envelope, and the log does not blame the client.
 */
import assert from "node:assert/strict";
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { Model, type ModelEvent, type ModelInfo } from "../../src/services/Model.ts";
import { it } from "../support/it.ts";
import { served } from "../support/served.ts";

const info: ModelInfo = { id: "scripted", provider: "test", vision: false };

/** Says a word where it is asked to begin, tells that it was asked, and never ends. */
const hanging = (asked: Deferred.Deferred<void>) =>
  Layer.succeed(
    Model,
    Model.of({
      defaultModel: Effect.succeed(info.id),
      list: Effect.succeed([info]),
      find: () => Effect.succeed(info),
      stream: ({ messages }) =>
        Stream.concat(
          JSON.stringify(messages).includes("begin") ? Stream.make<[ModelEvent]>(Scripted.text("word")) : Stream.empty,
          Stream.fromEffect(Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)),
        ),
    }),
  );

const ask = (base: string, content: string, stream: boolean) =>
  fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content }], stream }),
  });

const cases = [
  ["a stream that has begun", "begin", true],
  ["a plain reply", "begin", false],
  ["a stream that has not begun", "wait", true],
] as const;

for (const [name, content, streams] of cases) {
  it.live(`shutting down tells the client of ${name}`, () =>
    Effect.gen(function* () {
      const lines: Array<string> = [];
      const logger = Logger.make(({ message, fiber }) => void lines.push(JSON.stringify([message, fiber.id])));
      const asked = yield* Deferred.make<void>();
      const scope = yield* Scope.make();
      const base = yield* served({
        model: hanging(asked),
        settings: { shutdownGraceSeconds: 0 },
        logger,
      }).pipe(Scope.provide(scope));
      const answer = yield* Effect.forkChild(Effect.promise(async () => {
        const response = await ask(base, content, streams);
        return { status: response.status, text: await response.text() };
      }));
      yield* Deferred.await(asked);
      yield* Scope.close(scope, Exit.void);
      const { status, text } = yield* Fiber.join(answer);
      const begun = streams && content === "begin";
      assert.equal(status, begun ? 200 : 503, text);
      const last = begun ? text.trim().split("\n\n").at(-1)?.replace("data: ", "") ?? "" : text;
      assert.equal(JSON.parse(last).error.code, "shutting_down", text);
      assert.ok(!lines.join("\n").includes("disconnected"), lines.join("\n"));
    }));
}

it.live("shutting down does not wait for connections that are only kept", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make();
    const base = yield* served({ settings: { shutdownGraceSeconds: 600 } }).pipe(Scope.provide(scope));
    yield* Effect.promise(async () => (await fetch(`${base}/health/live`)).text());
    yield* Effect.timeout(Scope.close(scope, Exit.void), "2 minutes");
  }));
