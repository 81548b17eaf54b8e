/**
 * How many streams the visitors of one owner's previews have at once; who comes later waits in turn.
 */
import { Effect, type Scope } from "effect";
import type { OwnerKey } from "../../domain/Owner.ts";

/** At once for one owner: fewer than a sandbox has, so that nobody is refused by it. */
export const streamsPerOwnerMax = 30;
/** Visits that wait for one of them: a page asks for some hundred files at most. */
const waitingMax = 256;

interface Line {
  open: number;
  readonly waiting: Set<() => void>;
}

/** Streams by owner. */
export class OwnerStreams {
  private readonly lines = new Map<OwnerKey, Line>();

  /** Streams that are open, of all owners. */
  get open(): number {
    return [...this.lines.values()].reduce((sum, { open }) => sum + open, 0);
  }

  /** Waits for a place and holds it for the scope; false at once when too many wait. */
  take(key: OwnerKey): Effect.Effect<boolean, never, Scope.Scope> {
    return Effect.acquireRelease(
      // In one step, for a fiber may yield between two: a place that was freed in between would be nobody's.
      Effect.callback<boolean>((resume) => {
        const line = this.lines.get(key) ?? { open: 0, waiting: new Set() };
        this.lines.set(key, line);
        if (line.open < streamsPerOwnerMax) {
          line.open += 1;
          return resume(Effect.succeed(true));
        }
        if (line.waiting.size >= waitingMax) return resume(Effect.succeed(false));
        // The place is handed over and never free in between.
        const wake = () => resume(Effect.succeed(true));
        line.waiting.add(wake);
        return Effect.sync(() => void line.waiting.delete(wake));
      }),
      (taken) => taken ? Effect.sync(() => this.leave(key)) : Effect.void,
      { interruptible: true },
    );
  }

  private leave(key: OwnerKey): void {
    const line = this.lines.get(key);
    if (line === undefined) return;
    const [next] = line.waiting;
    if (next !== undefined) {
      line.waiting.delete(next);
      next();
      return;
    }
    line.open -= 1;
    if (line.open === 0) this.lines.delete(key);
  }
}
