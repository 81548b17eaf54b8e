/**
 * A directory of a test's own.
 */
import { Effect } from "effect";

/** Times that a removal is tried: a process that was killed may be writing its last meanwhile. */
const triesMax = 300;
const betweenTriesMs = 100;

/** `ENOTEMPTY` of Linux and of macOS: something was made in a directory after it had been emptied. */
const isFilledAnew = (error: unknown): boolean => /not empty/i.test(String(error));

const remove = async (path: string): Promise<void> => {
  for (let tries = 1;; tries++) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (tries === triesMax || !isFilledAnew(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, betweenTriesMs));
    }
  }
};

/** Makes an empty directory that is removed with everything in it when the scope closes. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => Deno.makeTempDir({ prefix: "caisson-test-" })),
  (path) => Effect.promise(() => remove(path)),
);
