/**
 * Opens the store of sessions on a fresh data directory and says its secret, at the moment others do the same.
 *
 * It says `ready`, is given the directory, and answers with the secret or with why there is none.
 */
import { parentPort } from "node:worker_threads";
import { Context, Effect, Layer } from "effect";
import * as Sqlite from "../../src/adapters/sessions/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { Sessions } from "../../src/services/Sessions.ts";

const secretIn = (dataPath: string): Promise<string> =>
  Sqlite.layer.pipe(
    Layer.provide(Settings.layerWith({ dataPath })),
    Layer.build,
    Effect.flatMap((context) => Context.get(context, Sessions).secret),
    Effect.scoped,
    Effect.match({ onSuccess: (secret) => secret, onFailure: ({ detail }) => `failed: ${detail}` }),
    Effect.runPromise,
  );

parentPort?.on("message", (dataPath: string) => {
  void secretIn(dataPath).then((secret) => parentPort?.postMessage(secret));
});
parentPort?.postMessage("ready");
