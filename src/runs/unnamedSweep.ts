/**
 * Erasing what conversations left that nobody named and nobody has gone on with.
 *
 * Such a conversation is an owner of its own, with a workspace of its own, and nobody will ever delete it.
 */
import { Clock, Duration, Effect, Layer, Schedule } from "effect";
import { Settings } from "../config.ts";
import type { Owner } from "../domain/Owner.ts";
import type { Sandbox, SandboxError } from "../services/Sandbox.ts";
import type { FilesUnavailable } from "../services/FileStore.ts";
import type { SnapshotsUnavailable } from "../services/SnapshotStore.ts";
import { Sessions, type SessionsUnavailable } from "../services/Sessions.ts";
import { erase } from "./erase.ts";

/** First look after a start, which has other things to do. */
const firstAfter = Duration.minutes(1);
const every = Duration.hours(1);
/** Conversations that are taken at once; what is taken and not erased in a crash stays until it is used again. */
const batch = 10;

const dayMs = 24 * 60 * 60 * 1000;

/** Erases one conversation; one that cannot be erased now is there for the next look. */
const eraseOne = Effect.fnUntraced(function* (
  owner: Owner,
  unusedSinceMs: number,
): Effect.fn.Return<boolean, SessionsUnavailable, Sessions | Sandbox> {
  const sessions = yield* Sessions;
  return yield* erase(owner).pipe(
    Effect.as(true),
    Effect.catch((error: SandboxError | SessionsUnavailable | SnapshotsUnavailable | FilesUnavailable) =>
      Effect.logWarning("a conversation that nobody goes on with was not erased", error).pipe(
        Effect.andThen(sessions.noteUnnamed(owner, unusedSinceMs)),
        Effect.as(false),
      )
    ),
  );
});

/** Erases the conversations that were unused for `CAISSON_UNNAMED_DAYS`, and says how many. */
const sweepUnnamed: Effect.Effect<number, SessionsUnavailable, Sessions | Sandbox | Settings> = Effect.gen(
  function* () {
    const { unnamedDays } = yield* Settings;
    const sessions = yield* Sessions;
    const unusedSinceMs = (yield* Clock.currentTimeMillis) - unnamedDays * dayMs;
    for (let erased = 0;;) {
      const owners = yield* sessions.takeUnnamed(unusedSinceMs, batch);
      const done = yield* Effect.forEach(owners, (owner) => eraseOne(owner, unusedSinceMs));
      erased += done.filter(Boolean).length;
      // What stays would be taken again and again.
      if (owners.length < batch || done.includes(false)) return erased;
    }
  },
);

/** Sweeps every hour while the layer lives. */
export const layer: Layer.Layer<never, never, Sessions | Sandbox | Settings> = Layer.effectDiscard(
  sweepUnnamed.pipe(
    Effect.tap((erased) =>
      erased === 0
        ? Effect.void
        : Effect.logInfo("erased conversations that nobody goes on with", { conversations: erased })
    ),
    Effect.catch((error) => Effect.logWarning(error.message, error.detail)),
    Effect.schedule(Schedule.spaced(every)),
    Effect.delay(firstAfter),
    Effect.forkScoped,
  ),
);
