/**
 * The deadlines of everything that a link waits for, with one sleeper for all of them.
 *
 * A sleeper of each would cost every command two fibers and a timer that is nearly always cleared unused.
 */

/** What tells the time to deadlines. */
export interface Alarm {
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
  /** Calls back after a time, once; returns how to call it off. */
  readonly after: (ms: number, wake: () => void) => () => void;
}

/** Something that is waited for. */
export interface Deadline {
  readonly atMs: number;
  /** Ends the sentence that tells what was overdue. */
  readonly what: string;
}

/**
 * The deadlines of one link.
 *
 * *Details*: the sleeper is set for the earliest of those it knew; when that was met long ago it looks for the next, so
 * that meeting a deadline costs no timer. With nothing left to wait for there is no sleeper.
 */
export class Deadlines {
  private readonly pending = new Set<Deadline>();
  private sleeper: { readonly atMs: number; readonly callOff: () => void } | undefined;

  constructor(private readonly alarm: Alarm, private readonly onOverdue: (what: string) => void) {}

  /** Begins to wait; whoever does must `meet` what it returns. */
  begin(afterMs: number, what: string): Deadline {
    const deadline = { atMs: this.alarm.nowMs() + afterMs, what };
    this.pending.add(deadline);
    if (this.sleeper === undefined || deadline.atMs < this.sleeper.atMs) this.sleepUntil(deadline.atMs, afterMs);
    return deadline;
  }

  meet(deadline: Deadline): void {
    this.pending.delete(deadline);
  }

  /** Forgets all of them. */
  clear(): void {
    this.pending.clear();
    this.sleeper?.callOff();
    this.sleeper = undefined;
  }

  private sleepUntil(atMs: number, ms: number): void {
    this.sleeper?.callOff();
    this.sleeper = { atMs, callOff: this.alarm.after(ms, () => this.wake()) };
  }

  private wake(): void {
    this.sleeper = undefined;
    const now = this.alarm.nowMs();
    let next: Deadline | undefined;
    for (const deadline of this.pending) {
      if (deadline.atMs <= now) return this.onOverdue(deadline.what);
      if (next === undefined || deadline.atMs < next.atMs) next = deadline;
    }
    if (next !== undefined) this.sleepUntil(next.atMs, next.atMs - now);
  }
}
