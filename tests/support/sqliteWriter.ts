/**
 * A process that stores turns as fast as it can and names each on stdout once it is stored.
 *
 * Run by the tests that kill it: `deno run tests/support/sqliteWriter.ts DATA_PATH PREFIX`.
 */
import { Effect, Layer } from "effect";
import * as Sqlite from "../../src/adapters/sessions/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { assistant, user } from "../../src/domain/Message.ts";
import { OwnerKey } from "../../src/domain/Owner.ts";
import { zero } from "../../src/domain/Usage.ts";
import { Sessions } from "../../src/services/Sessions.ts";

/** The session that is written. */
export const writtenKey = { owner: OwnerKey.make("c".repeat(32)), id: "written" };

/** The answer stored under a turn's id: long, and different for each. */
export const writtenAnswer = (id: string): string => `${id} `.repeat(200);

const write = Effect.fnUntraced(function* (prefix: string) {
  const sessions = yield* Sessions;
  const output = new TextEncoder();
  for (let n = 0;; n++) {
    const id = `${prefix}-${n}`;
    yield* sessions.append(writtenKey, {
      id,
      parent: { _tag: "Newest" },
      messages: [user("go on"), assistant(writtenAnswer(id))],
      status: "completed",
      model: "m",
      usage: zero,
      startedAtMs: 0,
      finishedAtMs: 0,
    });
    Deno.stdout.writeSync(output.encode(`${id}\n`));
  }
});

if (import.meta.main) {
  const [dataPath = ".", prefix = "turn"] = Deno.args;
  await Effect.runPromise(
    write(prefix).pipe(Effect.provide(Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath }))))),
  );
}
