/** What a sandbox with a way out records of it. */
import assert from "node:assert/strict";
import { Deferred, Effect, Fiber } from "effect";
import { attended } from "../../../../src/adapters/sandbox/egress/attended.ts";
import { Tell } from "../../../../src/adapters/sandbox/supervisor/frames.ts";
import type { Owner } from "../../../../src/domain/Owner.ts";
import { Egress, type EgressConnection } from "../../../../src/services/Egress.ts";
import { it } from "../../../support/it.ts";
import { outcome } from "../../../support/fakeSandbox.ts";
import { frame, scripted } from "./supervisor/scriptedSupervisor.ts";

const owner: Owner = { principal: "p", user: "u", ephemeral: false };

it.effect("a connection stands in the outcome of what ran when it was decided, with what it carried until then", () =>
  Effect.gen(function* () {
    const { link, say } = yield* scripted;
    const [decided, over] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()];
    const connection = {
      host: "a.example",
      port: 443,
      address: "93.184.216.34",
      verdict: "allowed" as const,
      why: undefined,
      upBytes: 0,
      downBytes: 0,
    };
    const finish = Array.from({ length: 2 }, () => Deferred.makeUnsafe<void>());
    let commands = 0;
    const served = yield* attended({
      ...link,
      execute: () => Effect.as(Deferred.await(finish[commands++] ?? assert.fail()), outcome("")),
    }, owner).pipe(Effect.provideService(Egress, {
      offer: { promise: "", notes: [], certificates: "", sample: undefined, variables: {} },
      serve: (_, __, onDecided) =>
        Effect.gen(function* () {
          onDecided(connection);
          yield* Deferred.succeed(decided, undefined);
          yield* Deferred.await(over);
          return { ...connection, durationMs: 1 } satisfies EgressConnection;
        }),
      ownOffer: () => Effect.undefined,
      beyond: () => [],
      limit: () => Effect.void,
      totals: Effect.succeed({ allowed: 0, refused: 0, failed: 0, open: 0, upBytes: 0, downBytes: 0 }),
    }));
    assert.equal(served.egressed?.(), undefined);
    const request = { command: "true", timeoutMs: 1 };
    const first = yield* Effect.forkChild(served.execute(request));
    yield* Effect.yieldNow;
    say(frame(Tell.netOpen, 1));
    yield* Deferred.await(decided);
    const second = yield* Effect.forkChild(served.execute(request));
    yield* Effect.yieldNow;
    connection.downBytes = 10;
    for (const ending of finish) yield* Deferred.succeed(ending, undefined);
    const { egress, note } = yield* Fiber.join(first);
    assert.deepEqual(egress, {
      records: [{ host: "a.example", port: 443, verdict: "allowed", connections: 1, upBytes: 0, downBytes: 10 }],
      connectionsLeftOut: 0,
    });
    assert.equal(note, undefined);
    assert.equal((yield* Fiber.join(second)).egress, undefined);
    connection.downBytes = 30;
    yield* Deferred.succeed(over, undefined);
    yield* Effect.yieldNow;
    assert.equal(served.egressed?.()?.records[0]?.downBytes, 30);
  }));

it.effect("without a way out nothing is recorded, and the link is as it was", () =>
  Effect.gen(function* () {
    const { link } = yield* scripted;
    assert.equal(yield* attended(link, owner), link);
  }));
