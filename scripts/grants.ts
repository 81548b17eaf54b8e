/**
 * Prints a permission of a task of `deno.json` as a whole flag, computed from the settings:
 * `grants.ts write|sockets|run|embedded|keys`.
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

const grant = grants[Deno.args[0] ?? ""]?.(machine);
if (grant === undefined) {
  console.error(`usage: grants.ts ${Object.keys(grants).join("|")}`);
  Deno.exit(2);
}
if (grant.note !== undefined) console.error(grant.note);
console.log(grant.flag);
