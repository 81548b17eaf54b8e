import assert from "node:assert/strict";
import { Effect, Exit, Fiber, Logger } from "effect";
import { HttpServerError } from "effect/http";
import { type BootError, BootFailed, bootMessage, explained } from "../../src/boot.ts";
import { ConfigurationRefused } from "../../src/config.ts";
import { OpenDoorRefused } from "../../src/services/Identity.ts";
import { ImageMissing, RuntimeUnavailable, SandboxError } from "../../src/services/Sandbox.ts";
import { SessionsUnavailable } from "../../src/services/Sessions.ts";
import { it } from "../support/it.ts";

const table: ReadonlyArray<readonly [BootError, RegExp]> = [
  [new ConfigurationRefused({ problems: ["A is 1, expected 2"] }), /A is 1, expected 2.*docs\/configuration\.md/],
  [new OpenDoorRefused({ host: "0.0.0.0" }), /0\.0\.0\.0 without credentials is refused/],
  [
    new HttpServerError.ServeError({ cause: new Error("address already in use") }),
    /address already in use.*AGENT_API_PORT/,
  ],
  [
    new HttpServerError.ServeError({ cause: Object.assign(new Error("permission denied"), { code: "EACCES" }) }),
    /permission denied.*below 1024/,
  ],
  [
    new HttpServerError.ServeError({ cause: Object.assign(new Error("not found"), { code: "ENOTFOUND" }) }),
    /::1 without brackets/,
  ],
  [
    new SessionsUnavailable({ store: "redis", operation: "open", detail: "refused" }),
    /refused\. Check CAISSON_REDIS_URL/,
  ],
  [new SandboxError({ reason: new RuntimeUnavailable(), detail: "no socket" }), /no socket.*CAISSON_SANDBOX=embedded/],
  [
    new SandboxError({ reason: new ImageMissing({ image: "i" }), detail: "pull access denied" }),
    /pull access denied.*scripts\/base-image\.sh/,
  ],
  [
    new SessionsUnavailable({ store: "sqlite", operation: "open", detail: "disk full" }),
    /sqlite.*disk full.*CAISSON_DATA_PATH/,
  ],
];

for (const [index, [error, expected]] of table.entries()) {
  Deno.test(`bootMessage says what to do about ${error._tag}, ${index}`, () =>
    assert.match(bootMessage(error), expected));
}

const logged = <A, E>(program: Effect.Effect<A, E>) => {
  const lines: Array<string> = [];
  const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`));
  return Effect.map(
    Effect.exit(Effect.provide(program, Logger.layer([logger]))),
    (exit) => ({ exit, lines }),
  );
};

it.effect("explained says a failure in one line and fails without it", () =>
  Effect.gen(function* () {
    const { exit, lines } = yield* logged(explained(Effect.fail(new OpenDoorRefused({ host: "::" }))));
    assert.deepEqual(exit, Exit.fail(new BootFailed()));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /^Fatal listening on ::/);
  }));

it.effect("explained tells of a bug instead of hiding it", () =>
  Effect.gen(function* () {
    const { exit, lines } = yield* logged(explained(Effect.die(new Error("boom"))));
    assert.deepEqual(exit, Exit.fail(new BootFailed()));
    assert.match(lines[0] ?? "", /^Fatal the process died of a bug/);
  }));

it.effect("explained lets an interruption pass, so that a stop is no failure", () =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(explained(Effect.never));
    yield* Fiber.interrupt(fiber);
    const exit = yield* Fiber.await(fiber);
    assert.ok(Exit.hasInterrupts(exit));
  }));
