/**
 * The pipes of a Deno child process as a channel to the supervisor in it.
 */
import type { ByteChannel } from "../supervisor/ByteChannel.ts";

const reason = (error: unknown): string => error instanceof Error ? error.message : String(error);

/** A channel over the two ends of a child process, whose output must not have been read before. */
export const fromChild = (
  output: ReadableStream<Uint8Array>,
  input: WritableStream<Uint8Array>,
): ByteChannel => {
  const reader = output.getReader();
  const writer = input.getWriter();
  let drained: () => void = () => {};
  let end: (why: string) => void = () => {};
  let ended = false;
  return {
    write: (bytes) => {
      if (ended) return true;
      writer.write(bytes).catch((error) => end(reason(error)));
      if ((writer.desiredSize ?? 0) > 0) return true;
      writer.ready.then(() => drained(), (error) => end(reason(error)));
      return false;
    },
    listen: (listener) => {
      drained = listener.onDrain;
      end = (why) => {
        if (ended) return;
        ended = true;
        listener.onEnd(why);
      };
      const read = async () => {
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) listener.onData(piece.value);
      };
      read().then(() => end("the stream ended"), (error) => end(reason(error)));
    },
    close: () => {
      // Both fail once the process is gone, which is what closing is for.
      writer.abort().catch(() => end("closed"));
      reader.cancel().catch(() => end("closed"));
    },
  };
};
