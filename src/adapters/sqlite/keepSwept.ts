/**
 * Removing what has expired from a file, in the background and a little at a time.
 */
import { Clock, type Duration, Effect, Schedule, type Scope } from "effect";
import type { Database, SqliteFile } from "./sqliteFile.ts";

/** What is swept, and how. */
export interface Sweep {
  /** Time between two sweeps; what has expired is invisible at once, sweeping only frees space. */
  readonly every: Duration.Input;
  /** Rows removed at once, few enough that the event loop is never held for long. */
  readonly batch: number;
  /** Removes at most so many of what has expired, and says how many. */
  readonly removeSome: (database: Database, nowMs: number, limit: number) => number;
}

/** Sweeps a file until the scope closes; a sweep that fails is only logged. */
export const keepSwept = (
  file: SqliteFile,
  { every, batch, removeSome }: Sweep,
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (nowMs) => file.use("sweep", (database) => removeSome(database, nowMs, batch)),
  ).pipe(
    Effect.tap(Effect.yieldNow),
    Effect.repeat({ while: (removed) => removed === batch }),
    // Requests report the same failure to those it concerns.
    Effect.catch((error) => Effect.logWarning(error.message, error.detail)),
    Effect.schedule(Schedule.spaced(every)),
    Effect.forkScoped,
    Effect.asVoid,
  );
