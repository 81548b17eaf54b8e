/**
 * The network as the judge sees it: names to addresses, and connections to addresses.
 */
import { lookup } from "node:dns/promises";
import { Data, Duration, Effect, type Scope } from "effect";

/** The network did not do what was asked, in words fit for the model. */
export class OutsideError extends Data.TaggedError("OutsideError")<{ readonly why: string }> {}

/** What can be read from and written to. */
export interface OutsideEnd {
  /** The next bytes, undefined at their end. The array is the reader's own. */
  readonly read: Effect.Effect<Uint8Array | undefined, OutsideError>;
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, OutsideError>;
  readonly end: Effect.Effect<void>;
}

/** An open connection to an address. */
export interface OutsideConnection extends OutsideEnd {
  /** The other end is this very machine, at whatever address. */
  readonly isOurselves: boolean;
  /**
   * Begins TLS on it, with a server that proves to have a name; the connection itself is not used any more.
   *
   * *Details*: `certificates` in PEM are trusted beside those of the runtime.
   */
  readonly secured: (name: string, certificates: string) => Effect.Effect<OutsideEnd, OutsideError, Scope.Scope>;
}

/** What the judge needs of the network. */
export interface Outside {
  readonly resolve: (name: string) => Effect.Effect<ReadonlyArray<string>, OutsideError>;
  readonly connect: (address: string, port: number) => Effect.Effect<OutsideConnection, OutsideError, Scope.Scope>;
}

/** A resolver asks its servers again for some seconds; a host that is up answers within one. */
const answerMax = Duration.seconds(10);
/** Bytes of one read: what a frame of the link carries. */
const readBytes = 64 * 1024;

/** Fails when something takes longer than what is there needs. */
const answered = (why: string) =>
  Effect.timeoutOrElse({ duration: answerMax, orElse: () => Effect.fail(new OutsideError({ why })) });

const failed = (why: string) => () => new OutsideError({ why });

const endOf = (connection: Deno.TcpConn | Deno.TlsConn): OutsideEnd => {
  const broken = failed("the connection broke");
  const buffer = new Uint8Array(readBytes);
  return {
    read: Effect.map(
      Effect.tryPromise({ try: () => connection.read(buffer), catch: broken }),
      // Written on before the next read, and frames copy or keep what they are given.
      (count) => count === null ? undefined : buffer.slice(0, count),
    ),
    write: (bytes) =>
      Effect.tryPromise({
        try: async () => {
          for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
        },
        catch: broken,
      }),
    // A peer that is gone already needs not be told.
    end: Effect.ignore(Effect.tryPromise(() => connection.closeWrite())),
  };
};

const connectionOf = (connection: Deno.TcpConn): OutsideConnection => ({
  ...endOf(connection),
  isOurselves: connection.localAddr.hostname === connection.remoteAddr.hostname,
  secured: (name, certificates) =>
    Effect.acquireRelease(
      Effect.tryPromise({
        try: async () => {
          const caCerts = certificates === "" ? [] : [certificates];
          const secure = await Deno.startTls(connection, { hostname: name, caCerts, alpnProtocols: ["http/1.1"] });
          await secure.handshake();
          return secure;
        },
        catch: failed("its certificate is not to be trusted, or it speaks no TLS"),
      }),
      close,
      { interruptible: true },
    ).pipe(
      answered("no answer in time"),
      Effect.map(endOf),
    ),
});

const close = (connection: Deno.TcpConn | Deno.TlsConn) =>
  Effect.sync(() => {
    try {
      connection.close();
    } catch {
      // It closed by itself.
    }
  });

/** The network of this machine. */
export const machine: Outside = {
  resolve: (name) =>
    Effect.tryPromise({
      try: async () => (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address),
      catch: failed("it has no address"),
    }).pipe(answered("no name server answered")),
  connect: (address, port) =>
    Effect.acquireRelease(
      Effect.tryPromise({
        try: (signal) => Deno.connect({ hostname: address, port, signal }),
        catch: failed("no connection"),
      }),
      close,
      { interruptible: true },
    ).pipe(
      answered("no answer in time"),
      Effect.tap((connection) => Effect.sync(() => connection.setNoDelay(true))),
      Effect.map(connectionOf),
    ),
};
