/**
 * Interrupts Python at a deadline, from a thread of its own, because the interpreter blocks this one.
 */

/** The signal a program sees as KeyboardInterrupt. */
const interruptSignal = 2;
/** A program that swallows its interrupt gets another after this time, until the server kills the process. */
const repeatMs = 100;

export interface Deadline {
  /** What the interpreter polls for a signal. */
  readonly interrupt: Uint8Array;
  /** Interrupts from a time of `performance.now()` on, never before it, until disarmed. */
  readonly arm: (at: number) => void;
  readonly disarm: () => void;
  /** Interrupts at once. */
  readonly now: () => void;
}

const threadSource = `
let interrupt, round;
onmessage = ({ data }) => {
  if (data.interrupt) { interrupt = new Uint8Array(data.interrupt); round = new Int32Array(data.round); return; }
  const fire = () => {
    if (Atomics.load(round, 0) !== data.number) return;
    interrupt[0] = ${interruptSignal};
    setTimeout(fire, ${repeatMs});
  };
  setTimeout(fire, data.inMs);
};`;

/** Starts the thread; it ends with the process. */
export const makeDeadline = (): Deadline => {
  const interrupt = new Uint8Array(new SharedArrayBuffer(1));
  const round = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(`data:application/javascript,${encodeURIComponent(threadSource)}`, { type: "module" });
  thread.postMessage({ interrupt: interrupt.buffer, round: round.buffer });
  return {
    interrupt,
    arm: (at) => {
      interrupt[0] = 0;
      // A timer drops the part of a millisecond: what ended by it a moment early would not count as out of time.
      const inMs = Math.max(0, Math.ceil(at - performance.now()));
      thread.postMessage({ inMs, number: Atomics.add(round, 0, 1) + 1 });
    },
    // A round that is over no longer matches what the thread waits for.
    disarm: () => {
      Atomics.add(round, 0, 1);
      interrupt[0] = 0;
    },
    now: () => {
      interrupt[0] = interruptSignal;
    },
  };
};
