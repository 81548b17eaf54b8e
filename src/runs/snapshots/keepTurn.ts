/**
 * What one run did to its workspace: kept before its first tool and after its end.
 */
import { Clock, Effect, Fiber, Option } from "effect";
import { makeId, ownerKey } from "../../domain/ids.ts";
import type { Owner } from "../../domain/Owner.ts";
import { changesBetween, type NotKept, type SnapshotRecord } from "../../domain/Snapshot.ts";
import { type Keeper, toolWait, type Working, type Workspace } from "./Keeper.ts";
import { letGo, saveCurrent } from "./retention.ts";
import type { Taken } from "./TurnWatch.ts";

/** Keeps the workspace before a run's first tool, which goes on when that takes too long. */
export const prepare = (keeper: Keeper, owner: Owner, workspace: Workspace, working: Working): Effect.Effect<void> =>
  Effect.gen(function* () {
    const begunMs = yield* Clock.currentTimeMillis;
    working.startedAtMs = begunMs;
    let isLate = false;
    working.before = { notKept: "too_slow" };
    // A run that had to wait for what another left overlaps it no longer.
    const now = Effect.map(Clock.currentTimeMillis, (ms) => void (isLate || (working.startedAtMs = ms)));
    const take = workspace.lock.withPermits(1)(Effect.andThen(now, keeper.takeOf(owner)));
    // What is read goes on being read when nobody waits any more: the next snapshot has so much less to read.
    const taking = yield* Effect.forkIn(take, keeper.scope);
    const taken = yield* Effect.timeoutOption(Fiber.join(taking), toolWait);
    if (Option.isSome(taken)) {
      working.before = taken.value;
      return;
    }
    isLate = true;
    working.startedAtMs = begunMs;
    workspace.intrusions++;
  });

const toggled = (record: SnapshotRecord): SnapshotRecord => ({
  ...record,
  state: record.state === "applied" ? "undone" : "applied",
});

/** Remembers what a run did, and tells whether that is anything; the lock is held. What may go is let go of later. */
export const remember = Effect.fnUntraced(function* (
  keeper: Keeper,
  owner: Owner,
  record: Omit<SnapshotRecord, "kept" | "notKept" | "finishedAtMs">,
  [before, after]: readonly [Taken, Taken],
) {
  const key = ownerKey(owner);
  const notKept: NotKept | undefined = "notKept" in before
    ? before.notKept
    : "notKept" in after
    ? after.notKept
    : undefined;
  const kept = "id" in before && "id" in after ? { before: before.id, after: after.id } : null;
  const hasChanged = kept === null || (kept.before !== kept.after && "manifest" in before && "manifest" in after &&
    changesBetween(before.manifest, after.manifest).length > 0);
  if (!hasChanged) return false;
  const finishedAtMs = yield* Clock.currentTimeMillis;
  const state = yield* keeper.store.load(key);
  const undone = new Set(record.undoes);
  const turned = state.records.map((one) => undone.has(one.id) ? toggled(one) : one);
  const again = new Set(
    state.records.filter(({ id, kind }) => undone.has(id) && kind === "restore").flatMap((one) => one.undoes),
  );
  const records = turned.map((one) => again.has(one.id) ? toggled(one) : one);
  const made: SnapshotRecord = { ...record, kept, notKept: notKept ?? null, finishedAtMs };
  yield* saveCurrent(keeper.store, key, { ...state, records: [...records, made] }, finishedAtMs);
  return true;
});

/** Keeps what a run did once it has ended, in the background. */
export const conclude = (
  keeper: Keeper,
  owner: Owner,
  session: string,
  { workspace, working }: { readonly workspace: Workspace; readonly working: Working },
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { before, turn, startedAtMs } = working;
    const left = Effect.sync(() => {
      workspace.working.delete(working);
      keeper.leave(ownerKey(owner), workspace);
    });
    if (before === undefined) return yield* left;
    const { intrusions } = workspace;
    const after = Effect.map(
      keeper.takeOf(owner),
      (taken): Taken => workspace.intrusions === intrusions ? taken : { notKept: "interrupted" },
    );
    const record = {
      id: makeId("snap"),
      session,
      kind: "turn",
      turn,
      state: "applied",
      startedAtMs,
      undoes: [],
      conflicts: [],
    } as const;
    const work = Effect.flatMap(
      "notKept" in before ? Effect.succeed(before) : after,
      (taken) => remember(keeper, owner, record, [before, taken]),
    ).pipe(
      Effect.flatMap((isKept) => isKept ? letGo(keeper.store, ownerKey(owner)) : Effect.void),
      workspace.lock.withPermits(1),
      Effect.catch((error) => Effect.logWarning("what a turn did to its workspace could not be kept", error)),
      Effect.ensuring(left),
    );
    // At once: who asks next what is kept waits in line behind it.
    yield* Effect.forkIn(work, keeper.scope, { startImmediately: true });
  });
