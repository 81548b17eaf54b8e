/**
 * The contract of the Sessions port, run on every store.
 */
import assert from "node:assert/strict";
import { Effect, type Layer } from "effect";
import { assistant, user } from "../../src/domain/Message.ts";
import { OwnerKey } from "../../src/domain/Owner.ts";
import type { NewTurn, SessionKey, TurnParent } from "../../src/domain/Session.ts";
import { pathTo } from "../../src/domain/Session.ts";
import { Sessions } from "../../src/services/Sessions.ts";
import { it } from "../support/it.ts";

export interface SessionsSuiteOptions<R> {
  /** Idle time after which the store under test expires a session. */
  readonly timeoutMs: number;
  /** Lets that much time pass for the store. */
  readonly pass: (ms: number) => Effect.Effect<void, unknown, R | Sessions>;
  readonly skip?: string | undefined;
}

const ownerOf = (digit: string) => OwnerKey.make(digit.repeat(32));

let keys = 0;
/** A key of its own per test, so that stores which outlive a test can be shared. */
const freshKey = (): SessionKey => ({ owner: ownerOf("a"), id: `session-${keys++}-${crypto.randomUUID()}` });

const turn = (id: string, parent: TurnParent = { _tag: "Newest" }, answer = "answer"): NewTurn => ({
  id,
  parent,
  messages: [
    user(`said ${id}`),
    {
      role: "assistant",
      parts: [
        {
          _tag: "ToolCall",
          call: {
            id: `call-${id}`,
            name: "execute_bash",
            argumentsJson: '{"command":"ls"}',
            origin: {
              provider: "gemini",
              data: { thoughtSignature: "sïg\u0000nature", nested: [1, null, { a: true }] },
            },
          },
        },
      ],
    },
    { role: "tool", callId: `call-${id}`, name: "execute_bash", content: 'é "quoted" 💥', isError: true },
    assistant(answer),
  ],
  status: "completed",
  model: "m",
  usage: { inputTokens: 1, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0 },
  startedAtMs: 1,
  finishedAtMs: 2,
});

export const sessionsSuite = <R = never>(
  name: string,
  layer: Layer.Layer<R | Sessions, unknown>,
  options: SessionsSuiteOptions<R>,
): void => {
  const { effect } = it.layer(layer);
  const test = (title: string, body: () => Effect.Effect<void, unknown, R | Sessions>) =>
    effect(`Sessions(${name}).${title}`, body, { skip: options.skip });

  test("a session is titled by its first words until it is renamed", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      assert.equal(yield* sessions.rename(key, "nobody's"), false);
      const said = `  Plot\n the sales of ${"💥".repeat(200)}`;
      yield* sessions.append(key, { ...turn("first"), messages: [user(said)] });
      yield* sessions.append(key, turn("second"));
      const titleOf = Effect.gen(function* () {
        const listed = (yield* sessions.list(key.owner)).find(({ key: { id } }) => id === key.id);
        assert.equal((yield* sessions.load(key)).title, listed?.title);
        return listed?.title ?? "";
      });
      const title = yield* titleOf;
      assert.match(title, /^Plot the sales of (💥)+…$/u);
      assert.ok(title.length <= 80 && title.isWellFormed());
      assert.equal(yield* sessions.rename(key, 'Sales "é" 💥'), true);
      yield* sessions.append(key, turn("third"));
      assert.equal(yield* titleOf, 'Sales "é" 💥');
    }));

  test("load returns no turns when there is no such session", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      assert.deepEqual((yield* sessions.load(key)).turns, []);
      assert.equal((yield* sessions.list(key.owner)).some((s) => s.key.id === key.id), false);
    }));

  test("append keeps every message of a turn when it is loaded again", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      const placed = yield* sessions.append(key, turn("1"));
      assert.deepEqual(placed, { ...turn("1"), parent: null });
      assert.deepEqual((yield* sessions.load(key)).turns, [placed]);
    }));

  test("append places turns in a tree when parents are named", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      for (
        const next of [
          turn("1"),
          turn("2"),
          turn("2b", { _tag: "After", turn: "1" }),
          turn("3"),
          turn("r", { _tag: "Root" }),
          turn("4", { _tag: "After", turn: "no such turn" }),
        ]
      ) yield* sessions.append(key, next);
      const { turns } = yield* sessions.load(key);
      assert.deepEqual(turns.map((t) => [t.id, t.parent]), [
        ["1", null],
        ["2", "1"],
        ["2b", "1"],
        ["3", "2b"],
        ["r", null],
        ["4", "r"],
      ]);
      assert.deepEqual(pathTo(turns, "3").map((t) => t.id), ["1", "2b", "3"]);
    }));

  test("append changes nothing when a turn is stored again", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      const first = yield* sessions.append(key, turn("1"));
      yield* sessions.append(key, turn("2"));
      assert.deepEqual(yield* sessions.append(key, turn("1", { _tag: "Newest" }, "another answer")), first);
      assert.deepEqual((yield* sessions.load(key)).turns.map((t) => t.id), ["1", "2"]);
    }));

  test("append makes turns follow one another when many come at once", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      const ids = Array.from({ length: 50 }, (_, n) => `t${n}`);
      yield* Effect.forEach(ids, (id) => sessions.append(key, turn(id)), { concurrency: "unbounded", discard: true });
      const { turns } = yield* sessions.load(key);
      assert.deepEqual(turns.map((t) => t.id).toSorted(), ids.toSorted());
      assert.equal(pathTo(turns, turns.at(-1)?.id ?? null).length, ids.length);
    }));

  test("load shows what changed when it loaded the session before", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      yield* sessions.append(key, turn("1"));
      yield* sessions.load(key);
      yield* sessions.append(key, turn("2"));
      assert.deepEqual((yield* sessions.load(key)).turns.map((t) => t.id), ["1", "2"]);
      yield* sessions.remove(key);
      yield* sessions.append(key, turn("3"));
      assert.deepEqual((yield* sessions.load(key)).turns.map((t) => [t.id, t.parent]), [["3", null]]);
    }));

  test("load keeps owners apart when they use the same name", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      const other = { ...key, owner: ownerOf("b") };
      yield* sessions.append(key, turn("1"));
      assert.deepEqual((yield* sessions.load(other)).turns, []);
      assert.equal(yield* sessions.remove(other), false);
      assert.equal((yield* sessions.load(key)).turns.length, 1);
    }));

  test("load takes any name when it has odd characters", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const base = freshKey();
      const ids = ["../../etc", "a:b", "{x}", "%", "_", "'; DROP TABLE turns;--", "é", "e\u0301", "a\nb", "*", " "];
      for (const id of ids) yield* sessions.append({ ...base, id: base.id + id }, turn(id));
      for (const id of ids) {
        assert.deepEqual((yield* sessions.load({ ...base, id: base.id + id })).turns.map((t) => t.id), [id]);
      }
    }));

  test("claim lets one of many win, and tells the others what was settled", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      yield* sessions.append(key, turn("1"));
      const claims = yield* Effect.all(Array.from({ length: 20 }, () => sessions.claim(key, "approval 'é'")), {
        concurrency: "unbounded",
      });
      assert.equal(claims.filter(({ _tag }) => _tag === "Won").length, 1);
      const taken = { _tag: "Taken", outcome: undefined };
      assert.equal(claims.filter((claim) => claim._tag === "Taken" && claim.outcome === undefined).length, 19);
      yield* sessions.settle(key, "another", "nobody's");
      assert.deepEqual(yield* sessions.claim(key, "another"), { _tag: "Won" });
      assert.deepEqual(yield* sessions.claim(key, "another"), taken);
      yield* sessions.settle(key, "approval 'é'", 'it "was" 💥');
      yield* sessions.settle(key, "approval 'é'", "a second word");
      assert.deepEqual(yield* sessions.claim(key, "approval 'é'"), { _tag: "Taken", outcome: 'it "was" 💥' });
      assert.deepEqual((yield* sessions.load(key)).turns.map(({ id }) => id), ["1"]);
    }));

  test("claims belong to one session and end with it", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      const other = { ...key, owner: ownerOf("b") };
      const taken = { _tag: "Taken", outcome: undefined };
      assert.deepEqual(yield* sessions.claim(key, "name"), taken);
      yield* sessions.append(key, turn("1"));
      yield* sessions.append(other, turn("1"));
      assert.deepEqual(yield* sessions.claim(key, "name"), { _tag: "Won" });
      assert.deepEqual(yield* sessions.claim(other, "name"), { _tag: "Won" });
      assert.deepEqual(yield* sessions.claim(key, "name"), taken);
      yield* sessions.remove(key);
      assert.deepEqual(yield* sessions.claim(key, "name"), taken);
      yield* sessions.append(key, turn("1"));
      assert.deepEqual(yield* sessions.claim(key, "name"), { _tag: "Won" });
    }));

  test("list names the newest turn while it waits for a person", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      const awaiting = Effect.map(
        sessions.list(key.owner),
        (listed) => listed.find((summary) => summary.key.id === key.id)?.awaiting,
      );
      const asked = { calls: [{ callId: "call-2", rule: "Bash(rm *)" }, { callId: "x" }], expiresAtMs: 3 };
      yield* sessions.append(key, turn("1"));
      assert.equal(yield* awaiting, undefined);
      const stored = yield* sessions.append(key, { ...turn("2"), status: "awaiting-approval", asked });
      assert.equal(yield* awaiting, "2");
      const reply = { ...turn("3"), decides: "2", grants: ["Bash(rm *)"] };
      yield* sessions.append(key, reply);
      assert.equal(yield* awaiting, undefined);
      const { turns } = yield* sessions.load(key);
      assert.deepEqual(turns.slice(1), [stored, { ...reply, parent: "2" }]);
    }));

  test("list shows the last used first when there are several sessions", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const owner = OwnerKey.make(crypto.randomUUID().replaceAll("-", ""));
      yield* sessions.append({ owner, id: "one" }, turn("1"));
      yield* options.pass(10);
      yield* sessions.append({ owner, id: "two" }, turn("1"));
      yield* options.pass(10);
      yield* sessions.append({ owner, id: "one" }, turn("2"));
      const listed = yield* sessions.list(owner);
      assert.deepEqual(listed.map((s) => [s.key.id, s.turns]), [["one", 2], ["two", 1]]);
      assert.ok(listed.every((s) => s.key.owner === owner && s.createdAtMs <= s.lastUsedAtMs));
    }));

  test("remove says whether there was a session", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      yield* sessions.append(key, turn("1"));
      assert.equal(yield* sessions.remove(key), true);
      assert.equal(yield* sessions.remove(key), false);
      assert.deepEqual((yield* sessions.load(key)).turns, []);
      assert.equal((yield* sessions.list(key.owner)).some((s) => s.key.id === key.id), false);
    }));

  test("check works, leaves nothing and hurts no session when the store works", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      yield* sessions.append(key, turn("1"));
      yield* sessions.check;
      yield* sessions.check;
      assert.deepEqual(yield* sessions.list(ownerOf("0")), []);
      assert.equal((yield* sessions.load(key)).turns.length, 1);
    }));

  test("secret is long and the same whenever it is asked for", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const [one, ...others] = yield* Effect.all([sessions.secret, sessions.secret, sessions.secret], {
        concurrency: "unbounded",
      });
      assert.ok(one.length >= 40);
      assert.ok(others.every((other) => other === one));
    }));

  test("an unnamed owner is taken once, when it was not used since, the longest unused first", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const owners = ["one", "two", "three"].map((name) => ({
        principal: `api-key:${crypto.randomUUID()}`,
        user: `conversation:${name} "é"`,
        ephemeral: false,
      }));
      const [one, two, three] = owners;
      assert.ok(one !== undefined && two !== undefined && three !== undefined);
      yield* sessions.noteUnnamed(two, 20.5);
      yield* sessions.noteUnnamed(one, 10);
      yield* sessions.noteUnnamed(three, 10);
      yield* sessions.noteUnnamed(three, 90);
      yield* sessions.noteUnnamed(three, 30);
      assert.deepEqual(yield* sessions.takeUnnamed(9, 10), []);
      assert.deepEqual(yield* sessions.takeUnnamed(50, 1), [one]);
      assert.deepEqual(yield* sessions.takeUnnamed(50, 10), [two]);
      assert.deepEqual(yield* sessions.takeUnnamed(50, 10), []);
      const taken = yield* Effect.all([1, 2, 3].map(() => sessions.takeUnnamed(90, 10)), { concurrency: "unbounded" });
      assert.deepEqual(taken.flat(), [three]);
    }));

  test("load returns no turns when a session was idle for the timeout", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      yield* sessions.append(key, turn("1"));
      yield* options.pass(options.timeoutMs + 1);
      assert.equal((yield* sessions.list(key.owner)).some((s) => s.key.id === key.id), false);
      assert.deepEqual((yield* sessions.load(key)).turns, []);
      assert.equal(yield* sessions.remove(key), false);
      const again = yield* sessions.append(key, turn("2", { _tag: "After", turn: "1" }));
      assert.equal(again.parent, null);
    }));

  test("load keeps a session alive when it is used before the timeout", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const key = freshKey();
      yield* sessions.append(key, turn("1"));
      for (let n = 0; n < 4; n++) {
        yield* options.pass(options.timeoutMs * 0.6);
        assert.equal((yield* sessions.load(key)).turns.length, 1);
      }
    }));
};
