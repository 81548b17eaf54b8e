/**
 * Runs that have ended, in the memory of this process: nothing survives a restart.
 */
import { Clock, Effect, Layer, Option } from "effect";
import { Settings } from "../../config.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import type { RunHistory } from "../../domain/RunHistory.ts";
import { RunStore, type RunStoreService } from "../../services/RunStore.ts";
import { dayMs } from "./days.ts";

/** Runs kept in all, a few KiB each; the oldest go first. */
const runsMax = 5_000;

interface Entry {
  readonly owner: OwnerKey;
  readonly run: RunHistory;
  readonly expiresMs: number;
}

const make = Effect.gen(function* () {
  const { runRetentionDays } = yield* Settings;
  const entries = new Map<string, Entry>();

  /** The runs of an owner that are still kept, in the order they were started. */
  const ofOwner = (owner: OwnerKey, nowMs: number): ReadonlyArray<RunHistory> => {
    const found: Array<RunHistory> = [];
    for (const [name, entry] of entries) {
      if (entry.expiresMs <= nowMs) entries.delete(name);
      else if (entry.owner === owner) found.push(entry.run);
    }
    return found.sort((left, right) => left.startedAtMs - right.startedAtMs);
  };
  const at = <A>(work: (nowMs: number) => A) => Effect.map(Clock.currentTimeMillis, work);
  const forgetIf = (isGone: (entry: Entry) => boolean) =>
    Effect.sync(() => {
      for (const [name, entry] of entries) if (isGone(entry)) entries.delete(name);
    });

  const store: RunStoreService = {
    put: (owner, run) =>
      at((nowMs) => {
        entries.set(`${owner} ${run.id}`, { owner, run, expiresMs: nowMs + runRetentionDays * dayMs });
        for (const oldest of entries.keys()) {
          if (entries.size <= runsMax) break;
          entries.delete(oldest);
        }
      }),
    find: (owner, id) =>
      at((nowMs) => {
        const entry = entries.get(`${owner} ${id}`);
        if (entry !== undefined && entry.expiresMs > nowMs) return Option.some(entry.run);
        return Option.fromUndefinedOr(ofOwner(owner, nowMs).findLast(({ requestId }) => requestId === id));
      }),
    list: (owner, { session, status, limit }) =>
      at((nowMs) =>
        ofOwner(owner, nowMs).filter((run) =>
          (session === undefined || run.session === session) && (status === undefined || run.status === status)
        ).slice(-limit)
      ),
    forget: (owner, session) => forgetIf((entry) => entry.owner === owner && entry.run.session === session),
    erase: (owner) => forgetIf((entry) => entry.owner === owner),
  };
  return store;
});

/** Runs in memory, bounded in number. */
export const layer: Layer.Layer<never, never, Settings> = Layer.effect(RunStore, make);
