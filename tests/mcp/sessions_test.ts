import assert from "node:assert/strict";
import { Duration, Effect, Exit, Scope } from "effect";
import { TestClock } from "effect/testing";
import { defaults } from "../../src/config.ts";
import type { Caller } from "../../src/mcp/callers.ts";
import { make } from "../../src/mcp/sessions.ts";
import { it } from "../support/it.ts";

const caller = (user: string): Caller => ({
  owner: { principal: "anonymous", user, ephemeral: false },
  shown: user,
  claim: JSON.stringify(["anonymous", user]),
});

/** A table of sessions that offer nothing, and the users whose surfaces were released. */
const makeTable = Effect.gen(function* () {
  const released: Array<string> = [];
  const table = yield* make({
    open: (owner) =>
      Effect.acquireRelease(
        Effect.succeed({ capabilities: {}, methods: new Map() }),
        () => Effect.sync(() => released.push(owner.user)),
      ),
  }, { ...defaults, mcpSessionIdleSeconds: 60 });
  return { table, released };
});

it.effect("SessionTable closes a session that was idle for the configured time", () =>
  Effect.gen(function* () {
    const { table, released } = yield* makeTable;
    const session = yield* Effect.scoped(table.open(caller("alice")));
    yield* TestClock.adjust("45 seconds");
    yield* Effect.scoped(table.use(session.id, caller("alice")));
    yield* TestClock.adjust("45 seconds");
    assert.deepEqual(released, []);
    yield* TestClock.adjust("30 seconds");
    assert.deepEqual(released, ["alice"]);
    assert.equal(yield* table.size, 0);
    const gone = yield* Effect.exit(Effect.scoped(table.use(session.id, caller("alice"))));
    assert.ok(Exit.isFailure(gone));
  }));

it.effect("SessionTable keeps a session as long as a request or stream of it is open", () =>
  Effect.gen(function* () {
    const { table, released } = yield* makeTable;
    const stream = yield* Scope.make();
    yield* Scope.provide(table.open(caller("alice")), stream);
    yield* TestClock.adjust("1 hour");
    assert.deepEqual(released, []);
    yield* Scope.close(stream, Exit.void);
    yield* TestClock.adjust("75 seconds");
    assert.deepEqual(released, ["alice"]);
  }));

it.effect("SessionTable refuses more of one session at once than its bound, and lets others work", () =>
  Effect.gen(function* () {
    const { table } = yield* makeTable;
    const alice = yield* Effect.scoped(table.open(caller("alice")));
    const bob = yield* Effect.scoped(table.open(caller("bob")));
    for (let n = 0; n < 64; n++) yield* table.use(alice.id, caller("alice"));
    const refused = yield* Effect.flip(Effect.scoped(table.use(alice.id, caller("alice"))));
    assert.equal(refused._tag, "SessionBusy");
    yield* table.use(bob.id, caller("bob"));
  }));

it.effect("SessionTable drains waiting sessions at once and opens no new one", () =>
  Effect.gen(function* () {
    const { table, released } = yield* makeTable;
    const stream = yield* Scope.make();
    yield* Scope.provide(table.open(caller("alice")), stream);
    yield* table.drain(Duration.seconds(10));
    assert.deepEqual(released, ["alice"]);
    const refused = yield* Effect.flip(Effect.scoped(table.open(caller("bob"))));
    assert.equal(refused.scope, "server");
  }));

it.effect("SessionTable closes every session when its scope closes", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make();
    const { table, released } = yield* Scope.provide(makeTable, scope);
    for (const user of ["a", "b", "c"]) yield* Effect.scoped(table.open(caller(user)));
    yield* Scope.close(scope, Exit.void);
    assert.deepEqual(released.toSorted(), ["a", "b", "c"]);
  }));
