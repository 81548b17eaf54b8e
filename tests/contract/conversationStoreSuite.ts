/**
 * The contract of the ConversationStore port, run on every store.
 */
import assert from "node:assert/strict";
import { Effect, type Layer, Option } from "effect";
import { assistant, type Message, textOf, user } from "../../src/domain/Message.ts";
import { OwnerKey } from "../../src/domain/Owner.ts";
import { type ConversationEntry, ConversationStore } from "../../src/services/ConversationStore.ts";
import { it } from "../support/it.ts";

interface Options<R> {
  /** Time after which the store under test forgets a conversation. */
  readonly retentionMs: number;
  /** Lets that much time pass for the store. */
  readonly pass: (ms: number) => Effect.Effect<void, unknown, R | ConversationStore>;
  readonly skip?: string | undefined;
}

const ada = OwnerKey.make("a".repeat(32));
const eve = OwnerKey.make("e".repeat(32));

const conversation = (id: string) => ({ id, createdAtMs: 1_000, metadata: { topic: 'é "quoted" 💥' } });
const entry = (id: string, ...messages: ReadonlyArray<Message>): ConversationEntry => ({
  id,
  items: [{ id: `msg_${id}`, type: "message", nested: [1, null, { a: "💥\u0000" }] }],
  turn: { messages: messages.length === 0 ? [user(`said ${id}`), assistant("Hi")] : messages, instructions: ["Be."] },
});

export const conversationStoreSuite = <R = never>(
  name: string,
  layer: Layer.Layer<ConversationStore | R, unknown>,
  { retentionMs, pass, skip }: Options<R>,
): void => {
  const test = (title: string, body: Effect.Effect<void, unknown, ConversationStore | R>) =>
    it.layer(layer).effect(`${name}: ${title}`, () => body, { skip });

  test(
    "a conversation is found as it was made, by its owner alone, until it is removed; its metadata is replaced",
    Effect.gen(function* () {
      const store = yield* ConversationStore;
      yield* store.create(ada, conversation("c1"), [entry("e1")]);
      assert.deepEqual(Option.getOrNull(yield* store.find(ada, "c1")), conversation("c1"));
      assert.deepEqual(Option.getOrNull(yield* store.entries(ada, "c1")), [entry("e1")]);
      for (const id of ["c1", "none"]) {
        assert.ok(Option.isNone(yield* store.find(eve, id)));
        assert.ok(Option.isNone(yield* store.entries(eve, id)));
        assert.ok(Option.isNone(yield* store.chain(eve, id)));
        assert.equal(yield* store.append(eve, id, entry("x")), false);
        assert.equal(yield* store.describe(eve, id, {}), false);
        assert.equal(yield* store.replace(eve, id, entry("e1")), false);
        assert.equal(yield* store.remove(eve, id), false);
      }
      assert.equal(yield* store.describe(ada, "c1", { b: "c" }), true);
      assert.deepEqual(Option.getOrThrow(yield* store.find(ada, "c1")).metadata, { b: "c" });
      assert.equal(yield* store.remove(ada, "c1"), true);
      assert.equal(yield* store.remove(ada, "c1"), false);
      assert.ok(Option.isNone(yield* store.find(ada, "c1")));
      yield* store.create(ada, conversation("empty"), []);
      assert.deepEqual(Option.getOrNull(yield* store.entries(ada, "empty")), []);
      assert.deepEqual(Option.getOrThrow(yield* store.chain(ada, "empty")).messages, []);
    }),
  );

  test(
    "entries stay in order; one is replaced or taken out in its place, also where the chain was read before",
    Effect.gen(function* () {
      const store = yield* ConversationStore;
      const said = Effect.map(
        store.chain(ada, "c"),
        (chain) => Option.getOrThrow(chain).messages.filter(({ role }) => role === "user").map(textOf),
      );
      const ids = Effect.map(store.entries(ada, "c"), (all) => Option.getOrThrow(all).map(({ id }) => id));
      yield* store.create(ada, conversation("c"), [entry("a")]);
      assert.deepEqual(yield* said, ["said a"]);
      for (const id of ["b", "c"]) assert.equal(yield* store.append(ada, "c", entry(id)), true);
      assert.deepEqual(yield* said, ["said a", "said b", "said c"]);
      assert.deepEqual(yield* ids, ["a", "b", "c"]);
      assert.equal(yield* store.replace(ada, "c", entry("b", user("new b"))), true);
      assert.deepEqual(yield* said, ["said a", "new b", "said c"]);
      assert.equal(yield* store.replace(ada, "c", { ...entry("a"), items: [] }), true);
      assert.equal(yield* store.replace(ada, "c", entry("a")), false);
      assert.deepEqual(yield* said, ["new b", "said c"]);
      assert.deepEqual(yield* ids, ["b", "c"]);
      const both = Effect.all([store.append(ada, "c", entry("d")), store.append(ada, "c", entry("e"))], {
        concurrency: "unbounded",
      });
      assert.deepEqual(yield* both, [true, true]);
      assert.deepEqual((yield* said).toSorted(), ["new b", "said c", "said d", "said e"]);
    }),
  );

  test(
    "a chain says which calls are open",
    Effect.gen(function* () {
      const store = yield* ConversationStore;
      const call: Message = {
        role: "assistant",
        parts: [{ _tag: "ToolCall", call: { id: "call_1", name: "f", argumentsJson: "{}" } }],
      };
      const result: Message = { role: "tool", callId: "call_1", name: "f", content: "x", isError: false };
      const open = Effect.map(store.chain(ada, "c"), (chain) => [...Option.getOrThrow(chain).openCalls]);
      yield* store.create(ada, conversation("c"), [entry("asks", call)]);
      assert.deepEqual(yield* open, ["call_1"]);
      yield* store.append(ada, "c", entry("answers", result));
      assert.deepEqual(yield* open, []);
    }),
  );

  test(
    "what is past its retention is not there, a change puts that off; erasing an owner leaves the others'",
    Effect.gen(function* () {
      const store = yield* ConversationStore;
      for (const id of ["old", "used", "named"]) yield* store.create(ada, conversation(id), [entry("a")]);
      yield* store.create(eve, conversation("hers"), []);
      yield* pass(retentionMs / 2);
      yield* store.append(ada, "used", entry("b"));
      yield* store.describe(ada, "named", {});
      yield* store.append(eve, "hers", entry("b"));
      yield* pass(retentionMs / 2);
      assert.ok(Option.isNone(yield* store.find(ada, "old")));
      assert.ok(Option.isNone(yield* store.chain(ada, "old")));
      assert.equal(yield* store.append(ada, "old", entry("b")), false);
      assert.equal(yield* store.remove(ada, "old"), false);
      assert.equal(Option.getOrThrow(yield* store.entries(ada, "used")).length, 2);
      assert.ok(Option.isSome(yield* store.find(ada, "named")));
      yield* store.erase(ada);
      assert.ok(Option.isNone(yield* store.find(ada, "used")));
      assert.ok(Option.isNone(yield* store.chain(ada, "used")));
      assert.ok(Option.isSome(yield* store.find(eve, "hers")));
    }),
  );
};
