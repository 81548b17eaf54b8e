/**
 * Files as streams of bytes, as fast as the consumer takes them and no faster.
 *
 * The supervisor may be a window ahead of the credit it was given; credit is given for what the
 * consumer took, so both sides hold at most a window of any file.
 */
import { Cause, Effect, type Pull, type Scope, Stream } from "effect";
import type { FileError, SandboxError } from "../../../services/Sandbox.ts";
import { toFileError } from "./fileErrors.ts";
import { answerSlackBytes, deepPathBytesMax, encodePath, type FilesContext, wholeNumber } from "./files.ts";
import { Ask, decodeError, encodeCredit, encodeReadBytes, Tell, windowBytes } from "./frames.ts";
import { type LinkSession, lost } from "./LinkSession.ts";

type Pieces = readonly [Uint8Array, ...ReadonlyArray<Uint8Array>];

/** Longest range: all there is. */
const everything = Number.MAX_SAFE_INTEGER;

/** A file on its way. */
class Arrival {
  allowance = windowBytes + answerSlackBytes;
  id = 0;
  /** How it ended: undefined while more may come, null at its regular end. */
  end: SandboxError | FileError | null | undefined;
  /** Set while the consumer waits. */
  wake: (() => void) | undefined;
  /** Whether anything arrived since somebody last looked. */
  hasMoved = false;
  private queue: Array<Uint8Array> = [];
  private taken = 0;

  constructor(private readonly session: LinkSession, private readonly path: string) {}

  onFrame(kind: number, payload: Uint8Array): boolean {
    if (kind === Tell.data) {
      if (payload.length === 0) return false;
      this.queue.push(payload);
      this.stir();
      return true;
    }
    if (kind === Tell.ok) return this.finish(null);
    const error = kind === Tell.error ? decodeError(payload) : undefined;
    return error !== undefined && this.finish(toFileError(this.path, error));
  }

  onLost(error: SandboxError): void {
    this.finish(error);
  }

  /** Whether there is something to take, or nothing more will come. */
  get isDue(): boolean {
    return this.queue.length > 0 || this.end !== undefined;
  }

  /** Takes all that is there; undefined when the consumer has to wait. */
  take(): Pieces | undefined {
    const [first, ...rest] = this.queue;
    if (first === undefined) return undefined;
    this.queue = [];
    this.taken += rest.reduce((sum, piece) => sum + piece.length, first.length);
    return [first, ...rest];
  }

  /** Lets the supervisor send as much again as the consumer took before. */
  giveCredit(): void {
    // In halves of the window: a frame of credit for every piece would double the frames.
    if (this.taken < windowBytes / 2 || this.end !== undefined) return;
    this.allowance += this.taken;
    this.session.send(Ask.credit, this.id, encodeCredit(this.taken));
    this.taken = 0;
  }

  private finish(end: SandboxError | FileError | null): true {
    this.end = end;
    this.session.release(this.id);
    this.stir();
    return true;
  }

  private stir(): void {
    this.hasMoved = true;
    const { wake } = this;
    this.wake = undefined;
    if (wake === undefined) return;
    // A dead link delivers nothing after which the consumer could be woken.
    if (this.session.failure === undefined) this.session.afterData(wake);
    else wake();
  }
}

const begin = (session: LinkSession, path: string, kind: Ask, ask: ReadonlyArray<Uint8Array>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const arrival = new Arrival(session, path);
      arrival.id = session.register(arrival);
      session.send(kind, arrival.id, ...ask);
      return arrival;
    }),
    ({ id }) =>
      Effect.sync(() => {
        if (session.release(id)) session.send(Ask.cancel, id);
      }),
  );

/** Fails the link when the consumer waited for a whole period and nothing came. */
const watch = (session: LinkSession, arrival: Arrival, periodMs: number): Effect.Effect<never> =>
  Effect.forever(Effect.andThen(
    Effect.sleep(periodMs),
    Effect.sync(() => {
      if (arrival.wake !== undefined && !arrival.hasMoved) session.fail(lost("a file that is read stopped coming"));
      arrival.hasMoved = false;
    }),
  ));

const pullFrom = (arrival: Arrival): Pull.Pull<Pieces, SandboxError | FileError> =>
  Effect.suspend(() => {
    arrival.giveCredit();
    const pieces = arrival.take();
    if (pieces !== undefined) return Effect.succeed(pieces);
    if (arrival.end === null) return Cause.done();
    if (arrival.end !== undefined) return Effect.fail(arrival.end);
    const more = Effect.callback<void>((resume) => {
      // Looked at again: a fiber may yield between its look and its wait.
      if (arrival.isDue) return resume(Effect.void);
      arrival.wake = () => resume(Effect.void);
      return Effect.sync(() => void (arrival.wake = undefined));
    });
    return Effect.andThen(more, Effect.suspend(() => pullFrom(arrival)));
  });

type Pieced<E> = Stream.Stream<Uint8Array, E>;

/** Streams what a request answers with, as fast as the consumer takes it. */
export const streamOf = Effect.fnUntraced(function* (
  { session, answerTimeoutMs }: FilesContext,
  path: string,
  kind: Ask,
  ask: ReadonlyArray<Uint8Array>,
): Effect.fn.Return<Pieced<SandboxError | FileError>, SandboxError, Scope.Scope> {
  if (session.failure !== undefined) return yield* Effect.fail(session.failure);
  const arrival = yield* begin(session, path, kind, ask);
  yield* Effect.forkScoped(watch(session, arrival, answerTimeoutMs));
  return Stream.fromPull(Effect.succeed(pullFrom(arrival)));
});

/** Streams a file; see the port's `readBytes`. */
export const readBytes = (context: FilesContext) =>
(
  path: string,
  range?: { readonly offset: number; readonly length?: number },
): Pieced<SandboxError | FileError> =>
  Stream.unwrap(Effect.gen(function* () {
    const name = yield* encodePath(path, deepPathBytesMax);
    const offset = wholeNumber(range?.offset ?? 0, everything);
    const length = wholeNumber(range?.length ?? everything, everything);
    return yield* streamOf(context, path, Ask.readBytes, encodeReadBytes(name, offset, length));
  }));
