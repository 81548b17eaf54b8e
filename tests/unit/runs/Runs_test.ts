import assert from "node:assert/strict";
import { Duration, Effect, Exit, Layer, Logger, Metric, Scope, Stream } from "effect";
import { TestClock } from "effect/testing";
import * as Scripted from "../../../src/adapters/model/Scripted.ts";
import type { SettingsService } from "../../../src/config.ts";
import { ownerKey } from "../../../src/domain/ids.ts";
import { attachment, attachmentsOf, textOf, user } from "../../../src/domain/Message.ts";
import { type RunHandle, type RunRequest, Runs } from "../../../src/runs/Runs.ts";
import { Sessions } from "../../../src/services/Sessions.ts";
import { services } from "../../support/app.ts";
import { type FakeSandbox, fakeSandbox, outcome } from "../../support/fakeSandbox.ts";
import { it } from "../../support/it.ts";

const owner = { principal: "p", user: "u", ephemeral: false };
const request = (changes: Partial<RunRequest> = {}): RunRequest => ({
  owner,
  model: Scripted.scriptedModel,
  messages: [user("hello")],
  ...changes,
});

const bash = (id: string) => Scripted.calls(Scripted.toolCall(id, "execute_bash", { command: "work" }));

/** What is alive in a process. */
const counting = () => {
  const alive = { fibers: 0, commands: 0 };
  const fibers = Layer.succeed(Metric.FiberRuntimeMetrics, {
    recordFiberStart: () => void alive.fibers++,
    recordFiberEnd: () => void alive.fibers--,
  });
  const fake = fakeSandbox(({ onOutput }) =>
    Effect.gen(function* () {
      alive.commands++;
      onOutput?.("stdout", "begun\n");
      return yield* Effect.never;
    }).pipe(Effect.ensuring(Effect.sync(() => void alive.commands--)))
  );
  return { alive, fibers, sandbox: fake };
};

/** What is alive once everything that was begun with the layers rests. */
const settled = (alive: ReturnType<typeof counting>["alive"]) =>
  Effect.map(TestClock.adjust("1 second"), () => ({ ...alive }));

const over = (
  steps: ReadonlyArray<Scripted.Step>,
  options: { readonly sandbox?: FakeSandbox; readonly settings?: Partial<SettingsService> } = {},
) => Layer.mergeAll(services({ steps, ...options }), Logger.layer([]));

/** Starts a run in a scope of its own, which the test closes as a client that vanishes. */
const client = (changes: Partial<RunRequest> = {}) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make();
    const handle = yield* Effect.provideService((yield* Runs).start(request(changes)), Scope.Scope, scope);
    return { handle, vanish: Scope.close(scope, Exit.void) };
  });

const silent: Scripted.Step = () => Stream.never;
const endless: Scripted.Step = () => Stream.concat(Stream.make(Scripted.text("…")), Stream.never);

/** Moments in which a client may vanish: the script until then, and how the test gets there. */
const moments: ReadonlyArray<
  readonly [string, ReadonlyArray<Scripted.Step>, (run: RunHandle) => Effect.Effect<unknown>]
> = [
  ["while the model is silent", [silent], () => TestClock.adjust("20 seconds")],
  ["in the middle of an answer", [endless], (run) => Effect.orDie(run.begun)],
  ["while a command runs and prints", [bash("1")], () => TestClock.adjust("5 seconds")],
  ["while it listens with ticks", [endless], (run) =>
    Effect.andThen(
      Effect.orDie(Stream.runDrain(Stream.take(run.eventsAndTicks(Duration.seconds(1)), 2))),
      Effect.void,
    ).pipe(Effect.forkChild, Effect.andThen(TestClock.adjust("3 seconds")))],
];

for (const [name, steps, reach] of moments) {
  it.effect(`Runs.start leaves nothing alive when its client vanishes ${name}`, () => {
    const { alive, fibers, sandbox } = counting();
    return Effect.gen(function* () {
      const runs = yield* Runs;
      const before = yield* settled(alive);
      const { handle, vanish } = yield* client();
      yield* reach(handle);
      assert.equal(yield* runs.running, 1);
      assert.ok(alive.fibers > before.fibers);
      yield* vanish;
      assert.deepEqual(alive, before);
      assert.equal(yield* runs.running, 0);
      // Its place is free: one run at once is allowed.
      const next = yield* client();
      yield* Effect.yieldNow;
      assert.equal(yield* runs.running, 1);
      yield* next.vanish;
      assert.deepEqual(alive, before);
    }).pipe(
      Effect.provide(over([...steps, silent], { sandbox, settings: { runsPerUserMax: 1 } })),
      Effect.provide(fibers),
    );
  });
}

it.effect("RunHandle.cancel ends a run, its command and its fibers, and keeps what was completed", () => {
  const { alive, fibers, sandbox } = counting();
  return Effect.gen(function* () {
    const before = yield* settled(alive);
    const { handle, vanish } = yield* client();
    yield* TestClock.adjust("1 second");
    assert.equal(alive.commands, 1);
    yield* handle.cancel;
    assert.equal(alive.commands, 0);
    const error = yield* Effect.flip(Stream.runDrain(handle.events));
    assert.equal(error._tag, "RunCancelled");
    yield* vanish;
    assert.deepEqual(alive, before);
    const session = yield* (yield* Sessions).load({ owner: ownerKey(owner), id: "default" });
    assert.deepEqual(session.turns.map(({ status }) => status), ["cancelled"]);
  }).pipe(Effect.provide(over([bash("1")], { sandbox })), Effect.provide(fibers));
});

it.effect("Runs.start gives a program limits, files, retries and changed files in one call", () => {
  const sandbox = fakeSandbox(() => Effect.succeed(outcome("3\n")));
  return Effect.gen(function* () {
    const runs = yield* Runs;
    const file = attachment("a.csv", new TextEncoder().encode("1\n"));
    const attempt = { kind: "idempotency-key", key: "k", joins: true, fingerprint: "f" } as const;
    const asked = request({ messages: [{ ...user("count"), attachments: [file] }], attempt });
    const first = yield* runs.start(asked);
    const events = yield* Stream.runCollect(first.events);
    const again = yield* runs.start(asked);
    assert.equal(again.id, first.id);
    assert.deepEqual(yield* Stream.runCollect(again.events), events);
    assert.deepEqual(sandbox.executed, ["work"]);
    assert.equal(first.allowance.requests?.remaining, 8);
    assert.ok(first.toolsHaveRun);
    const paths = [...sandbox.files.keys()].map((key) => key.slice(key.indexOf(":") + 1));
    assert.deepEqual(paths, [file.path]);
    const session = yield* (yield* Sessions).load({ owner: ownerKey(owner), id: "default" });
    const [said] = session.turns[0]?.messages ?? [];
    assert.ok(said !== undefined && textOf(said) === "count");
    assert.deepEqual(attachmentsOf(said).map((kept) => [kept.path, Object.hasOwn(kept, "content")]), [[
      file.path,
      false,
    ]]);
    const other = yield* Effect.flip(runs.start({ ...asked, attempt: { ...attempt, fingerprint: "other" } }));
    assert.equal(other._tag, "IdempotencyKeyReused");
  }).pipe(
    Effect.scoped,
    Effect.provide(over([bash("1"), Scripted.answers("3")], { sandbox, settings: { requestsPerMinute: 9 } })),
  );
});

it.effect("Runs.start refuses an answer to a call that nobody made, before anything runs", () => {
  const asked: Array<string> = [];
  const step: Scripted.Step = ({ model }) => {
    asked.push(model);
    return [Scripted.finished()];
  };
  return Effect.gen(function* () {
    const answer = { role: "tool", callId: "nobody's", name: "", content: "x", isError: false } as const;
    const run = yield* (yield* Runs).start(request({ messages: [user("hi"), answer] }));
    const error = yield* Effect.flip(run.begun);
    assert.ok(error._tag === "UnknownCallAnswered" && error.callId === "nobody's");
    assert.deepEqual(asked, []);
  }).pipe(Effect.scoped, Effect.provide(over([step])));
});
