/**
 * What a command prints while it runs, for people who watch.
 *
 * It is a loan from the result, which has all of it: bounded, thinned out when there is too much, and never part
 * of the session or of a run's output bound.
 */
import { Duration, Effect, Fiber, Latch, Queue, Stream } from "effect";
import type { AgentEvent, ToolOutput } from "../domain/AgentEvent.ts";
import { headOf, tailOf } from "../domain/cutText.ts";

/** Time between two looks at what was printed: faster than people read, and what ends sooner tells nothing live. */
const betweenLooks = Duration.millis(100);
/** Looks after which a call that prints nothing is said to be running: a second. */
const silentLooksMax = 10;
/** Characters that are told at once: what was printed first and what was printed last, half of each. */
const toldAtOnceMax = 4_096;
/** Characters of one call that are told; a flood then ends, and the result has the rest. */
const toldMax = 64 * 1024;
/** Events that wait for a slow listener; the next look waits with them, and the command does not. */
const waitingMax = 16;

type StreamName = ToolOutput["stream"];

interface Piece {
  readonly stream: StreamName;
  text: string;
}

/** The output of one call between two looks: its head and its tail, and how much was left out between them. */
export class LiveOutput {
  #head: Array<Piece> = [];
  #headSize = 0;
  #tail: Array<Piece> = [];
  #tailSize = 0;
  #omitted = 0;
  #left = toldMax;
  readonly arrived = Latch.makeUnsafe(false);

  constructor(readonly callId: string) {}

  /** Takes what a command prints; it never blocks and keeps a bounded part. */
  readonly take = (stream: StreamName, text: string): void => {
    if (text === "") return;
    this.arrived.openUnsafe();
    const half = this.#half;
    const head = this.#omitted > 0 || this.#tail.length > 0 ? "" : headOf(text, half - this.#headSize);
    if (head !== "") {
      this.#headSize += head.length;
      append(this.#head, stream, head);
    }
    const rest = text.slice(head.length);
    if (rest === "") return;
    const kept = tailOf(rest, half);
    this.#omitted += rest.length - kept.length;
    if (kept !== "") append(this.#tail, stream, kept);
    this.#tailSize += kept.length;
    // Twice as much as is told is kept, so that a program that prints byte by byte costs no copy a byte.
    if (this.#tailSize > 2 * half) this.#trim(half);
  };

  /** What is to be told now; nothing when nothing was printed since the last look. */
  look(): ReadonlyArray<ToolOutput> {
    this.arrived.closeUnsafe();
    this.#trim(this.#half);
    const gap = this.#omitted;
    const event = ({ stream, text }: Piece): ToolOutput => ({ _tag: "ToolOutput", callId: this.callId, stream, text });
    const [first, ...others] = this.#tail.map(event);
    const told = [
      ...this.#head.map(event),
      ...(first === undefined ? [] : [gap > 0 ? { ...first, omitted: gap } : first, ...others]),
    ];
    this.#left -= this.#headSize + this.#tailSize;
    // A gap that nothing was told after is told with what comes next.
    this.#omitted = first === undefined ? gap : 0;
    this.#head = [];
    this.#tail = [];
    this.#headSize = this.#tailSize = 0;
    return told;
  }

  /** Characters of head and of tail that may be told next. */
  get #half(): number {
    return Math.floor(Math.min(toldAtOnceMax, this.#left) / 2);
  }

  /** Drops the oldest of the tail beyond its bound. */
  #trim(sizeMax: number): void {
    while (this.#tailSize > sizeMax) {
      const [oldest] = this.#tail;
      if (oldest === undefined) return;
      const kept = tailOf(oldest.text, Math.max(0, oldest.text.length - (this.#tailSize - sizeMax)));
      const dropped = oldest.text.length - kept.length;
      this.#omitted += dropped;
      this.#tailSize -= dropped;
      if (kept === "") this.#tail.shift();
      else oldest.text = kept;
    }
  }
}

/** Adds a text to the last piece of the same stream, or as a piece of its own. */
const append = (pieces: Array<Piece>, stream: StreamName, text: string): void => {
  const last = pieces.at(-1);
  if (last?.stream === stream) last.text += text;
  else pieces.push({ stream, text });
};

/**
 * The events of a call: its live output while it runs, then the event that it ends with.
 *
 * *Details*: closing the stream interrupts the call and waits until it is gone. What is printed within the last
 * tenth of a second is not told live, because the result follows at once.
 */
export const withLiveOutput = <E>(
  callId: string,
  call: (onOutput: LiveOutput["take"]) => Effect.Effect<AgentEvent, E>,
): Stream.Stream<AgentEvent, E> =>
  Stream.callback<AgentEvent, E>(
    Effect.fnUntraced(function* (queue) {
      const output = new LiveOutput(callId);
      const running: ToolOutput = { _tag: "ToolOutput", callId, stream: "stdout", text: "" };
      const tell = (events: ReadonlyArray<ToolOutput>) => Queue.offerAll(queue, events);
      const telling = Effect.gen(function* () {
        // The first second is watched by the clock alone: most calls end in it and a race of two waits would cost more.
        for (let look = 1;; look++) {
          yield* Effect.sleep(betweenLooks);
          const first = output.look();
          if (first.length === 0 && look < silentLooksMax) continue;
          yield* tell(first.length === 0 ? [running] : first);
          break;
        }
        for (;;) {
          yield* output.arrived.await;
          yield* Effect.sleep(betweenLooks);
          yield* tell(output.look());
        }
      });
      const teller = yield* Effect.forkScoped(telling);
      yield* Effect.matchCauseEffect(call(output.take), {
        onFailure: (cause) => Queue.failCause(queue, cause),
        onSuccess: (event) =>
          // Nothing is told of a call that has ended.
          Fiber.interrupt(teller).pipe(Effect.andThen(Queue.offer(queue, event)), Effect.andThen(Queue.end(queue))),
      });
    }),
    { bufferSize: waitingMax },
  );
