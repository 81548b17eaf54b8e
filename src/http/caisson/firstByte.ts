/**
 * Seeing that a file can be read before its answer begins.
 */
import { Effect, Stream } from "effect";
import type { FileError, SandboxError, SandboxHandle } from "../../services/Sandbox.ts";
import { InvalidRequest } from "../frame/errors.ts";

/**
 * Reads the first byte of a file: once a response has begun, nothing but a broken connection can say what is wrong.
 *
 * *Fails with* `InvalidRequest` in the sandbox's words for a file that its user may not read, that is gone, or whose
 * name is not UTF-8.
 */
export const seeFirstByte = (
  handle: SandboxHandle,
  { path, sizeBytes }: { readonly path: string; readonly sizeBytes: number },
): Effect.Effect<void, InvalidRequest | SandboxError> =>
  sizeBytes === 0 ? Effect.void : Stream.runDrain(handle.readBytes(path, { offset: 0, length: 1 })).pipe(
    Effect.catchTag(
      "FileError",
      ({ message }: FileError) => Effect.fail(new InvalidRequest({ param: null, why: message, code: "invalid_file" })),
    ),
  );
