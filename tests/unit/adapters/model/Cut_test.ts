import assert from "node:assert/strict";
import { Effect, Fiber } from "effect";
import { Cut } from "../../../../src/adapters/model/Cut.ts";
import { type Fault, fault } from "../../../../src/adapters/model/fault.ts";
import { exchange } from "../../../../src/adapters/model/exchange.ts";
import { ConnectionLost, TimedOut } from "../../../../src/services/Model.ts";
import { it } from "../../../support/it.ts";
import { serveWire } from "../../../support/wireServer.ts";

const late: Fault = fault(new TimedOut({ phase: "connect", limitMs: 1 }), "late");
const lost: Fault = fault(new ConnectionLost(), "lost");

it.effect("a cut is heard by whoever waits and by whoever asks afterwards, with the first reason", () =>
  Effect.gen(function* () {
    const cut = new Cut();
    const waiting = yield* Effect.forkChild(Effect.flip(cut.awaited), { startImmediately: true });
    cut.now(late);
    cut.now(lost);
    assert.equal(yield* Fiber.join(waiting), late);
    assert.equal(yield* Effect.flip(cut.awaited), late);
  }));

it.live("an exchange that is cut while it waits fails with that, and one that begins afterwards does so at once", () =>
  Effect.gen(function* () {
    const cut = new Cut();
    const server = yield* serveWire(() => {
      cut.now(late);
      return { silent: true, body: [] };
    });
    const open = Effect.scoped(exchange({ url: `${server.url}/v1`, headers: {}, body: "{}" }, () => lost, cut));
    assert.equal(yield* Effect.flip(open), late);
    assert.equal(yield* Effect.flip(open), late);
  }).pipe(Effect.scoped));
