import assert from "node:assert/strict";
import { Deferred, Effect, Option, Redacted, Schema, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { type App, makeApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { redisServer, redisSkip } from "../support/redisServer.ts";

const body = { messages: [{ role: "user", content: "run it" }] };
const skip = { skip: redisSkip };

const Answer = Schema.Struct({
  choices: Schema.Array(Schema.Struct({ message: Schema.Struct({ content: Schema.String }) })),
});
const decodeAnswer = Schema.decodeUnknownSync(Answer);

/** Two instances on one Redis; commands are counted over both. */
const twoInstances = Effect.fnUntraced(function* (steps: ReadonlyArray<Scripted.Step>) {
  const { url } = yield* redisServer;
  const sandbox = fakeSandbox();
  const settings = { redisUrl: Option.some(Redacted.make(url)) };
  const make = Effect.acquireRelease(
    Effect.sync(() => makeApp({ steps, settings, sandbox })),
    (app) => Effect.promise(() => app.dispose()),
  );
  return { one: yield* make, two: yield* make, executed: sandbox.executed };
});

/** One try of the request, as the official clients number them. */
const attempt = (app: App, tries: number, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await app.chat(body, { "x-user-id": "u", "x-stainless-retry-count": String(tries), ...headers });
    const text = await response.text();
    return { status: response.status, text };
  });

const contentOf = (text: string) => decodeAnswer(JSON.parse(text)).choices[0]?.message.content;

const working: ReadonlyArray<Scripted.Step> = [
  Scripted.calls(Scripted.toolCall("c1", "execute_bash", { command: "make it" })),
  Scripted.answers("Made."),
];

it.live("a retry gets the finished run of another instance and runs nothing again", () =>
  Effect.gen(function* () {
    const { one, two, executed } = yield* twoInstances(working);
    const first = yield* attempt(one, 0);
    const again = yield* attempt(two, 1);
    assert.equal(again.status, 200);
    assert.equal(contentOf(again.text), contentOf(first.text));
    assert.deepEqual(executed, ["make it"]);
    // A first try is a new request, however much it looks like an old one.
    assert.equal((yield* attempt(two, 0)).status, 200);
    assert.deepEqual(executed, ["make it", "make it"]);
  }), skip);

it.live("a retry waits for the run that another instance is at", () =>
  Effect.gen(function* () {
    const goOn = yield* Deferred.make<void>();
    const called = yield* Deferred.make<void>();
    const waiting: Scripted.Step = () =>
      Stream.fromEffect(Deferred.succeed(called, undefined)).pipe(
        Stream.flatMap(() => Stream.fromEffect(Deferred.await(goOn))),
        Stream.flatMap(() => Stream.fromIterable([Scripted.text("Made."), Scripted.finished()])),
      );
    const { one, two, executed } = yield* twoInstances([working[0] ?? assert.fail(), waiting]);
    const answers = yield* Effect.all([
      attempt(one, 0),
      Effect.andThen(
        Deferred.await(called),
        Effect.all([attempt(two, 1), Deferred.succeed(goOn, undefined)], { concurrency: 2 }),
      ),
    ], { concurrency: 2 });
    const [first, [again]] = answers;
    assert.equal(contentOf(again.text), contentOf(first.text));
    assert.deepEqual(executed, ["make it"]);
  }), skip);

it.live(
  "an Idempotency-Key is refused by every instance when it comes with another request",
  () =>
    Effect.gen(function* () {
      const { one, two } = yield* twoInstances(working);
      const key = { "idempotency-key": "k" };
      assert.equal((yield* attempt(one, 0, key)).status, 200);
      assert.equal((yield* attempt(two, 0, key)).status, 200);
      assert.equal((yield* attempt(two, 0, { ...key, "x-session-id": "other" })).status, 422);
    }),
  skip,
);
