/**
 * Whole files in a sandbox: read within a bound, and edited so that no edit loses another.
 */
import { Buffer } from "node:buffer";
import { Effect, Semaphore, Stream } from "effect";
import { editedBytesMax, editText, type TextEdit } from "../domain/textEdit.ts";
import { FileError, type SandboxHandle } from "../services/Sandbox.ts";

/**
 * Reads a file that is held as a whole; no more of it is read than the bound.
 *
 * *Fails with* `FileError` when it cannot be read, `TooLarge` with what to do instead; `SandboxError`.
 */
export const wholeFile = Effect.fnUntraced(
  function* (handle: SandboxHandle, path: string, bytesMax: number, instead: string) {
    const pieces: Array<Uint8Array> = [];
    const length = yield* handle.readBytes(path, { offset: 0, length: bytesMax + 1 }).pipe(
      Stream.runFold(() => 0, (sum, piece) => {
        pieces.push(piece);
        return sum + piece.length;
      }),
    );
    if (length > bytesMax) {
      return yield* new FileError({ path, reason: "TooLarge", why: `larger than ${bytesMax} bytes; ${instead}` });
    }
    return Buffer.concat(pieces, length);
  },
);

/** The edits of one toolbox that go on; two of one file would each write over what the other did. */
export class FileEdits {
  /** By the id of the sandbox. */
  readonly #turns = new Map<string, { readonly semaphore: Semaphore.Semaphore; waiting: number }>();

  /**
   * Edits a file of a sandbox; the file is replaced as a whole or stays as it was.
   *
   * *Details*: edits of one sandbox are made one after the other. What a command writes between the reading and the
   * writing of an edit is lost, as it is with every editor.
   *
   * *Fails with* `FileError` and `SandboxError`; an edit that does not fit the file is a value.
   */
  edit(handle: SandboxHandle, path: string, edit: TextEdit) {
    return this.#inTurn(
      handle.id,
      Effect.gen(function* () {
        const file = yield* wholeFile(handle, path, editedBytesMax, "change it with a command");
        const edited = editText(file, edit);
        if (edited._tag === "Edited") yield* handle.writeFile(path, edited.bytes);
        return edited;
      }),
    );
  }

  #inTurn<A, E>(id: string, edit: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const turn = this.#turns.get(id) ?? { semaphore: Semaphore.makeUnsafe(1), waiting: 0 };
      this.#turns.set(id, turn);
      turn.waiting++;
      return turn.semaphore.withPermits(1)(edit).pipe(
        Effect.ensuring(Effect.sync(() => {
          if (--turn.waiting === 0) this.#turns.delete(id);
        })),
      );
    });
  }
}
