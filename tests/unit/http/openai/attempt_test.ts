import assert from "node:assert/strict";
import { Effect, Result } from "effect";
import { Headers } from "effect/http";
import type { Principal } from "../../../../src/domain/Owner.ts";
import { readAttempt } from "../../../../src/http/openai/attempt.ts";
import { it } from "../../../support/it.ts";

const ann: Principal = { name: "ann", kind: "api-key" };
const bob: Principal = { name: "bob", kind: "api-key" };

const read = (principal: Principal, headers: Record<string, string>, body = "{}") =>
  readAttempt(principal, Headers.fromInput(headers), body);

it.effect("readAttempt gives a client that never retries no key", () =>
  Effect.gen(function* () {
    assert.deepEqual(yield* read(ann, {}), { kind: "single", joins: false, fingerprint: "" });
  }));

it.effect("readAttempt lets only a retry join, under the key of its first try", () =>
  Effect.gen(function* () {
    const first = yield* read(ann, { "x-stainless-retry-count": "0" });
    const retry = yield* read(ann, { "x-stainless-retry-count": "1" });
    assert.deepEqual([first.joins, retry.joins], [false, true]);
    assert.equal(first.key, retry.key);
  }));

it.effect("readAttempt keeps apart what differs in principal, body, user, session, view or chat", () =>
  Effect.gen(function* () {
    const sdk = { "x-stainless-retry-count": "0" };
    const attempts = yield* Effect.all([
      read(ann, sdk),
      read(bob, sdk),
      read({ name: "ann", kind: "jwt" }, sdk),
      read(ann, sdk, "{ }"),
      read(ann, { ...sdk, "x-user-id": "u" }),
      read(ann, { ...sdk, "x-session-id": "u" }),
      read(ann, { ...sdk, "x-caisson-view": "none" }),
      read(ann, { ...sdk, "x-openwebui-chat-id": "u" }),
    ]);
    assert.equal(new Set(attempts.map(({ key }) => key)).size, attempts.length);
  }));

it.effect("readAttempt finds an Idempotency-Key within its principal only, and knows another body", () =>
  Effect.gen(function* () {
    const key = { "idempotency-key": "k" };
    const [mine, theirs, changed] = yield* Effect.all([read(ann, key), read(bob, key), read(ann, key, "[]")]);
    assert.ok(mine.joins);
    assert.notEqual(mine.key, theirs.key);
    assert.equal(mine.key, changed.key);
    assert.notEqual(mine.fingerprint, changed.fingerprint);
    const tooLong = yield* Effect.result(read(ann, { "idempotency-key": "k".repeat(256) }));
    assert.ok(Result.isFailure(tooLong));
  }));
