/**
 * The connection of a visitor: bytes both ways over a socket.
 */
import { Data, Effect } from "effect";

/** The visitor went away, or its line broke. */
export class VisitorGone extends Data.TaggedError("VisitorGone") {}

/** A visitor's end of a connection. */
export interface Visitor {
  /** The next bytes, undefined at their end; one reader at a time. */
  readonly read: Effect.Effect<Uint8Array | undefined, VisitorGone>;
  /** Sends some of the bytes, as many as the line takes, and says how many. */
  readonly writeSome: (bytes: Uint8Array) => Effect.Effect<number, VisitorGone>;
  /** Tells the visitor that no more bytes will come. */
  readonly end: Effect.Effect<void>;
}

/** Bytes of one read: what a frame of the link to a sandbox carries. */
const readBytes = 64 * 1024;

const gone = () => new VisitorGone();

/** A visitor behind a socket; who opened the socket closes it. */
export const visitorOf = (socket: Deno.TcpConn): Visitor => {
  const buffer = new Uint8Array(readBytes);
  return {
    read: Effect.map(
      Effect.tryPromise({ try: () => socket.read(buffer), catch: gone }),
      // Written on before the next read, and frames copy or keep what they are given.
      (count) => count === null ? undefined : buffer.slice(0, count),
    ),
    writeSome: (bytes) => Effect.tryPromise({ try: () => socket.write(bytes), catch: gone }),
    // A visitor that is gone already needs not be told.
    end: Effect.ignore(Effect.tryPromise(() => socket.closeWrite())),
  };
};
