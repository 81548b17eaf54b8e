/**
 * The contract of the ResponseStore port, run on every store.
 */
import assert from "node:assert/strict";
import { Clock, Effect, type Layer, Option } from "effect";
import { assistant, type Message, textOf, user } from "../../src/domain/Message.ts";
import { OwnerKey } from "../../src/domain/Owner.ts";
import { zero } from "../../src/domain/Usage.ts";
import { ResponseStore, type StoredResponse, waitingKeptMs } from "../../src/services/ResponseStore.ts";
import { it } from "../support/it.ts";

interface Options<R> {
  /** Time after which the store under test forgets a response. */
  readonly retentionMs: number;
  /** Lets that much time pass for the store. */
  readonly pass: (ms: number) => Effect.Effect<void, unknown, R | ResponseStore>;
  readonly skip?: string | undefined;
}

export const ada = OwnerKey.make("a".repeat(32));
const eve = OwnerKey.make("e".repeat(32));

export const response = (id: string, previous: string | null = null, aliveUntilMs = 0): StoredResponse => ({
  id,
  previous,
  body: { id, object: "response", text: 'é "quoted" 💥\u0000', nested: [1, null, { a: true }] },
  input: [{ id: `msg_${id}`, type: "message" }],
  events: [
    { _tag: "TextPieces", of: "ReasoningDelta", text: "Hm.", lengths: [2, 1] },
    { _tag: "TextDelta", text: "Hi" },
    { _tag: "RunFinished", reason: "Stop", usage: zero, turns: 1, atMs: 5 },
  ],
  turn: { messages: [user(`said ${id}`), assistant("Hi")], instructions: ["Be kind."] },
  aliveUntilMs,
});

export const responseStoreSuite = <R = never>(
  name: string,
  layer: Layer.Layer<ResponseStore | R, unknown>,
  { retentionMs, pass, skip }: Options<R>,
): void => {
  const test = (title: string, body: Effect.Effect<void, unknown, ResponseStore | R>) =>
    it.layer(layer).effect(`${name}: ${title}`, () => body, { skip });

  test(
    "what is put is found as it was, by its owner alone, until it is removed or replaced",
    Effect.gen(function* () {
      const store = yield* ResponseStore;
      yield* store.put(ada, response("r1", null, 1));
      yield* store.put(ada, response("r1"));
      assert.deepEqual(Option.getOrNull(yield* store.find(ada, "r1")), response("r1"));
      assert.ok(Option.isNone(yield* store.find(eve, "r1")));
      assert.ok(Option.isNone(yield* store.chain(eve, "r1")));
      assert.equal(yield* store.remove(eve, "r1"), false);
      assert.equal(yield* store.remove(ada, "r1"), true);
      assert.equal(yield* store.remove(ada, "r1"), false);
      assert.ok(Option.isNone(yield* store.find(ada, "r1")));
    }),
  );

  test(
    "a chain leads from the first turn to the last, forks, and begins after what was deleted",
    Effect.gen(function* () {
      const store = yield* ResponseStore;
      for (const [id, previous] of [["a", null], ["b", "a"], ["c", "b"], ["fork", "a"]] as const) {
        yield* store.put(ada, response(id, previous));
      }
      const said = (id: string) =>
        Effect.map(
          store.chain(ada, id),
          (chain) => Option.getOrThrow(chain).messages.filter(({ role }) => role === "user").map(textOf),
        );
      assert.deepEqual(yield* said("c"), ["said a", "said b", "said c"]);
      assert.deepEqual(yield* said("fork"), ["said a", "said fork"]);
      assert.ok(Option.isNone(yield* store.chain(ada, "none")));
      yield* store.put(ada, response("d", "c"));
      assert.deepEqual(yield* said("d"), ["said a", "said b", "said c", "said d"]);
      yield* store.remove(ada, "a");
      assert.deepEqual(yield* said("c"), ["said b", "said c"]);
      assert.deepEqual(yield* said("d"), ["said b", "said c", "said d"]);
      assert.deepEqual(Option.getOrThrow(yield* store.chain(ada, "c")).instructions, ["Be kind.", "Be kind."]);
    }),
  );

  test(
    "a chain says which calls are open, also where it was read before and where a response goes on",
    Effect.gen(function* () {
      const store = yield* ResponseStore;
      const call: Message = {
        role: "assistant",
        parts: [{ _tag: "ToolCall", call: { id: "call_1", name: "f", argumentsJson: "{}" } }],
      };
      const result: Message = { role: "tool", callId: "call_1", name: "f", content: "x", isError: false };
      yield* store.put(ada, { ...response("asks"), turn: { messages: [call], instructions: [] } });
      const open = (id: string) => Effect.map(store.chain(ada, id), (chain) => [...Option.getOrThrow(chain).openCalls]);
      assert.deepEqual(yield* open("asks"), ["call_1"]);
      const answering = (aliveUntilMs: number, messages: ReadonlyArray<Message>) =>
        store.put(ada, { ...response("answers", "asks", aliveUntilMs), turn: { messages, instructions: [] } });
      yield* answering(1, []);
      assert.deepEqual(yield* open("answers"), ["call_1"]);
      yield* answering(0, [result]);
      assert.deepEqual(yield* open("answers"), []);
      assert.deepEqual(yield* open("asks"), ["call_1"]);
    }),
  );

  test(
    "a chain says what waits for a person until it has its results",
    Effect.gen(function* () {
      const store = yield* ResponseStore;
      const call: Message = {
        role: "assistant",
        parts: [{ _tag: "ToolCall", call: { id: "call_1", name: "python", argumentsJson: "{}" } }],
      };
      const result: Message = { role: "tool", callId: "call_1", name: "python", content: "x", isError: false };
      const asked = { calls: [{ id: "mcpr_1", callId: "call_1" }], expiresAtMs: 5 };
      yield* store.put(ada, { ...response("asks"), turn: { messages: [call], instructions: [], asked } });
      yield* store.put(ada, { ...response("fails", "asks"), turn: { messages: [], instructions: [] } });
      yield* store.put(ada, { ...response("decides", "fails"), turn: { messages: [result], instructions: [] } });
      const waits = (id: string) => Effect.map(store.chain(ada, id), (chain) => Option.getOrThrow(chain).asked);
      for (const id of ["asks", "fails"]) assert.deepEqual(yield* waits(id), asked);
      assert.equal(yield* waits("decides"), undefined);
      // Read anew, and made of what was read before.
      yield* store.put(ada, response("gone"));
      yield* store.remove(ada, "gone");
      assert.equal(yield* waits("decides"), undefined);
      assert.deepEqual(yield* waits("fails"), asked);
    }),
  );

  test(
    "a call that waits is taken once of all who ask, and the others are told what was settled",
    Effect.gen(function* () {
      const store = yield* ResponseStore;
      const expiresAtMs = (yield* Clock.currentTimeMillis) + retentionMs;
      const call = { id: "call_é", name: "python", argumentsJson: '{"code":"1 💥"}' };
      const held = { response: "r", call, expiresAtMs };
      const taken = { _tag: "Taken", outcome: undefined };
      assert.deepEqual(yield* store.claim(ada, "a"), taken);
      yield* store.hold(ada, "a", held);
      yield* store.hold(ada, "a", { ...held, response: "another" });
      assert.deepEqual(Option.getOrNull(yield* store.held(ada, "a")), held);
      assert.ok(Option.isNone(yield* store.held(eve, "a")));
      assert.deepEqual(yield* store.claim(eve, "a"), taken);
      yield* store.settle(ada, "a", "nobody's");
      const claims = yield* Effect.all(Array.from({ length: 20 }, () => store.claim(ada, "a")), {
        concurrency: "unbounded",
      });
      assert.equal(claims.filter(({ _tag }) => _tag === "Won").length, 1);
      assert.equal(claims.filter((claim) => claim._tag === "Taken" && claim.outcome === undefined).length, 19);
      yield* store.settle(ada, "a", 'it "was" 💥');
      yield* store.settle(ada, "a", "a second word");
      assert.deepEqual(yield* store.claim(ada, "a"), { _tag: "Taken", outcome: 'it "was" 💥' });
    }),
  );

  test(
    "calls that wait go with their response, their owner and their time",
    Effect.gen(function* () {
      const store = yield* ResponseStore;
      const nowMs = yield* Clock.currentTimeMillis;
      const call = { id: "call_1", name: "python", argumentsJson: "{}" };
      const hold = (owner: OwnerKey, id: string, response: string, forMs: number) =>
        store.hold(owner, id, { response, call, expiresAtMs: nowMs + forMs });
      const isHeld = (owner: OwnerKey, id: string) => Effect.map(store.held(owner, id), Option.isSome);
      yield* hold(ada, "of1", "r1", retentionMs * 2);
      yield* hold(ada, "of2", "r2", retentionMs * 2);
      yield* hold(ada, "soon", "r2", retentionMs / 4 - waitingKeptMs);
      yield* hold(eve, "hers", "r1", retentionMs * 2);
      yield* store.remove(ada, "r1");
      assert.deepEqual([yield* isHeld(ada, "of1"), yield* isHeld(ada, "of2"), yield* isHeld(ada, "soon")], [
        false,
        true,
        true,
      ]);
      yield* pass(retentionMs / 2);
      assert.deepEqual([yield* isHeld(ada, "of2"), yield* isHeld(ada, "soon")], [true, false]);
      assert.deepEqual(yield* store.claim(ada, "soon"), { _tag: "Taken", outcome: undefined });
      yield* store.erase(ada);
      assert.deepEqual([yield* isHeld(ada, "of2"), yield* isHeld(eve, "hers")], [false, true]);
    }),
  );

  test(
    "a response that goes on is renewed, one that has ended is not",
    Effect.gen(function* () {
      const store = yield* ResponseStore;
      yield* store.put(ada, response("on", null, 1_000));
      yield* store.put(ada, response("over"));
      for (const id of ["on", "over", "none"]) yield* store.renew(ada, id, 2_000);
      const alive = (id: string) =>
        Effect.map(store.find(ada, id), (found) => Option.getOrNull(found)?.aliveUntilMs ?? null);
      assert.deepEqual([yield* alive("on"), yield* alive("over"), yield* alive("none")], [2_000, 0, null]);
    }),
  );

  test(
    "what is past its retention is not there; erasing an owner leaves the others'",
    Effect.gen(function* () {
      const store = yield* ResponseStore;
      yield* store.put(ada, response("old"));
      yield* pass(retentionMs / 2);
      yield* store.put(ada, response("new", "old"));
      assert.equal(Option.getOrThrow(yield* store.chain(ada, "new")).messages.length, 4);
      yield* store.put(eve, response("hers"));
      yield* pass(retentionMs / 2);
      assert.ok(Option.isNone(yield* store.find(ada, "old")));
      assert.equal(Option.getOrThrow(yield* store.chain(ada, "new")).messages.length, 2);
      assert.equal(yield* store.remove(ada, "old"), false);
      yield* store.erase(ada);
      assert.ok(Option.isNone(yield* store.find(ada, "new")));
      assert.ok(Option.isSome(yield* store.find(eve, "hers")));
    }),
  );
};
