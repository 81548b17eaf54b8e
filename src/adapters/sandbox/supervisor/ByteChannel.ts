/**
 * A two-way pipe of bytes to a supervisor, whatever carries it.
 *
 * A container engine's attach stream, a child process and a socket all fit; framing and meaning
 * live above, in `frames.ts` and `SupervisorLink.ts`.
 */
import type { Duplex, Readable, Writable } from "node:stream";

/** What a channel tells its one listener. */
export interface ChannelListener {
  /** More bytes from the supervisor, in order; the listener must not keep the buffer writable by others. */
  readonly onData: (bytes: Uint8Array) => void;
  /** The transport can take more after a `write` that answered false. */
  readonly onDrain: () => void;
  /** No more bytes will come or go; called once, `why` is for the log. */
  readonly onEnd: (why: string) => void;
}

/** A duplex of raw supervisor bytes. Calls never throw; trouble arrives as `onEnd`. */
export interface ByteChannel {
  /** Sends bytes in order; false asks the caller to wait for `onDrain`. After the end it does nothing. */
  readonly write: (bytes: Uint8Array) => boolean;
  /** Starts delivery to the one listener; nothing is delivered, or lost, before. */
  readonly listen: (listener: ChannelListener) => void;
  /** Ends both directions at once. */
  readonly close: () => void;
}

const reason = (error: unknown): string => error instanceof Error ? error.message : String(error);

/** A channel over the two ends of a child process, whose output must not have been read before. */
export const fromStreams = (output: Readable, input: Writable): ByteChannel => {
  let ended: string | undefined;
  let listener: ChannelListener | undefined;
  const end = (why: string) => {
    if (ended !== undefined) return;
    ended = why;
    listener?.onEnd(why);
  };
  // From the first moment: a stream that fails while nobody listens would end the whole process.
  for (const stream of new Set([output, input])) {
    stream.on("error", (error: unknown) => end(reason(error)));
    stream.on("close", () => end("the stream closed"));
  }
  return {
    write: (bytes) => ended !== undefined || input.destroyed || input.writableEnded || input.write(bytes),
    listen: (given) => {
      listener = given;
      if (ended !== undefined) return given.onEnd(ended);
      input.on("drain", () => given.onDrain());
      output.on("end", () => end("the stream ended"));
      output.on("data", (bytes: Uint8Array) => given.onData(bytes));
    },
    close: () => {
      input.destroy();
      output.destroy();
    },
  };
};

/** A channel over one node duplex that carries raw supervisor bytes both ways. */
export const fromDuplex = (duplex: Duplex): ByteChannel => fromStreams(duplex, duplex);
