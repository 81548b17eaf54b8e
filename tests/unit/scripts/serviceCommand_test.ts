import assert from "node:assert/strict";
import { Effect } from "effect";
import { it } from "../../support/it.ts";
import { temporaryDirectory } from "../../support/temporaryDirectory.ts";

const script = new URL("../../../image/service/caisson.sh", import.meta.url).pathname;

/** In place of Deno: asked for permissions it prints two flags, each time it is started it notes its arguments. */
const stub = `#!/bin/sh
echo started >>"$NOTES.starts"
case "$*" in
  *grants.js*) printf '%s\\n' '--allow-write=/srv/my data/*' --allow-run=/usr/bin/bwrap ;;
  *) printf '%s\\n' "$@" >"$NOTES" ;;
esac
`;

it.live("the command of the service image asks once for all permissions, and passes them on as they are", () =>
  Effect.gen(function* () {
    const folder = yield* temporaryDirectory;
    const notes = `${folder}/notes`;
    yield* Effect.promise(async () => {
      await Deno.writeTextFile(`${folder}/deno`, stub, { mode: 0o755 });
      const { code, stderr } = await new Deno.Command("/bin/sh", {
        args: [script, "keys", "create", "a name"],
        env: { PATH: `${folder}:/usr/bin:/bin`, NOTES: notes },
        clearEnv: true,
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
    });
    const lines = (yield* Effect.promise(() => Deno.readTextFile(notes))).trimEnd().split("\n");
    assert.deepEqual(lines.slice(lines.indexOf("--ignore-env")), [
      "--ignore-env",
      "--allow-write=/srv/my data/*",
      "--allow-run=/usr/bin/bwrap",
      "--allow-read",
      "/app/scripts/keys.js",
      "create",
      "a name",
    ]);
    assert.equal(yield* Effect.promise(() => Deno.readTextFile(`${notes}.starts`)), "started\nstarted\n");
  }));
