/** Turns at a kernel. */
import assert from "node:assert/strict";
import { Turns } from "../../../../../src/adapters/sandbox/supervisor/Turns.ts";

Deno.test("one works under a name at a time, in the order in which they came", () => {
  const turns = new Turns();
  const begun: Array<string> = [];
  const enter = (name: string, who: string) => {
    const begin = () => void begun.push(who);
    turns.enter(name, begin);
    return () => turns.leave(name, begin);
  };
  const first = enter("a", "first");
  const second = enter("a", "second");
  const third = enter("a", "third");
  const other = enter("b", "other");
  assert.deepEqual(begun, ["first", "other"]);
  second();
  assert.deepEqual(begun, ["first", "other"], "one that waits no longer ends nobody's turn");
  first();
  assert.deepEqual(begun, ["first", "other", "third"]);
  third();
  other();
  const again = enter("a", "again");
  assert.deepEqual(begun, ["first", "other", "third", "again"]);
  again();
});

Deno.test("however many end as soon as they begin, they are followed one by one", () => {
  const turns = new Turns();
  let ended = 0;
  const hold = () => {};
  turns.enter("a", hold);
  const waiting = 20_000;
  for (let n = 0; n < waiting; n++) {
    const begin = () => {
      ended++;
      turns.leave("a", begin);
    };
    turns.enter("a", begin);
  }
  assert.equal(ended, 0);
  turns.leave("a", hold);
  assert.equal(ended, waiting);
});
