import assert from "node:assert/strict";
import { Effect } from "effect";
import { TestClock } from "effect/testing";
import type { ServerNotification } from "@modelcontextprotocol/sdk/types";
import { makeProgress } from "../../src/mcp/progress.ts";
import { it } from "../support/it.ts";

const progressOf = (notification: ServerNotification) =>
  notification.method === "notifications/progress" ? [notification.params.progress, notification.params.message] : [];

it.effect("makeProgress gathers output between notifications and counts what it saw", () =>
  Effect.gen(function* () {
    const sent: Array<unknown> = [];
    const listener = yield* makeProgress({
      notify: (notification) => Effect.sync(() => sent.push(progressOf(notification))),
    }, "token");
    listener("stdout", "a");
    yield* TestClock.adjust("1 millis");
    for (let n = 0; n < 1000; n++) listener("stderr", "b");
    yield* TestClock.adjust("50 millis");
    assert.deepEqual(sent, [[1, "a"]]);
    yield* TestClock.adjust("100 millis");
    assert.deepEqual(sent, [[1, "a"], [1001, "b".repeat(1000)]]);
  }));

it.effect("makeProgress keeps only the newest output when a program outruns the client", () =>
  Effect.gen(function* () {
    const sent: Array<unknown> = [];
    const listener = yield* makeProgress({
      notify: (notification) => Effect.sync(() => sent.push(progressOf(notification))),
    }, 1);
    listener("stdout", "x".repeat(1_000_000));
    listener("stdout", "end");
    yield* TestClock.adjust("1 second");
    const [[seen, message]] = sent as [[number, string]];
    assert.equal(seen, 1_000_003);
    assert.equal(message.length, 16 * 1024);
    assert.ok(message.endsWith("end"));
  }));
