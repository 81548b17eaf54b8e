/** Many commands of every kind at once, in an order that is random and the same in every run. */
import assert from "node:assert/strict";
import { Deferred, Effect, Fiber, Stream } from "effect";
import type { SupervisorLink } from "../../../../../src/adapters/sandbox/supervisor/SupervisorLink.ts";
import { it } from "../../../../support/it.ts";
import { hostSupervisor } from "./hostSupervisor.ts";
import { makeRandom } from "./random.ts";

type Kind = (link: SupervisorLink, token: string) => Effect.Effect<void, unknown>;

const kinds: ReadonlyArray<Kind> = [
  (link, token) =>
    Effect.map(link.execute({ command: `echo ${token}; exit 7`, timeoutMs: 60_000 }), (outcome) => {
      assert.deepEqual([outcome.stdout, outcome.exitCode, outcome.timedOut], [`${token}\n`, 7, false]);
    }),
  (link, token) =>
    Effect.map(
      link.execute({ command: `echo ${token}; (setsid sleep 1000 &); sleep 1000`, timeoutMs: 1500 }),
      (outcome) => {
        assert.deepEqual([outcome.exitCode, outcome.timedOut], [124, true]);
        // On a busy machine it may not have begun by then; what it says is its own.
        assert.ok([`${token}\n`, ""].includes(outcome.stdout), outcome.stdout);
      },
    ),
  (link, token) =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>();
      const fiber = yield* Effect.forkChild(link.execute({
        command: `echo ${token}; trap '' TERM; setsid sleep 1000 & sleep 1000`,
        timeoutMs: 60_000,
        onOutput: () => void Deferred.doneUnsafe(begun, Effect.void),
      }));
      yield* Deferred.await(begun);
      yield* Fiber.interrupt(fiber);
    }),
  (link, token) =>
    Effect.map(link.execute({ command: `echo ${token}; kill -9 $PPID; sleep 1000`, timeoutMs: 60_000 }), (outcome) => {
      assert.deepEqual([outcome.stdout, outcome.exitCode], [`${token}\n`, 137]);
      assert.match(outcome.note ?? "", /was killed/);
    }),
  (link) =>
    Effect.map(link.execute({ command: "seq 1 60000; seq 1 3 >&2", timeoutMs: 60_000 }), (outcome) => {
      assert.ok(outcome.truncated && outcome.stdout.endsWith("59999\n60000\n"));
      assert.equal(outcome.stderr, "1\n2\n3\n");
      assert.equal(outcome.stdoutBytes, 348_894);
    }),
  (link, token) =>
    Effect.map(
      link.executeWithInput(
        { command: "cat", timeoutMs: 60_000 },
        Stream.make(new TextEncoder().encode(token), new TextEncoder().encode("!")),
      ),
      (outcome) => assert.equal(outcome.stdout, `${token}!`),
    ),
  (link, token) =>
    Effect.gen(function* () {
      yield* link.writeFile(token, new TextEncoder().encode(token));
      assert.equal((yield* link.readText(token, { offset: 0 })).text, token);
      assert.equal((yield* link.execute({ command: `cat ${token}`, timeoutMs: 60_000 })).stdout, token);
    }),
];

it.live("the link keeps every command's result its own when many kinds run in a storm", () =>
  Effect.gen(function* () {
    const { link, pid } = yield* hostSupervisor();
    const random = makeRandom(8);
    const plan = Array.from({ length: 84 }, (_, index) => ({ kind: random.below(kinds.length), token: `t${index}` }));
    yield* Effect.forEach(plan, ({ kind, token }) => kinds[kind]?.(link, token) ?? Effect.void, {
      concurrency: 12,
      discard: true,
    });
    // What is left below the supervisor: runners, their waiting shells, and the shell that asks.
    const { stdout } = yield* link.execute({
      command: `tree() { for c in $(cat /proc/$1/task/*/children 2>/dev/null); do cat /proc/$c/comm; tree $c; done; }
        tree ${pid} | sort | uniq`,
      timeoutMs: 60_000,
    });
    assert.deepEqual(stdout.trim().split("\n").filter((name) => !["cat", "sort", "uniq"].includes(name)), [
      "bash",
      "python3",
    ]);
  }));
