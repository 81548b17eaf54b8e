/**
 * The contract of the WebhookOutbox port, on every store.
 */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import * as Memory from "../../src/adapters/responses/webhooks/Memory.ts";
import * as Redis from "../../src/adapters/responses/webhooks/Redis.ts";
import * as Sqlite from "../../src/adapters/responses/webhooks/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { OwnerKey } from "../../src/domain/Owner.ts";
import { WebhookOutbox } from "../../src/services/WebhookOutbox.ts";
import { onFreshRedis } from "../support/agedRedis.ts";
import { it } from "../support/it.ts";
import { redisSkip } from "../support/redisServer.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

const stores: ReadonlyArray<readonly [string, Layer.Layer<WebhookOutbox, unknown>, string | undefined]> = [
  ["memory", Memory.layer, undefined],
  [
    "sqlite",
    Layer.unwrap(
      Effect.map(temporaryDirectory, (dataPath) => Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath })))),
    ),
    undefined,
  ],
  [
    "redis",
    onFreshRedis(Redis.layerOnConnection, {}),
    redisSkip,
  ],
];

const notice = (response: string) => ({
  id: `evt_${response}`,
  owner: OwnerKey.make("a".repeat(32)),
  response,
  createdAtMs: 5,
  attempts: 0,
});

for (const [name, layer, skip] of stores) {
  it.layer(layer).effect(
    `${name}: a notice is given to one at a time when it is due, again with its tries, until it is settled`,
    () =>
      Effect.gen(function* () {
        const outbox = yield* WebhookOutbox;
        yield* outbox.put(notice("late"), 1_000);
        yield* outbox.put(notice("soon"), 500);
        assert.deepEqual(yield* outbox.claim(499, 2_000, 8), []);
        assert.deepEqual(yield* outbox.claim(1_000, 2_000, 1), [notice("soon")]);
        assert.deepEqual(yield* outbox.claim(1_000, 2_000, 8), [notice("late")]);
        assert.deepEqual(yield* outbox.claim(1_999, 3_000, 8), []);
        yield* outbox.due("soon", 1_500);
        assert.deepEqual(yield* outbox.claim(1_500, 3_000, 8), [notice("soon")]);
        yield* outbox.put({ ...notice("soon"), attempts: 1 }, 1_600);
        assert.deepEqual(yield* outbox.claim(1_600, 3_000, 8), [{ ...notice("soon"), attempts: 1 }]);
        yield* outbox.settle("soon");
        yield* outbox.due("soon", 0);
        assert.deepEqual(yield* outbox.claim(9_000, 9_999, 8), [notice("late")]);
      }),
    { skip },
  );
}
