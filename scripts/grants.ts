/**
 * Prints permissions of a task of `deno.json`, each as a whole flag on a line of its own, computed from the settings:
 * `grants.ts write|sockets|run|embedded|keys...`.
 */
import { readDotEnv } from "../src/config/dotEnv.ts";
import { grants, type Machine } from "../src/config/permissions.ts";

const dotEnv = (): Readonly<Record<string, string>> => {
  try {
    return readDotEnv();
  } catch {
    // The program itself refuses to start, and says why.
    return {};
  }
};

const machine: Machine = {
  setting: (name) => Deno.env.get(name)?.trim() || dotEnv()[name]?.trim() || undefined,
  isInstalled: (path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  },
  denoPath: Deno.execPath(),
};

const found = Deno.args.map((name) => grants[name]?.(machine));
if (found.length === 0 || found.includes(undefined)) {
  console.error(`usage: grants.ts ${Object.keys(grants).join("|")}...`);
  Deno.exit(2);
}
for (const grant of found) {
  if (grant?.note !== undefined) console.error(grant.note);
  console.log(grant?.flag);
}
