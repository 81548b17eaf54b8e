/**
 * A directory of a test's own.
 */
import { Effect } from "effect";

/** Makes an empty directory that is removed with everything in it when the scope closes. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => Deno.makeTempDir({ prefix: "caisson-test-" })),
  (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
);
