import assert from "node:assert/strict";
import { Effect } from "effect";
import { TestClock } from "effect/testing";
import { makeToolLists } from "../../src/adapters/toolbox/toolLists.ts";
import { it } from "../support/it.ts";

const tools = (...names: ReadonlyArray<string>) =>
  names.map((name) => ({ name, description: "", parameters: { type: "object" } }));

it.effect("makeToolLists keeps the tools of a server that is away, and takes its new ones when it is back", () =>
  Effect.gen(function* () {
    let asked = 0;
    let answer: Effect.Effect<ReturnType<typeof tools>, string> = Effect.fail("down");
    const listOf = yield* makeToolLists(() =>
      Effect.suspend(() => {
        asked += 1;
        return answer;
      })
    );
    assert.deepEqual(yield* listOf("docs"), []);
    answer = Effect.succeed(tools("a", "b"));
    yield* TestClock.adjust("31 seconds");
    assert.deepEqual(yield* listOf("docs"), tools("a", "b"));
    answer = Effect.fail("down");
    yield* TestClock.adjust("11 minutes");
    assert.deepEqual(yield* listOf("docs"), tools("a", "b"));
    // A server that is away is left alone for a while.
    assert.deepEqual(yield* listOf("docs"), tools("a", "b"));
    assert.equal(asked, 3);
    answer = Effect.succeed(tools("c"));
    yield* TestClock.adjust("31 seconds");
    assert.deepEqual(yield* listOf("docs"), tools("c"));
  }));
