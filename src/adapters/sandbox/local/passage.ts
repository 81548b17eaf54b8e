/**
 * Whether users of the machine other than the server's own get to a path.
 */
import { dirname } from "node:path";
import { Effect } from "effect";

/** The right of others to pass through a directory. */
const passOthers = 0o001;

/** Why other users do not get to a directory, in words that complete "PATH, which …"; nothing when they do. */
export const closedToOthers = (path: string): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    try {
      for (let at = await Deno.realPath(path);; at = dirname(at)) {
        const { mode } = await Deno.stat(at);
        if (mode !== null && (mode & passOthers) === 0) {
          const shown = (mode & 0o777).toString(8).padStart(4, "0");
          return `other users do not get to, because ${at} has mode ${shown}: chmod o+x ${at} lets them pass`;
        }
        if (dirname(at) === at) return undefined;
      }
    } catch {
      // Whoever needs the directory and does not find it says so.
      return undefined;
    }
  });
