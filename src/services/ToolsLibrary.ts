/**
 * The ToolsLibrary port: Python modules that a deployment puts on the import path of every sandbox.
 */
import { Context, Effect } from "effect";
import type { PythonModule } from "../domain/PythonModule.ts";

/** What a library offers. */
export interface ToolsLibraryService {
  /** The modules as they are now, sorted by name. They are read, never executed. */
  readonly modules: Effect.Effect<ReadonlyArray<PythonModule>>;
}

/**
 * The ToolsLibrary port; a program that provides none has an empty one.
 *
 * *Example* (see that nothing is on the import path unless provided):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect } from "effect";
 * import { ToolsLibrary } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const library = yield* ToolsLibrary.ToolsLibrary;
 *   return yield* library.modules;
 * });
 * assert.deepEqual(await Effect.runPromise(program), []);
 * ```
 */
export const ToolsLibrary = Context.Reference<ToolsLibraryService>("caisson/services/ToolsLibrary", {
  defaultValue: () => ({ modules: Effect.succeed([]) }),
});
