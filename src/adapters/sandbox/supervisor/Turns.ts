/**
 * Turns at things that do one piece of work at a time, each known by a name.
 *
 * Plain objects and callbacks, because every cell passes here and nearly always finds its kernel idle.
 */

interface Queue {
  readonly waiting: Array<() => void>;
  working: (() => void) | undefined;
  isHandedOn: boolean;
}

/** Who works under each name, and who waits; a name that nobody uses is not kept. */
export class Turns {
  private readonly queues = new Map<string, Queue>();

  /** Calls `begin` when it is its turn, at once where nobody works; whoever enters must `leave` once. */
  enter(name: string, begin: () => void): void {
    const queue = this.queues.get(name);
    if (queue !== undefined) return void queue.waiting.push(begin);
    this.queues.set(name, { waiting: [], working: begin, isHandedOn: false });
    begin();
  }

  /** Ends the turn that began with `begin`, or the wait for it. */
  leave(name: string, begin: () => void): void {
    const queue = this.queues.get(name);
    if (queue === undefined) return;
    if (queue.working !== begin) {
      const place = queue.waiting.indexOf(begin);
      if (place >= 0) queue.waiting.splice(place, 1);
      return;
    }
    queue.working = undefined;
    // One that ends while it begins, as all do on a dead link, is followed from here and not from within.
    if (!queue.isHandedOn) this.handOn(name, queue);
  }

  private handOn(name: string, queue: Queue): void {
    queue.isHandedOn = true;
    while (queue.working === undefined) {
      const next = queue.waiting.shift();
      if (next === undefined) return void this.queues.delete(name);
      queue.working = next;
      next();
    }
    queue.isHandedOn = false;
  }
}
