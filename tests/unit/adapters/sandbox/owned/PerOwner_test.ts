import assert from "node:assert/strict";
import { Deferred, Duration, Effect, Exit, Fiber, Scope } from "effect";
import { TestClock } from "effect/testing";
import * as PerOwner from "../../../../../src/adapters/sandbox/owned/PerOwner.ts";
import type { Owner } from "../../../../../src/domain/Owner.ts";
import { it as test } from "../../../../support/it.ts";
import { SandboxError, StartFailed } from "../../../../../src/services/Sandbox.ts";

const owner = (user: string, principal = "acme"): Owner => ({ principal, user, ephemeral: false });
const guest: Owner = { principal: "anonymous", user: "r4nd0m", ephemeral: true };

interface Fake extends PerOwner.Closable {
  readonly name: string;
  dead: boolean;
}

/** A map of fakes that writes down every start and stop. */
const fakes = Effect.fnUntraced(function* (
  limits: { readonly countMax?: number; readonly countPerPrincipalMax?: number } = {},
  starting: (name: string) => Effect.Effect<void, SandboxError> = () => Effect.void,
) {
  const log: Array<string> = [];
  const scope = yield* Scope.make();
  const map = yield* PerOwner.make<Fake>({
    idle: Duration.minutes(10),
    countMax: limits.countMax ?? 10,
    countPerPrincipalMax: limits.countPerPrincipalMax ?? 10,
    start: (who) =>
      Effect.gen(function* () {
        log.push(`start ${who.user}`);
        yield* starting(who.user);
        const fake: Fake = { name: who.user, dead: false, isClosed: Effect.sync(() => fake.dead) };
        yield* Effect.addFinalizer(() => Effect.sync(() => void log.push(`stop ${who.user}`)));
        return fake;
      }),
  }).pipe(Scope.provide(scope));
  return { map, log, scope };
});

const it = (title: string, body: Effect.Effect<void, unknown>) => test.effect(title, () => body);

const use = (map: PerOwner.PerOwner<Fake>, who: Owner) => Effect.scoped(map.open(who));
const reasonOf = (exit: Exit.Exit<unknown, SandboxError>) =>
  Exit.isFailure(exit) && exit.cause.reasons[0]?._tag === "Fail" ? exit.cause.reasons[0].error.reason : undefined;

it(
  "PerOwner.open shares one sandbox and stops it when it was idle long enough",
  Effect.gen(function* () {
    const { map, log } = yield* fakes();
    assert.equal(yield* map.count, 0);
    const [a, b] = yield* Effect.all([use(map, owner("ann")), use(map, owner("ann"))], { concurrency: 2 });
    assert.equal(a, b);
    yield* TestClock.adjust("9 minutes");
    yield* use(map, owner("ann"));
    yield* TestClock.adjust("9 minutes");
    assert.deepEqual(log, ["start ann"]);
    yield* TestClock.adjust("1 minute");
    assert.deepEqual(log, ["start ann", "stop ann"]);
    assert.equal(yield* map.count, 0);
  }),
);

it(
  "PerOwner.open stops an ephemeral owner's sandbox when its scope closes",
  Effect.gen(function* () {
    const { map, log } = yield* fakes();
    yield* use(map, guest);
    assert.deepEqual(log, ["start r4nd0m", "stop r4nd0m"]);
  }),
);

it(
  "PerOwner.open does not remember a failed start, even while its caller's scope stays open",
  Effect.gen(function* () {
    let broken = true;
    const failure = new SandboxError({ reason: new StartFailed(), detail: "no" });
    const { map } = yield* fakes({}, () => broken ? Effect.fail(failure) : Effect.void);
    const scope = yield* Scope.make();
    const exit = yield* Effect.exit(map.open(owner("ann")).pipe(Scope.provide(scope)));
    assert.equal(reasonOf(exit)?._tag, "StartFailed");
    assert.equal(yield* map.count, 0);
    broken = false;
    assert.equal((yield* use(map, owner("ann"))).name, "ann");
  }),
);

it(
  "PerOwner.open goes on with a start that others wait for when one opener is interrupted",
  Effect.gen(function* () {
    const gate = yield* Deferred.make<void>();
    const { map, log } = yield* fakes({}, () => Deferred.await(gate));
    const first = yield* Effect.forkChild(use(map, owner("ann")), { startImmediately: true });
    const second = yield* Effect.forkChild(use(map, owner("ann")), { startImmediately: true });
    yield* Fiber.interrupt(first);
    yield* Deferred.succeed(gate, undefined);
    assert.equal((yield* Fiber.join(second)).name, "ann");
    assert.deepEqual(log, ["start ann"]);
  }),
);

it(
  "PerOwner.open interrupts the start of an ephemeral owner who left",
  Effect.gen(function* () {
    const { map } = yield* fakes({}, () => Effect.never);
    const opener = yield* Effect.forkChild(use(map, guest), { startImmediately: true });
    yield* Effect.yieldNow;
    yield* Fiber.interrupt(opener);
    assert.equal(yield* map.count, 0);
  }),
);

it(
  "PerOwner.open refuses with NoCapacity when a principal's sandboxes are all in use",
  Effect.scoped(Effect.gen(function* () {
    const { map } = yield* fakes({ countPerPrincipalMax: 1 });
    yield* map.open(owner("ann"));
    const exit = yield* Effect.exit(use(map, owner("bob")));
    const reason = reasonOf(exit);
    assert.deepEqual({ ...reason }, { _tag: "NoCapacity", scope: "principal", limit: 1 });
    assert.equal((yield* use(map, owner("bob", "other"))).name, "bob");
  })),
);

it(
  "PerOwner.open refuses with NoCapacity when the server's sandboxes are all in use",
  Effect.scoped(Effect.gen(function* () {
    const { map } = yield* fakes({ countMax: 1 });
    yield* map.open(owner("ann"));
    const exit = yield* Effect.exit(use(map, owner("bob", "other")));
    assert.deepEqual({ ...reasonOf(exit) }, { _tag: "NoCapacity", scope: "server", limit: 1 });
  })),
);

it(
  "PerOwner.open stops the longest idle sandbox to make room",
  Effect.gen(function* () {
    const { map, log } = yield* fakes({ countMax: 2 });
    yield* use(map, owner("ann"));
    yield* TestClock.adjust("1 minute");
    yield* use(map, owner("bob"));
    yield* use(map, owner("cid"));
    assert.deepEqual(
      log,
      ["start ann", "start bob", "start cid", "stop ann"].toSorted((a, b) => log.indexOf(a) - log.indexOf(b)),
    );
    assert.ok(!log.includes("stop bob"));
    assert.equal(yield* map.count, 2);
  }),
);

it(
  "PerOwner.open replaces a sandbox that died while others still hold it",
  Effect.scoped(Effect.gen(function* () {
    const { map, log } = yield* fakes();
    const old = yield* map.open(owner("ann"));
    old.dead = true;
    const [a, b] = yield* Effect.all([map.open(owner("ann")), map.open(owner("ann"))], { concurrency: 2 });
    assert.equal(a, b);
    assert.notEqual(a, old);
    assert.deepEqual(log, ["start ann", "stop ann", "start ann"]);
    assert.equal(yield* map.count, 1);
  })),
);

it(
  "PerOwner.reset stops the sandbox under its users and keeps new openers out until all is destroyed",
  Effect.scoped(Effect.gen(function* () {
    const { map, log } = yield* fakes();
    yield* map.open(owner("ann"));
    const gate = yield* Deferred.make<void>();
    const destroy = Effect.sync(() => void log.push("destroy")).pipe(
      Effect.andThen(Deferred.await(gate)),
      Effect.andThen(Effect.sync(() => void log.push("destroyed"))),
    );
    const reset = yield* Effect.forkChild(map.reset(owner("ann"), destroy), { startImmediately: true });
    const next = yield* Effect.forkChild(use(map, owner("ann")), { startImmediately: true });
    yield* TestClock.adjust(0);
    yield* Deferred.succeed(gate, undefined);
    yield* Fiber.join(reset);
    yield* Fiber.join(next);
    assert.deepEqual(log, ["start ann", "stop ann", "destroy", "destroyed", "start ann"]);
  })),
);

it(
  "PerOwner.reset ends a start that is under way",
  Effect.gen(function* () {
    const { map } = yield* fakes({}, () => Effect.never);
    const opener = yield* Effect.forkChild(Effect.exit(use(map, owner("ann"))), { startImmediately: true });
    yield* TestClock.adjust(0);
    yield* map.reset(owner("ann"), Effect.void);
    assert.equal(reasonOf(yield* Fiber.join(opener))?._tag, "SandboxLost");
    assert.equal(yield* map.count, 0);
  }),
);

it(
  "PerOwner.make stops every sandbox at once when its scope closes",
  Effect.gen(function* () {
    const stopping = yield* Deferred.make<void>();
    const scope = yield* Scope.make();
    let stops = 0;
    const map = yield* PerOwner.make<PerOwner.Closable>({
      idle: Duration.minutes(10),
      countMax: 10,
      countPerPrincipalMax: 10,
      start: () =>
        Effect.as(
          // Each stop waits for the other: one after another they would never end.
          Effect.addFinalizer(() => ++stops === 2 ? Deferred.succeed(stopping, undefined) : Deferred.await(stopping)),
          { isClosed: Effect.succeed(false) },
        ),
    }).pipe(Scope.provide(scope));
    yield* Effect.scoped(map.open(owner("ann")));
    yield* map.open(owner("bob")).pipe(Scope.provide(yield* Scope.make()));
    yield* Scope.close(scope, Exit.void);
    assert.equal(stops, 2);
  }),
);
