import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import * as Memory from "../../../src/adapters/sessions/Memory.ts";
import { erase } from "../../../src/runs/erase.ts";
import { Settings } from "../../../src/config.ts";
import { ownerKey } from "../../../src/domain/ids.ts";
import { user } from "../../../src/domain/Message.ts";
import type { Owner } from "../../../src/domain/Owner.ts";
import { zero } from "../../../src/domain/Usage.ts";
import { Sandbox } from "../../../src/services/Sandbox.ts";
import { Sessions } from "../../../src/services/Sessions.ts";
import { it } from "../../support/it.ts";

const owner = (name: string): Owner => ({ principal: "api-key:a", user: name, ephemeral: false });
const reset: Array<Owner> = [];

const layer = Layer.merge(
  Memory.layer.pipe(Layer.provide(Settings.layerWith())),
  Layer.mock(Sandbox, {
    info: { kind: "scripted", why: "", controls: [], notes: [] },
    reset: (who) => Effect.sync(() => void reset.push(who)),
  }),
);

it.layer(layer).effect(
  "erase removes every session and the sandbox of one user and nothing of another",
  () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const store = (who: Owner, id: string) =>
        sessions.append({ owner: ownerKey(who), id }, {
          id: "t",
          parent: { _tag: "Newest" },
          messages: [user("hi")],
          status: "completed",
          model: "m",
          usage: zero,
          startedAtMs: 0,
          finishedAtMs: 0,
        });
      for (const id of ["one", "two", "three"]) yield* store(owner("u"), id);
      yield* store(owner("v"), "one");
      assert.deepEqual(yield* erase(owner("u")), { sessions: 3 });
      assert.deepEqual(yield* erase(owner("u")), { sessions: 0 });
      assert.deepEqual(reset, [owner("u"), owner("u")]);
      assert.deepEqual(yield* sessions.list(ownerKey(owner("u"))), []);
      assert.equal((yield* sessions.list(ownerKey(owner("v")))).length, 1);
    }),
);
