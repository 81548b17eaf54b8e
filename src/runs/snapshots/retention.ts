/**
 * How long snapshots are kept, and letting go of them.
 */
import { Effect } from "effect";
import type { OwnerKey } from "../../domain/Owner.ts";
import type { SnapshotRecord, SnapshotState } from "../../domain/Snapshot.ts";
import type { SessionKey } from "../../domain/Session.ts";
import { SnapshotStore, type SnapshotStoreService, type SnapshotsUnavailable } from "../../services/SnapshotStore.ts";

/** Turns of a session that can be taken back: further back nobody goes file by file. */
const recordsMax = 20;
/** A week. */
const ageMsMax = 7 * 24 * 60 * 60 * 1000;
/** Bytes of an owner's snapshots: four workspaces of the usual bound. */
const ownerBytesMax = 2 * 1024 * 1024 * 1024;

/** The records that are young enough, the newest of each session. */
const current = (records: ReadonlyArray<SnapshotRecord>, nowMs: number): ReadonlyArray<SnapshotRecord> => {
  const counts = new Map<string, number>();
  return records.toReversed().filter(({ session, finishedAtMs }) => {
    const count = (counts.get(session) ?? 0) + 1;
    counts.set(session, count);
    return count <= recordsMax && finishedAtMs >= nowMs - ageMsMax;
  }).reverse();
};

/** Saves a state without the records that have had their time. *Fails with* `SnapshotsUnavailable`. */
export const saveCurrent = (
  store: SnapshotStoreService,
  owner: OwnerKey,
  state: SnapshotState,
  nowMs: number,
): Effect.Effect<void, SnapshotsUnavailable> => store.save(owner, { ...state, records: current(state.records, nowMs) });

/**
 * Lets go of what no record leads to any more.
 *
 * *Details*: where an owner has more than the bound the oldest records go first. *Fails with* `SnapshotsUnavailable`.
 */
export const letGo = Effect.fnUntraced(function* (
  store: SnapshotStoreService,
  owner: OwnerKey,
  bytesMax = ownerBytesMax,
): Effect.fn.Return<void, SnapshotsUnavailable> {
  for (let left = yield* store.sweep(owner); left > bytesMax; left = yield* store.sweep(owner)) {
    const state = yield* store.load(owner);
    if (state.records.length === 0) return;
    yield* store.save(owner, { ...state, records: state.records.slice(Math.ceil(state.records.length / 4)) });
  }
});

/** Lets go of all that is kept of a session; there may be nothing. *Fails with* `SnapshotsUnavailable`. */
export const forgetSession = Effect.fnUntraced(function* ({ owner, id }: SessionKey) {
  const store = yield* SnapshotStore;
  const state = yield* store.load(owner);
  const records = state.records.filter(({ session }) => session !== id);
  if (records.length === state.records.length) return;
  // The latest manifest leads to what the session made; without it the next snapshot reads everything anew.
  yield* store.save(owner, { latest: null, records });
  yield* store.sweep(owner);
});

/** Lets go of what is too old, for everybody. *Fails with* `SnapshotsUnavailable`. */
export const expireAll = Effect.fnUntraced(function* (store: SnapshotStoreService, nowMs: number) {
  for (const owner of yield* store.owners) {
    const state = yield* store.load(owner);
    const records = current(state.records, nowMs);
    if (records.length === 0) yield* store.erase(owner);
    else if (records.length < state.records.length) {
      yield* saveCurrent(store, owner, { ...state, records }, nowMs);
      yield* letGo(store, owner);
    }
  }
});
