/**
 * Deleting one file of a sandbox.
 */
import { Effect } from "effect";
import { shellQuoted } from "../../domain/shellQuoted.ts";
import { FileError, type SandboxHandle } from "../../services/Sandbox.ts";

/** How long it may take. */
const removeMs = 10_000;

/**
 * Deletes a file where it lies, as the user of the sandbox.
 *
 * *Fails with* `FileError` (`PermissionDenied`) when it cannot be deleted, `SandboxError`.
 */
export const removeFile = Effect.fnUntraced(function* (handle: SandboxHandle, path: string) {
  const { exitCode } = yield* handle.execute({ command: `rm -f -- ${shellQuoted(path)}`, timeoutMs: removeMs });
  if (exitCode !== 0) {
    return yield* new FileError({ path, reason: "PermissionDenied", why: "the sandbox does not let go of it" });
  }
});
