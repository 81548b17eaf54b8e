/**
 * Images that a cell of Python showed, as clients of the hosted interpreter take them: with their bytes.
 */
import { Effect, Option, Stream } from "effect";
import { mediaTypeOf } from "../../../domain/Artifact.ts";
import type { ContainerFile } from "../../../runs/Containers.ts";
import type { SandboxHandle } from "../../../services/Sandbox.ts";

/** Bytes of one image that stands in a response; a plot has tens of kilobytes, and a response tells it three times. */
const imageBytesMax = 1024 * 1024;

/** Bytes of all images of one call; what is beyond is linked. */
const callBytesMax = 4 * imageBytesMax;

/** The images whose bytes fit into one call's outputs, in the order in which they were shown. */
export const fitting = (images: ReadonlyArray<ContainerFile>): ReadonlySet<string> => {
  const kept = new Set<string>();
  let left = callBytesMax;
  for (const { id, sizeBytes } of images) {
    if (sizeBytes === 0 || sizeBytes > Math.min(left, imageBytesMax)) continue;
    left -= sizeBytes;
    kept.add(id);
  }
  return kept;
};

/** An image as a `data:` URL; none where it has gone or grown meanwhile. */
export const dataUrlOf = Effect.fnUntraced(function* (
  handle: Pick<SandboxHandle, "readBytes">,
  { path, sizeBytes }: ContainerFile,
) {
  const pieces = yield* Effect.option(Stream.runCollect(handle.readBytes(path, { offset: 0, length: sizeBytes })));
  return Option.map(pieces, (read) => {
    const bytes = new Uint8Array(read.reduce((length, piece) => length + piece.length, 0));
    let at = 0;
    for (const piece of read) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return `data:${mediaTypeOf(path)};base64,${bytes.toBase64()}`;
  });
});
