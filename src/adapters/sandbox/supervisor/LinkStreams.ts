/**
 * Streams of bytes between the server and programs in the sandbox, over its one link: dialled by the server, or
 * opened by a program where somebody attends to them.
 *
 * They have frames and ids of their own beside those of requests. Each direction has a window of credit:
 * a side that does not read makes the other wait and holds no more than that window.
 */
import { Buffer } from "node:buffer";
import { Duration, Effect, type Scope } from "effect";
import { type SandboxError, type SandboxStream, StreamError } from "../../../services/Sandbox.ts";
import { Ask, decodeCount, encodeCredit, encodeDial, pieceBytes, streamWindowBytes, Tell } from "./frames.ts";

/**
 * Bytes that each of several busy streams may have on their way: what a command asks comes behind all of it. Not less,
 * for the supervisor gives credit for a piece.
 */
const sharedWindowBytes = pieceBytes;
/** At once for one sandbox, of either origin: with a window each, at most 8 MiB that nobody has read. */
const streamsMax = 32;
/** Openings by programs that count at once; the supervisor lets 64 pass, and a held-up link brings more together. */
const openingsAtOnce = 512;
/** Openings by programs that count for each second after that; the supervisor lets 20 pass. */
const openingsPerSecond = 40;
/** A loopback port answers at once; a program whose backlog is full does not. */
const dialMax = Duration.seconds(10);
/** Frames that may cross with the end of a stream, beside its data: an end, a reset and some credit. */
const lateFrames = 16;
/** Largest id, odd ones being nobody's. */
const idMax = 0xffff_fffe;

/** What streams need of their link. */
export interface StreamsLink {
  readonly send: (kind: Ask, id: number, ...parts: ReadonlyArray<Uint8Array>) => boolean;
  readonly whenDrained: (callback: () => void) => () => void;
  /** The transport holds all it takes. */
  readonly isFull: boolean;
  readonly failure: SandboxError | undefined;
  /** Lets frames come late that were on their way when a stream ended. */
  readonly allowStray: (bytes: number) => void;
}

const reset = (why: string) => new StreamError({ reason: "Reset", why });
const byPeer = () => reset("the program closed the connection before its end");
const byUs = () => reset("the stream was given up");

/** Bytes that wait for their reader, packed: many small frames cost no more than few large ones. */
class Backlog {
  private chunks: Array<Uint8Array> = [];
  private open: Buffer | undefined;
  private filled = 0;

  add(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      this.open ??= Buffer.allocUnsafeSlow(pieceBytes);
      const part = piece.subarray(at, at + this.open.length - this.filled);
      this.open.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === this.open.length) this.seal();
    }
  }

  get isEmpty(): boolean {
    return this.chunks.length === 0 && this.filled === 0;
  }

  take(): Uint8Array | undefined {
    if (this.chunks.length === 0) this.seal();
    return this.chunks.shift();
  }

  private seal(): void {
    if (this.open !== undefined && this.filled > 0) this.chunks.push(this.open.subarray(0, this.filled));
    this.open = undefined;
    this.filled = 0;
  }
}

/** One stream: *dialling*, then *open*, each direction until its end; over when both have ended or one side gave up. */
class LinkStream {
  isConnected = false;
  /** Why neither direction goes on. */
  failure: StreamError | SandboxError | undefined;
  private readonly backlog = new Backlog();
  private peerEnded = false;
  private weEnded = false;
  /** Bytes that may still go to the program. */
  private credit = streamWindowBytes;
  /** Bytes that may still come from it. */
  private allowance = streamWindowBytes;
  private taken = 0;
  private readonly waiters = new Set<() => void>();

  constructor(
    readonly id: number,
    private readonly link: StreamsLink,
    private readonly senders: Set<number>,
    private readonly onOver: () => void,
  ) {}

  /** Bytes that may go to the program now. */
  private get sendable(): number {
    return this.senders.size > 1 ? this.credit - (streamWindowBytes - sharedWindowBytes) : this.credit;
  }

  /** Takes a frame; false when it breaks the protocol. */
  onFrame(kind: number, payload: Uint8Array): boolean {
    if (kind === Tell.netReset) {
      this.fail(
        this.isConnected ? byPeer() : new StreamError({ reason: "Refused", why: "nothing listens on that port" }),
      );
      return true;
    }
    const understood = kind === Tell.netOpen
      ? this.onOpen()
      : this.isConnected && (kind === Tell.netData
        ? this.onData(payload)
        : kind === Tell.netCredit
        ? this.onCredit(payload)
        : kind === Tell.netEnd && this.onEnd());
    this.stir();
    return understood;
  }

  /** Ends both directions for a reason; what nobody has read is lost. */
  fail(why: StreamError | SandboxError): void {
    if (this.failure !== undefined) return;
    this.failure = why;
    this.over();
    this.stir();
  }

  readonly giveUp = Effect.sync(() => {
    if (this.failure !== undefined) return;
    if (!(this.peerEnded && this.weEnded)) this.link.send(Ask.netReset, this.id);
    this.fail(byUs());
  });

  /** Waits until something has happened to the stream, unless what is waited for is there already. */
  readonly moved = (isThere: () => boolean) =>
    Effect.callback<void>((resume) => {
      // Looked at here once more: the fiber may have stood aside since it looked.
      if (isThere() || this.failure !== undefined) return resume(Effect.void);
      const wake = () => resume(Effect.void);
      this.waiters.add(wake);
      return Effect.sync(() => void this.waiters.delete(wake));
    });

  readonly read: SandboxStream["read"] = Effect.suspend(() => {
    const piece = this.failure === undefined ? this.backlog.take() : undefined;
    if (piece !== undefined) return Effect.as(Effect.sync(() => this.giveCredit(piece.length)), piece);
    if (this.failure !== undefined) return Effect.fail(this.failure);
    return this.peerEnded ? Effect.succeed(undefined) : Effect.flatMap(
      this.moved(() => this.peerEnded || !this.backlog.isEmpty),
      () => this.read,
    );
  });

  readonly write: SandboxStream["write"] = (bytes) =>
    Effect.gen({ self: this }, function* () {
      for (let at = 0; at < bytes.length;) {
        if (this.failure !== undefined) return yield* Effect.fail(this.failure);
        if (this.weEnded) return yield* Effect.fail(reset("the stream was ended before this write"));
        const piece = bytes.subarray(at, at + Math.max(0, Math.min(pieceBytes, this.sendable)));
        if (piece.length === 0) {
          yield* this.moved(() => this.sendable > 0);
          continue;
        }
        // One stream's piece at a time waits in front of the transport: what a command sends comes right behind it.
        if (this.link.isFull) {
          yield* this.drained;
          continue;
        }
        this.credit -= piece.length;
        this.senders.add(this.id);
        at += piece.length;
        this.link.send(Ask.netData, this.id, piece);
        // Who waited for the transport before is asked first.
        if (this.link.isFull && at < bytes.length) yield* Effect.yieldNow;
      }
    });

  readonly end = Effect.sync(() => {
    if (this.weEnded || this.failure !== undefined) return;
    this.weEnded = true;
    this.link.send(Ask.netEnd, this.id);
    if (this.peerEnded) this.over();
  });

  private readonly drained = Effect.callback<void>((resume) => {
    const stop = this.link.whenDrained(() => resume(Effect.void));
    return Effect.sync(stop);
  });

  private onOpen(): boolean {
    if (this.isConnected) return false;
    return this.isConnected = true;
  }

  private onData(payload: Uint8Array): boolean {
    this.allowance -= payload.length;
    if (this.peerEnded || this.allowance < 0 || payload.length === 0) return false;
    this.backlog.add(payload);
    return true;
  }

  private onCredit(payload: Uint8Array): boolean {
    const given = payload.length === 4 ? decodeCount(payload) ?? 0 : 0;
    this.credit += given;
    if (this.credit === streamWindowBytes) this.senders.delete(this.id);
    return given > 0 && this.credit <= streamWindowBytes;
  }

  private onEnd(): boolean {
    if (this.peerEnded) return false;
    this.peerEnded = true;
    if (this.weEnded) this.over();
    return true;
  }

  private giveCredit(bytes: number): void {
    this.taken += bytes;
    // In halves of the window: a frame of credit for every piece would double the frames.
    if (this.taken < streamWindowBytes / 2 || this.peerEnded) return;
    this.allowance += this.taken;
    this.link.send(Ask.netCredit, this.id, encodeCredit(this.taken));
    this.taken = 0;
  }

  private over(): void {
    this.senders.delete(this.id);
    this.link.allowStray(Math.max(0, this.allowance) + lateFrames);
    this.onOver();
  }

  private stir(): void {
    const waiting = [...this.waiters];
    this.waiters.clear();
    for (const wake of waiting) wake();
  }
}

/** Who takes the streams that programs open, and the clock by which their number is bounded. */
export interface Attendant {
  readonly onOpened: (stream: SandboxStream) => void;
  readonly nowMs: () => number;
}

/** How many openings may still come: a bucket that fills with time. */
class Openings {
  private left = openingsAtOnce;
  private atMs: number | undefined;

  take(nowMs: number): boolean {
    const passedMs = Math.max(0, nowMs - (this.atMs ?? nowMs));
    this.atMs = nowMs;
    this.left = Math.min(openingsAtOnce, this.left + passedMs * openingsPerSecond / 1000);
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}

const portOf = (stream: LinkStream): SandboxStream => ({
  read: stream.read,
  write: stream.write,
  end: stream.end,
  reset: stream.giveUp,
});

/** The streams of one link: even ids are dialled by the server, odd ones opened by programs. */
export class LinkStreams {
  private readonly streams = new Map<number, LinkStream>();
  /** Streams with bytes on their way to a program. */
  private readonly senders = new Set<number>();
  private lastId = 0;
  private dialled = 0;
  private opened = 0;
  private readonly openings = new Openings();
  private attendant: Attendant | undefined;

  constructor(private readonly link: StreamsLink) {}

  /**
   * Takes a frame of a stream.
   *
   * *Details*: answers `broken` when it breaks the protocol, `stray` when no stream has that id (any more).
   */
  onFrame(kind: number, id: number, payload: Uint8Array): "taken" | "stray" | "broken" {
    const stream = this.streams.get(id);
    if (stream !== undefined) return stream.onFrame(kind, payload) ? "taken" : "broken";
    if (kind !== Tell.netOpen || id % 2 === 0) return "stray";
    return this.onOpening(id, payload) ? "taken" : "broken";
  }

  /** Lets somebody take the streams that programs open; while nobody does, an opening breaks the protocol. */
  attend(attendant: Attendant | undefined): void {
    this.attendant = attendant;
  }

  /** The link has died; so have all streams. */
  onLost(error: SandboxError): void {
    for (const stream of [...this.streams.values()]) stream.fail(error);
  }

  /** `SandboxHandle.dial`. */
  readonly dial = (
    port: number,
  ): Effect.Effect<SandboxStream, StreamError | SandboxError, Scope.Scope> =>
    Effect.gen({ self: this }, function* () {
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        return yield* new StreamError({ reason: "Refused", why: `${port} is no port` });
      }
      const stream = yield* Effect.acquireRelease(
        Effect.suspend(() => this.begin(port)),
        ({ giveUp }) => giveUp,
      );
      const connected = Effect.gen(function* () {
        while (!stream.isConnected) {
          if (stream.failure !== undefined) return yield* Effect.fail(stream.failure);
          yield* stream.moved(() => stream.isConnected);
        }
      });
      yield* Effect.timeoutOrElse(connected, {
        duration: dialMax,
        orElse: () => Effect.fail(new StreamError({ reason: "Refused", why: "the port did not answer in time" })),
      });
      return portOf(stream);
    });

  private begin(port: number): Effect.Effect<LinkStream, StreamError | SandboxError> {
    if (this.link.failure !== undefined) return Effect.fail(this.link.failure);
    if (this.dialled >= streamsMax) {
      return Effect.fail(
        new StreamError({ reason: "TooMany", why: `the sandbox has ${streamsMax} streams already` }),
      );
    }
    do this.lastId = this.lastId >= idMax ? 2 : this.lastId + 2; while (this.streams.has(this.lastId));
    const id = this.lastId;
    this.dialled += 1;
    const stream = new LinkStream(id, this.link, this.senders, () => {
      if (this.streams.delete(id)) this.dialled -= 1;
    });
    this.streams.set(id, stream);
    this.link.send(Ask.netDial, id, encodeDial(port));
    return Effect.succeed(stream);
  }

  /** A program has opened a stream; false when nobody attends or the supervisor let too many pass. */
  private onOpening(id: number, payload: Uint8Array): boolean {
    const { attendant } = this;
    if (attendant === undefined || payload.length > 0 || this.opened >= streamsMax) return false;
    if (!this.openings.take(attendant.nowMs())) return false;
    this.opened += 1;
    const stream = new LinkStream(id, this.link, this.senders, () => {
      if (this.streams.delete(id)) this.opened -= 1;
    });
    stream.isConnected = true;
    this.streams.set(id, stream);
    attendant.onOpened(portOf(stream));
    return true;
  }
}
