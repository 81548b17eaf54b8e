/**
 * Taking back what runs did, and telling what they changed.
 */
import { Clock, Effect } from "effect";
import { makeId, ownerKey } from "../../domain/ids.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";
import {
  changesBetween,
  overlaps,
  planUndo,
  type SnapshotRecord,
  type SnapshotState,
  type Undoable,
  whyNotKept,
} from "../../domain/Snapshot.ts";
import type { SnapshotStoreService } from "../../services/SnapshotStore.ts";
import { type Keeper, orNotKept, type Workspace } from "./Keeper.ts";
import { remember } from "./keepTurn.ts";
import { putBack } from "./putBack.ts";
import {
  type Restored,
  type RestoreError,
  type RestoreRequest,
  SnapshotNotKept,
  SnapshotsOff,
  WorkspaceBusy,
} from "./Snapshots.ts";

/** Conflicts that a record remembers. */
const conflictsMax = 200;

/** What a record changed. */
export const changesOf = Effect.fnUntraced(
  function* (store: SnapshotStoreService, owner: OwnerKey, record: SnapshotRecord) {
    if (record.kept === null) return yield* new SnapshotNotKept({ why: whyNotKept[record.notKept ?? "failed"] });
    const [before, after] = yield* Effect.all([
      store.manifest(owner, record.kept.before),
      store.manifest(owner, record.kept.after),
    ]);
    return changesBetween(before, after);
  },
);

/** A record's changes, and which of them another run may have made. */
const undoableOf = Effect.fnUntraced(function* (
  store: SnapshotStoreService,
  owner: OwnerKey,
  record: SnapshotRecord,
  all: ReadonlyArray<SnapshotRecord>,
) {
  const changes = yield* changesOf(store, owner, record);
  const contested = new Set<string>();
  for (const other of all.filter((one) => overlaps(one, record))) {
    // Of what another did and is not known nothing can be said: all may be theirs.
    const theirs = other.kept === null ? changes : yield* changesOf(store, owner, other);
    for (const { path } of theirs) contested.add(path);
  }
  return { changes, contested } satisfies Undoable;
});

/** Takes back what records did; the lock is held. */
export const restore = Effect.fnUntraced(function* (
  keeper: Keeper,
  owner: Owner,
  session: string,
  { working }: Workspace,
  { choose, isDryRun = false, turn }: RestoreRequest,
): Effect.fn.Return<Restored, RestoreError> {
  const key = ownerKey(owner);
  const { store } = keeper;
  const state: SnapshotState = yield* store.load(key);
  const chosen = yield* choose(state.records.filter((record) => record.session === session));
  if (chosen.length === 0) return { id: undefined, done: [], conflicts: [] };
  if ([...working].some((one) => one.turn !== turn && one.before !== undefined)) return yield* new WorkspaceBusy();
  return yield* Effect.scoped(Effect.gen(function* () {
    const keeping = yield* keeper.open(owner);
    if (keeping === undefined) return yield* new SnapshotsOff({ why: whyNotKept.unsupported });
    const startedAtMs = yield* Clock.currentTimeMillis;
    const before = yield* keeper.take(keeping);
    if ("notKept" in before) return yield* new SnapshotNotKept({ why: whyNotKept[before.notKept] });
    const undoables = yield* Effect.forEach(chosen, (record) => undoableOf(store, key, record, state.records));
    const plan = planUndo(before.manifest, undoables);
    if (isDryRun) return { id: undefined, done: plan.steps, conflicts: plan.conflicts };
    const { done, conflicts: refused } = yield* putBack(keeping, plan.steps, before.manifest);
    const conflicts = [...plan.conflicts, ...refused];
    const placed = new Map(done.flatMap(({ path, target }) => (target === undefined ? [] : [[path, target] as const])));
    // From here on files are back, whatever fails: it is told as done, and at worst cannot be taken back itself.
    const after = yield* orNotKept(keeper.take(keeping, placed));
    const id = makeId("snap");
    const remembering = remember(keeper, owner, {
      id,
      session,
      kind: "restore",
      turn: turn ?? null,
      state: "applied",
      startedAtMs,
      undoes: chosen.map((record) => record.id),
      conflicts: conflicts.slice(0, conflictsMax),
    }, [before, after]);
    const isKept = yield* Effect.catch(
      remembering,
      (error) => Effect.as(Effect.logWarning("what was taken back could not be remembered", error), false),
    );
    return { id: done.length === 0 || !isKept ? undefined : id, done, conflicts };
  }));
});
