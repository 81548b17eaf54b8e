/**
 * The state of a link: requests under way, what each may still be told, and the end of it all.
 *
 * Plain objects and callbacks, because every frame of every command passes here. Operations in
 * `SupervisorLink.ts` wrap it in effects.
 */
import { SandboxError, SandboxLost } from "../../../services/Sandbox.ts";
import type { ByteChannel } from "./ByteChannel.ts";
import { type Ask, encodeFrame, encodeHeader, FrameDecoder, isOfStreams, pieceBytes } from "./frames.ts";
import { type Alarm, Deadlines } from "./Deadlines.ts";
import { LinkStreams } from "./LinkStreams.ts";

/** A request that waits for frames. */
export interface PendingRequest {
  /** Takes a frame; false when it breaks the protocol. */
  readonly onFrame: (kind: number, payload: Uint8Array) => boolean;
  /** The link has died; no frame will come any more. */
  readonly onLost: (error: SandboxError) => void;
  /** Bytes that frames of this request may still bring, an empty frame counting as one. */
  allowance: number;
}

/** Bytes that nobody asked for which a supervisor may send before it counts as hostile. */
const strayBytesFirst = 64 * 1024;
/** The most that bytes of requests given up can add to it: a few of the largest outputs. */
const strayBytesMax = 256 * 1024 * 1024;

/** Payloads from here on are sent apart from their header instead of being copied behind it. */
const copyBytesMax = 8 * 1024;

/** Makes the error of a link that died. */
export const lost = (detail: string, cause?: unknown): SandboxError =>
  new SandboxError({ reason: new SandboxLost(), detail, ...(cause === undefined ? {} : { cause }) });

/** One connection and the requests on it. */
export class LinkSession {
  /** Why the link is dead; undefined while it lives. */
  failure: SandboxError | undefined;
  /** The streams on this link. */
  readonly streams = new LinkStreams(this);
  /** The last deadlines of what is waited for; one that passes ends the link. */
  readonly deadlines: Deadlines;
  private readonly pending = new Map<number, PendingRequest>();
  private readonly drainWaiters = new Set<() => void>();
  private readonly afterwards: Array<() => void> = [];
  private readonly decoder = new FrameDecoder();
  private lastId = 0;
  isFull = false;
  // Late frames of requests that were given up are legitimate up to what those requests allowed.
  private strayAllowance = strayBytesFirst;

  constructor(
    private readonly channel: ByteChannel,
    private readonly onHello: (payload: Uint8Array) => void,
    private readonly onClosed: (error: SandboxError) => void,
    private readonly helloKind: number,
    alarm: Alarm,
  ) {
    this.deadlines = new Deadlines(
      alarm,
      (what) => this.fail(lost(`the supervisor did not answer in time: ${what}`)),
    );
  }

  start(preamble: Uint8Array): void {
    this.channel.listen({
      onData: (bytes) => this.onData(bytes),
      onDrain: () => this.onDrain(),
      onEnd: (why) => this.fail(lost(`the supervisor is gone: ${why}`)),
    });
    this.channel.write(preamble);
  }

  /** Registers a request and returns its id; ids are never used twice on a link. */
  register(request: PendingRequest): number {
    // Ids wrap after four thousand million requests, when the early ones are long answered.
    do this.lastId = this.lastId === 0xffff_ffff ? 1 : this.lastId + 1; while (this.pending.has(this.lastId));
    this.pending.set(this.lastId, request);
    return this.lastId;
  }

  /** Forgets a request; false when it was not under way any more. */
  release(id: number): boolean {
    const request = this.pending.get(id);
    if (request === undefined) return false;
    this.allowStray(Math.max(0, request.allowance));
    return this.pending.delete(id);
  }

  /** Lets bytes come late that were on their way when nobody wanted them any more. */
  allowStray(bytes: number): void {
    this.strayAllowance = Math.min(this.strayAllowance + bytes, strayBytesMax);
  }

  isPending(id: number): boolean {
    return this.pending.has(id);
  }

  /** Sends a frame; false when the transport is full and the sender should wait for `whenDrained`. */
  send(kind: Ask, id: number, ...parts: ReadonlyArray<Uint8Array>): boolean {
    if (this.failure !== undefined) return true;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length <= copyBytesMax) {
      this.isFull = !this.channel.write(encodeFrame(kind, id, ...parts));
    } else {
      this.channel.write(encodeHeader(kind, id, length));
      for (const part of parts) this.isFull = !this.channel.write(part);
    }
    return !this.isFull;
  }

  /** Calls back once the transport takes more, or the link is dead; returns how to stop waiting. */
  whenDrained(callback: () => void): () => void {
    if (!this.isFull || this.failure !== undefined) {
      callback();
      return () => {};
    }
    this.drainWaiters.add(callback);
    return () => void this.drainWaiters.delete(callback);
  }

  /** Ends the link: the channel closes and every request fails with this error. */
  fail(error: SandboxError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.channel.close();
    this.deadlines.clear();
    const requests = [...this.pending.values()];
    this.pending.clear();
    this.onClosed(error);
    for (const request of requests) request.onLost(error);
    this.streams.onLost(error);
    this.onDrain();
  }

  private onDrain(): void {
    this.isFull = false;
    const waiters = [...this.drainWaiters];
    this.drainWaiters.clear();
    for (const waiter of waiters) waiter();
  }

  /** Calls back when all that arrived together has been taken apart, so that a reader wakes once for it. */
  afterData(callback: () => void): void {
    this.afterwards.push(callback);
  }

  private onData(bytes: Uint8Array): void {
    if (this.failure !== undefined) return;
    const understood = this.decoder.push(bytes, (kind, id, payload) => this.onFrame(kind, id, payload));
    if (!understood) this.fail(lost("the supervisor sent a frame that is too long"));
    for (const callback of this.afterwards.splice(0)) callback();
  }

  private onFrame(kind: number, id: number, payload: Uint8Array): void {
    if (this.failure !== undefined) return;
    const weight = Math.max(1, payload.length);
    if (isOfStreams(kind)) {
      const taken = this.streams.onFrame(kind, id, payload);
      if (taken === "broken") this.breach(kind);
      if (taken === "stray") this.stray(weight);
      return;
    }
    const request = this.pending.get(id);
    if (request !== undefined) {
      request.allowance -= weight;
      if (request.allowance < 0 || !request.onFrame(kind, payload)) {
        this.breach(kind);
      }
      return;
    }
    if (kind === this.helloKind && id === 0) this.onHello(payload);
    this.stray(weight);
  }

  private breach(kind: number): void {
    this.fail(lost(`the supervisor broke the protocol with a frame of kind ${kind}`));
  }

  private stray(weight: number): void {
    this.strayAllowance -= weight;
    if (this.strayAllowance < 0) this.fail(lost("the supervisor sent too much that nobody asked for"));
  }
}

/** Cuts content into pieces that fit a frame. */
export function* piecesOf(content: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < content.length; at += pieceBytes) yield content.subarray(at, at + pieceBytes);
}
