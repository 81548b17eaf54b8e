import assert from "node:assert/strict";
import { charactersMax, eventsMax, makeEventStore } from "../../src/mcp/eventStore.ts";

const message = (id: number, text = "") => ({ jsonrpc: "2.0" as const, method: "x", params: { id, text } });

Deno.test("makeEventStore replays what followed on the same stream, and nothing of another", async () => {
  const store = makeEventStore();
  const first = await store.storeEvent("s", message(1));
  await store.storeEvent("other", message(2));
  await store.storeEvent("s", message(3));
  const sent: Array<unknown> = [];
  const stream = await store.replayEventsAfter(first, {
    send: (_id, event) => {
      sent.push(event);
      return Promise.resolve();
    },
  });
  assert.equal(stream, "s");
  assert.deepEqual(sent, [message(3)]);
});

Deno.test("makeEventStore forgets the oldest events beyond its bounds", async () => {
  const store = makeEventStore();
  const first = await store.storeEvent("s", message(0));
  for (let n = 0; n < eventsMax; n++) await store.storeEvent("s", message(n));
  assert.equal(store.isResumable(first), false);
  const kept = await store.storeEvent("s", message(1));
  assert.equal(store.isResumable(kept), true);
  await store.storeEvent("s", message(2, "x".repeat(charactersMax)));
  assert.equal(store.isResumable(kept), false);
});

Deno.test("makeEventStore has nothing to resume after an answer", async () => {
  const store = makeEventStore();
  const answer = await store.storeEvent("s", { jsonrpc: "2.0", id: 1, error: { code: -32800, message: "cancelled" } });
  assert.equal(store.isResumable(answer), false);
});
