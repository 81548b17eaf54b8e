/**
 * Creates, lists and revokes API keys in the file that a server of the same settings reads: `deno task keys`.
 *
 * Its arguments are `create NAME`, `list` or `revoke ID_OR_NAME`; `scripts/cli/commands.ts` explains them to people.
 */
import { resolve } from "node:path";
import { Effect } from "effect";
import { createKey, keyFilePath, readKeys, revokeKeys } from "../src/adapters/identity/keyFile.ts";
import { Settings } from "../src/config.ts";
import { typed } from "../src/root.ts";
import { settingsLayer } from "./settings.ts";

const program = Effect.gen(function* () {
  const path = resolve(keyFilePath(yield* Settings));
  const [command, argument, ...rest] = Deno.args;
  if (command === "create" && argument !== undefined && rest.length === 0) {
    const { key, stored } = yield* createKey(path, argument);
    console.error(`Created key ${stored.id} of ${stored.name} in ${path}. It is shown this once:`);
    console.log(key);
    return 0;
  }
  if (command === "list" && argument === undefined) {
    const { keys } = yield* readKeys(path);
    for (const { id, name, createdAt } of keys) console.log(`${id}  ${createdAt}  ${name}`);
    if (keys.length === 0) {
      console.error(`no keys in ${path}; a server started elsewhere has a data directory of its own`);
    }
    return 0;
  }
  if (command === "revoke" && argument !== undefined && rest.length === 0) {
    for (const { id, name } of yield* revokeKeys(path, argument)) console.log(`revoked ${id} of ${name}`);
    return 0;
  }
  console.error(`the line is read by ${typed} keys`);
  return 2;
});

Deno.exitCode = await Effect.runPromise(
  Effect.catch(Effect.provide(program, settingsLayer), (error) =>
    Effect.sync(() => {
      console.error(error.message);
      return 1;
    })),
);
