/** Hosts that a person granted: for whom, how long, how many, and where they may lead. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Fiber, Layer, Logger, Option, Queue } from "effect";
import { TestClock } from "effect/testing";
import { layerOver } from "../../../../src/adapters/egress/Configured.ts";
import type { Outside } from "../../../../src/adapters/egress/Outside.ts";
import { layerOver as readerOver } from "../../../../src/adapters/web/Configured.ts";
import { Settings, type SettingsService } from "../../../../src/config.ts";
import { egressRows } from "../../../../src/config/egress.ts";
import type { Owner } from "../../../../src/domain/Owner.ts";
import { type DecidedConnection, Egress } from "../../../../src/services/Egress.ts";
import { type SandboxStream, StreamError } from "../../../../src/services/Sandbox.ts";
import { WebReader } from "../../../../src/services/WebReader.ts";
import { clientHello, serverName } from "../../../contract/egressProbes.ts";
import { it } from "../../../support/it.ts";

const ada: Owner = { principal: "p", user: "ada", ephemeral: false };
const bob: Owner = { principal: "p", user: "bob", ephemeral: false };
const target = { host: "asked.example", port: 443 };

const list = <A>(row: { readonly parse: (text: string) => Option.Option<A> }, text: string): A =>
  Option.getOrElse(row.parse(text), () => assert.fail(text));

const settings: Partial<SettingsService> = {
  egress: "allowlist",
  egressAllow: list(egressRows.egressAllow, "allowed.example"),
  egressAsk: list(egressRows.egressAsk, "*,*:80,*:8443"),
  egressDeny: list(egressRows.egressDeny, "denied.example,denied-too.example"),
  egressPrivate: list(egressRows.egressPrivate, "10.1.2.3"),
  egressGrantSeconds: 60,
  egressSecrets: list(
    egressRows.egressSecrets,
    JSON.stringify([{ domain: "allowed.example", name: "TOKEN", value: "v" }]),
  ),
};

/** A network whose servers are silent; `names` lead elsewhere than to the public address of all others. */
const world = (names: Readonly<Record<string, ReadonlyArray<string>>> = {}) => {
  const questions: Array<string> = [];
  const outside: Outside = {
    resolve: (name) =>
      Effect.sync(() => {
        questions.push(name);
        return names[name] ?? ["93.184.216.34"];
      }),
    connect: () =>
      Effect.succeed({
        read: Effect.never,
        write: () => Effect.void,
        end: Effect.void,
        isOurselves: false,
        secured: () => Effect.die("nothing is secured"),
      }),
  };
  return { outside, questions };
};

const withWorld = (outside: Outside, changes: Partial<SettingsService> = {}) =>
  Layer.provide(Layer.merge(layerOver(outside), Logger.layer([])), Settings.layerWith({ ...settings, ...changes }));

const access = Effect.map(Egress, (egress) => egress.access ?? assert.fail("nobody is asked"));

/** Has a program of an owner open a tunnel; tells what was decided, and whether it is still open. */
const tunnel = Effect.fnUntraced(function* (owner: Owner, { host, port } = target) {
  const egress = yield* Egress;
  const toServer = yield* Queue.unbounded<Uint8Array | undefined>();
  const decided: Array<DecidedConnection> = [];
  let isReset = false;
  const stream: SandboxStream = {
    read: Effect.suspend(() =>
      isReset ? Effect.fail(new StreamError({ reason: "Reset", why: "gone" })) : Queue.take(toServer)
    ),
    write: () => Effect.void,
    end: Effect.void,
    reset: Effect.sync(() => void (isReset = true)),
  };
  const fiber = yield* Effect.forkChild(egress.serve(owner, stream, (connection) => decided.push(connection)));
  yield* Queue.offer(toServer, Buffer.from(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`, "latin1"));
  yield* Queue.offer(toServer, clientHello([serverName(host)]));
  for (let turns = 0; turns < 50 && decided.length === 0; turns++) yield* Effect.yieldNow;
  return { fiber, decided: decided[0] ?? assert.fail("nothing was decided"), isReset: () => isReset };
});

const verdict = (owner: Owner, at = target) =>
  Effect.gen(function* () {
    const { decided, fiber } = yield* tunnel(owner, at);
    yield* Fiber.interrupt(fiber);
    return decided.why === undefined ? decided.verdict : `${decided.verdict}: ${decided.why}`;
  });

const hint = "refused: it is not on the allowlist (request_access asks the user for it)";

it.effect("what may be asked for is refused with a word about asking, until it is granted, and to its owner alone", () => {
  const { outside, questions } = world();
  return Effect.gen(function* () {
    const asking = yield* access;
    assert.equal(yield* verdict(ada), hint);
    assert.deepEqual(questions, [], "a name that nobody granted was looked up");
    const grant = yield* asking.grant(ada, target);
    assert.deepEqual(grant, { ...target, expiresAtMs: 60_000 });
    assert.equal(yield* verdict(ada), "allowed");
    assert.equal(yield* verdict(bob), hint);
    assert.equal(yield* verdict(ada, { host: "asked.example", port: 8443 }), hint);
    assert.equal(yield* verdict(ada, { host: "x.asked.example", port: 443 }), hint);
    assert.deepEqual(yield* asking.granted(ada), [grant]);
    assert.deepEqual(yield* asking.granted(bob), []);
    yield* asking.forget(ada);
    assert.equal(yield* verdict(ada), hint);
  }).pipe(Effect.provide(withWorld(outside)));
});

it.effect("a grant is over after its seconds, with the connections that it let through; again is anew", () => {
  const { outside } = world();
  return Effect.gen(function* () {
    const asking = yield* access;
    yield* asking.grant(ada, target);
    const long = yield* tunnel(ada);
    assert.equal(long.decided.verdict, "allowed");
    yield* TestClock.adjust("59 seconds");
    assert.equal(long.isReset(), false);
    assert.equal(yield* verdict(ada), "allowed");
    yield* TestClock.adjust("1 second");
    const over = yield* Fiber.join(long.fiber);
    assert.equal(over?.why, "the time for which it was granted is over");
    assert.equal(long.isReset(), true);
    assert.equal(yield* verdict(ada), hint);
    // It is told still, as one that is over.
    assert.deepEqual((yield* asking.granted(ada)).map(({ expiresAtMs }) => expiresAtMs), [60_000]);
    yield* asking.grant(ada, target);
    assert.equal(yield* verdict(ada), "allowed");
    assert.deepEqual((yield* asking.granted(ada)).map(({ expiresAtMs }) => expiresAtMs), [120_000]);
  }).pipe(Effect.provide(withWorld(outside)));
});

it.effect("what a person grants leads to no address that is not public, and to none of the operator's own", () => {
  const names = {
    "private.example": ["10.1.2.3"],
    "metadata.example": ["169.254.169.254"],
    "inside.example": ["127.0.0.1", "::1", "fd00::1"],
    "mirror.example": ["10.1.2.3"],
  };
  const { outside } = world(names);
  const changes = { egressAllow: list(egressRows.egressAllow, "allowed.example,mirror.example") };
  return Effect.gen(function* () {
    const asking = yield* access;
    assert.equal(yield* verdict(ada, { host: "mirror.example", port: 443 }), "allowed");
    for (const host of ["private.example", "metadata.example", "inside.example"]) {
      assert.notEqual(yield* asking.grant(ada, { host, port: 443 }), undefined);
      assert.match(yield* verdict(ada, { host, port: 443 }), /^refused: it leads to /, host);
    }
  }).pipe(Effect.provide(withWorld(outside, changes)));
});

it.effect("what is denied, has a secret or may not be asked for is not granted by anybody", () => {
  const { outside, questions } = world();
  return Effect.gen(function* () {
    const asking = yield* access;
    for (
      const at of [
        { host: "denied.example", port: 443 },
        { host: "denied-too.example", port: 8443 },
        { host: "allowed.example", port: 8443 },
        { host: "asked.example", port: 22 },
      ]
    ) {
      assert.equal(yield* asking.grant(ada, at), undefined, at.host);
      assert.match(yield* verdict(ada, at), /^refused: (it is never reached from here|it is not on the allowlist)$/);
    }
    assert.deepEqual(questions, []);
  }).pipe(Effect.provide(withWorld(outside)));
});

it.effect("an owner with a network of its own is not asked for more, and what it was granted before is void", () => {
  const { outside } = world();
  return Effect.gen(function* () {
    const asking = yield* access;
    yield* asking.grant(ada, target);
    yield* (yield* Egress).limit(ada, { rules: [], secrets: [] });
    assert.equal((yield* asking.to(ada, target))._tag, "Never");
    assert.equal(yield* asking.grant(ada, { host: "other.example", port: 443 }), undefined);
    assert.equal(yield* verdict(ada), "refused: it is not on the allowlist");
  }).pipe(Effect.provide(withWorld(outside)));
});

it.effect("grants of an owner are bounded, at once and in what is remembered", () => {
  const { outside } = world();
  return Effect.gen(function* () {
    const asking = yield* access;
    const grant = (number: number) => asking.grant(ada, { host: `h${number}.example`, port: 443 });
    for (let number = 0; number < 16; number++) assert.notEqual(yield* grant(number), undefined);
    assert.equal(yield* grant(16), undefined);
    // One that lasts is given anew, and another owner has its own.
    assert.notEqual(yield* grant(3), undefined);
    assert.notEqual(yield* asking.grant(bob, target), undefined);
    for (let round = 1; round < 4; round++) {
      yield* TestClock.adjust("61 seconds");
      for (let number = 0; number < 16; number++) assert.notEqual(yield* grant(100 * round + number), undefined);
    }
    const kept = yield* asking.granted(ada);
    assert.equal(kept.length, 32);
    assert.equal(kept.at(-1)?.host, "h315.example");
  }).pipe(Effect.provide(withWorld(outside)));
});

it.effect("without hosts to ask for nobody is asked and a refusal is as it was", () => {
  const { outside } = world();
  return Effect.gen(function* () {
    const egress = yield* Egress;
    assert.equal(egress.access, undefined);
    assert.ok(!egress.offer?.notes.join(" ").includes("request_access"));
    assert.equal(yield* verdict(ada), "refused: it is not on the allowlist");
  }).pipe(Effect.provide(withWorld(outside, { egressAsk: [] })));
});

it.effect("what is denied is denied where everything is open, and to the reader of the web", () => {
  const { outside, questions } = world();
  return Effect.gen(function* () {
    assert.equal(yield* verdict(ada, { host: "denied.example", port: 443 }), "refused: it is never reached from here");
    assert.equal(yield* verdict(ada), "allowed");
    const reader = yield* WebReader;
    const refused = yield* Effect.flip(reader.fetch?.(ada, "https://denied.example/") ?? Effect.die("no reader"));
    assert.match(refused.message, /it is never reached from here/);
    assert.deepEqual(questions, ["asked.example"]);
  }).pipe(
    Effect.provide(
      Layer.merge(
        withWorld(outside, { egress: "open" }),
        Layer.provide(readerOver(outside), Settings.layerWith({ ...settings, webFetch: "open" })),
      ),
    ),
  );
});

it.effect("hosts to ask for are refused at the start where there is no way out, and so is a secret for a denied host", () =>
  Effect.gen(function* () {
    const { outside } = world();
    const refusal = (changes: Partial<SettingsService>) =>
      Effect.map(Effect.flip(Effect.scoped(Layer.build(withWorld(outside, changes)))), ({ message }) => message);
    assert.match(
      yield* refusal({ egress: "off" }),
      /CAISSON_EGRESS_ASK names hosts to ask for, while CAISSON_EGRESS is off/,
    );
    assert.match(
      yield* refusal({ egressDeny: list(egressRows.egressDeny, "allowed.example") }),
      /CAISSON_EGRESS_SECRETS has TOKEN for allowed\.example, which may not be reached/,
    );
  }));
