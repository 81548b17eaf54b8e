/**
 * Files as one tar in memory, the only form in which an engine takes them.
 */
import { Effect, Stream } from "effect";
import { Tar } from "effect/encoding";
import { EngineError } from "./EngineError.ts";

/** Encodes entries as one tar; the caller bounds what it hands over. */
export const tarArchive = (entries: Iterable<Tar.Entry>): Effect.Effect<Uint8Array, EngineError> =>
  Stream.fromIterable(entries).pipe(
    Stream.pipeThroughChannel(Tar.encode()),
    Stream.runCollect,
    Effect.map((pieces) => {
      const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
      let at = 0;
      for (const piece of pieces) {
        all.set(piece, at);
        at += piece.length;
      }
      return all;
    }),
    Effect.mapError((error) => new EngineError({ operation: "tar", kind: "Fault", detail: error.message })),
  );
