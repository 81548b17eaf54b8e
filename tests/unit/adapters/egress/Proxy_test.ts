/** The proxy's end in the server: time, bounds and what is told. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Clock, Deferred, Effect, Fiber, Layer, Queue } from "effect";
import { TestClock } from "effect/testing";
import { Allowances } from "../../../../src/adapters/egress/Allowances.ts";
import { layer, layerOver } from "../../../../src/adapters/egress/Configured.ts";
import { type Outside, OutsideError } from "../../../../src/adapters/egress/Outside.ts";
import { Settings, type SettingsService } from "../../../../src/config.ts";
import { egressRows } from "../../../../src/config/egress.ts";
import type { EgressRule } from "../../../../src/domain/EgressRule.ts";
import type { Owner } from "../../../../src/domain/Owner.ts";
import { ownerKey } from "../../../../src/domain/ids.ts";
import { type DecidedConnection, Egress } from "../../../../src/services/Egress.ts";
import { type SandboxStream, StreamError } from "../../../../src/services/Sandbox.ts";
import { clientHello, serverName } from "../../../contract/egressProbes.ts";
import { it } from "../../../support/it.ts";
import { machineClock } from "../../../support/machineClock.ts";

const owner: Owner = { principal: "p", user: "u", ephemeral: false };

const rules = egressRows.egressAllow.parse("allowed.example,allowed.example:80");
const settings = {
  egress: "allowlist" as const,
  egressAllow: rules._tag === "Some" ? rules.value : [],
};

/** A program's end of a stream, in the hands of the test. */
const program = Effect.gen(function* () {
  const toServer = yield* Queue.unbounded<Uint8Array | undefined>();
  const said: Array<string> = [];
  const closed = yield* Deferred.make<void>();
  let isReset = false;
  const stream: SandboxStream = {
    read: Effect.suspend(() =>
      isReset ? Effect.fail(new StreamError({ reason: "Reset", why: "gone" })) : Queue.take(toServer)
    ),
    write: (bytes) => Effect.sync(() => void said.push(Buffer.from(bytes).toString("latin1"))),
    end: Effect.sync(() => void said.push("<end>")),
    reset: Effect.suspend(() => {
      isReset = true;
      return Effect.asVoid(Deferred.succeed(closed, undefined));
    }),
  };
  const says = (text: string | Uint8Array | undefined) =>
    Queue.offer(toServer, typeof text === "string" ? Buffer.from(text, "latin1") : text);
  return { stream, says, said, closed: Deferred.await(closed) };
});

/** An origin that says nothing, and keeps what it is told. */
const silent = (told: Array<number>): Outside => ({
  resolve: () => Effect.succeed(["93.184.216.34"]),
  connect: () =>
    Effect.succeed({
      read: Effect.never,
      write: (bytes) => Effect.sync(() => void told.push(bytes.length)),
      end: Effect.void,
      isOurselves: false,
      secured: () => Effect.die("nothing is secured"),
    }),
});

const nowhere: Outside = {
  resolve: () => Effect.fail(new OutsideError({ why: "it has no address" })),
  connect: () => Effect.die("nothing is connected to"),
};

const withEgress = (outside: Outside, changes: Partial<SettingsService> = {}) =>
  Layer.provide(layerOver(outside), Settings.layerWith({ ...settings, ...changes }));

const serving = Effect.gen(function* () {
  const egress = yield* Egress;
  const scene = yield* program;
  const decisions: Array<DecidedConnection> = [];
  const fiber = yield* Effect.forkChild(egress.serve(owner, scene.stream, (decided) => decisions.push(decided)));
  yield* Effect.yieldNow;
  return { ...scene, fiber, decisions, totals: egress.totals };
});

it.effect("a program that asks for nothing is closed after thirty seconds, also when it drips", () =>
  Effect.gen(function* () {
    const { says, fiber, decisions, said } = yield* serving;
    for (let at = 0; at < 6; at++) {
      yield* says("G");
      yield* TestClock.adjust("5 seconds");
    }
    yield* says(undefined);
    yield* Fiber.join(fiber);
    assert.match(said.join(""), /^HTTP\/1\.1 502 .*the program asked for nothing in time\n<end>$/s);
    assert.deepEqual(decisions.map(({ verdict, host }) => [verdict, host]), [["failed", "?"]]);
  }).pipe(Effect.provide(withEgress(nowhere))));

it.effect("a program that goes away before it asked is no refusal", () =>
  Effect.gen(function* () {
    const { says, fiber, decisions, totals } = yield* serving;
    yield* says("GET http://al");
    yield* says(undefined);
    yield* Fiber.join(fiber);
    assert.deepEqual(decisions, []);
    assert.deepEqual(yield* totals, { allowed: 0, refused: 0, failed: 0, open: 0, upBytes: 0, downBytes: 0 });
  }).pipe(Effect.provide(withEgress(nowhere))));

it.effect("a name without an address is a failure that the program and the model are told", () =>
  Effect.gen(function* () {
    const { says, fiber, decisions, said } = yield* serving;
    yield* says("CONNECT allowed.example:443 HTTP/1.1\r\n\r\n");
    yield* says(undefined);
    yield* Fiber.join(fiber);
    assert.match(
      said.join(""),
      /^HTTP\/1\.1 502 .*X-Caisson-Egress: refused.*egress: allowed\.example:443: it has no address\n<end>$/s,
    );
    assert.equal(decisions[0]?.why, "it has no address");
  }).pipe(Effect.provide(withEgress(nowhere))));

const told: Array<number> = [];
it.effect("a tunnel in which nothing moves is cut after two minutes", () =>
  Effect.gen(function* () {
    const { says, fiber, closed, totals, decisions } = yield* serving;
    yield* says("CONNECT allowed.example:443 HTTP/1.1\r\n\r\n");
    const hello = clientHello([serverName("allowed.example")]);
    yield* says(hello);
    yield* TestClock.adjust("100 seconds");
    yield* says("more");
    yield* TestClock.adjust("100 seconds");
    assert.equal((yield* totals).open, 1);
    // Told when it was decided, and counting since.
    assert.deepEqual(decisions.map(({ verdict, upBytes }) => [verdict, upBytes]), [["allowed", hello.length + 4]]);
    yield* TestClock.adjust("21 seconds");
    yield* closed;
    yield* Fiber.join(fiber);
    assert.deepEqual(told, [hello.length, 4]);
    const { allowed, open, upBytes } = yield* totals;
    assert.deepEqual([allowed, open, upBytes], [1, 0, hello.length + 4]);
  }).pipe(Effect.provide(withEgress(silent(told)))));

it.effect("a tunnel is not cut when the machine's clock is set, and is cut in time all the same", () =>
  Effect.gen(function* () {
    for (const hours of [1, -1]) {
      const { clock, setBy } = yield* machineClock;
      yield* Effect.gen(function* () {
        const { says, closed, totals } = yield* serving;
        yield* says("CONNECT allowed.example:443 HTTP/1.1\r\n\r\n");
        yield* says(clientHello([serverName("allowed.example")]));
        yield* TestClock.adjust("100 seconds");
        yield* says("more");
        yield* TestClock.adjust("1 second");
        setBy(hours);
        yield* TestClock.adjust("99 seconds");
        assert.equal((yield* totals).open, 1);
        yield* TestClock.adjust("21 seconds");
        yield* closed;
      }).pipe(Effect.provide(withEgress(silent([]))), Effect.provideService(Clock.Clock, clock));
    }
  }));

it.effect("an answered program that does not close is closed", () =>
  Effect.gen(function* () {
    const { says, fiber } = yield* serving;
    yield* says("CONNECT evil.example:443 HTTP/1.1\r\n\r\n");
    yield* TestClock.adjust("10 seconds");
    yield* Fiber.join(fiber);
  }).pipe(Effect.provide(withEgress(nowhere))));

Deno.test("Allowances count connections and bytes of each owner, by minute and by day", () => {
  const allowances = new Allowances({
    connectionsMax: 2,
    connectionsPerMinute: 3,
    bytesPerConnection: 10,
    bytesPerDay: 15,
  });
  const [mine, other] = [ownerKey(owner), ownerKey({ ...owner, user: "v" })];
  const enter = (key: typeof mine, nowMs: number) => {
    const share = allowances.enter(key, nowMs);
    return typeof share === "string" ? assert.fail(share) : share;
  };
  const [first] = [enter(mine, 0), enter(mine, 0)];
  assert.equal(allowances.enter(mine, 0), "there are 2 connections already");
  enter(other, 0);
  first.leave();
  first.leave();
  const third = enter(mine, 0);
  third.leave();
  assert.equal(allowances.enter(mine, 0), "there were 3 new connections within a minute");
  const later = enter(mine, 20_000);
  assert.equal(later.count(10, 20_000), undefined);
  assert.equal(later.count(1, 20_000), "the connection carried as many bytes as one may");
  later.leave();
  assert.equal(enter(mine, 60_000).count(4, 60_000), "the bytes of this day are spent");
  assert.equal(allowances.enter(mine, 120_000), "there are 2 connections already");
  first.leave();
  const dayMs = 24 * 60 * 60 * 1000;
  assert.equal(third.count(1, dayMs), undefined);
});

it.effect("an owner may be limited to less than the operator allows, never to more", () =>
  Effect.gen(function* () {
    const egress = yield* Egress;
    const rulesOf = (text: string) => {
      const parsed = egressRows.egressAllow.parse(text);
      return parsed._tag === "Some" ? parsed.value : assert.fail(text);
    };
    assert.deepEqual(egress.beyond(rulesOf("allowed.example,evil.example,*.allowed.example")), [
      "evil.example",
      "*.allowed.example",
    ]);
    const asked = Effect.gen(function* () {
      const { says, fiber, decisions } = yield* serving;
      yield* says("GET http://allowed.example/ HTTP/1.1\r\n\r\n");
      yield* says(undefined);
      yield* Fiber.join(fiber);
      return decisions[0]?.why;
    });
    const to = (rules: ReadonlyArray<EgressRule>) => egress.limit(owner, { rules, secrets: [] });
    yield* to(rulesOf("allowed.example"));
    assert.equal(yield* asked, "it is not on the allowlist");
    yield* to([]);
    assert.equal(yield* asked, "it is not on the allowlist");
    // What the operator does not allow is not let through by a limit that names it.
    yield* to(rulesOf("evil.example:80"));
    const { says, decisions } = yield* serving;
    yield* says("GET http://evil.example/ HTTP/1.1\r\n\r\n");
    yield* Effect.yieldNow;
    assert.equal(decisions[0]?.why, "it is not on the allowlist");
    yield* to(rulesOf("allowed.example:80"));
    assert.equal(yield* asked, "it has no address");
    yield* egress.limit(owner, undefined);
    assert.equal(yield* asked, "it has no address");
  }).pipe(Effect.provide(withEgress(nowhere))));

it.effect("a file of certificates that cannot be used is refused at start by its setting's name", () =>
  Effect.gen(function* () {
    for (const path of ["/nowhere/ca.pem", "/etc/passwd"]) {
      const file = egressRows.egressCaFile.parse(path);
      assert.ok(file._tag === "Some");
      const given = Settings.layerWith({ ...settings, egressCaFile: file.value });
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(layer, given))));
      assert.match(error.message, /CAISSON_EGRESS_CA_FILE/);
    }
  }));
