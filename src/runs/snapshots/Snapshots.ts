/**
 * Snapshots of workspaces: kept around each run that uses a tool, told, and taken back.
 *
 * What one run did is the difference between the workspace before its first tool and after its end. Runs of one
 * owner may overlap; what both changed is then nobody's to take back, and is told as a conflict.
 */
import { Clock, Context, Effect, Fiber, Layer, Option, Schema, type Scope, Semaphore } from "effect";
import { Settings } from "../../config.ts";
import { makeId, ownerKey } from "../../domain/ids.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";
import type { SessionKey } from "../../domain/Session.ts";
import {
  changesBetween,
  type Conflict,
  type KeptEntry,
  type NotKept,
  overlaps,
  type PathChange,
  planUndo,
  type SnapshotRecord,
  type SnapshotState,
  type Undoable,
  type Undoing,
  whyNotKept,
} from "../../domain/Snapshot.ts";
import { type FileError, Sandbox, type SandboxError, type SandboxService } from "../../services/Sandbox.ts";
import { SnapshotStore, type SnapshotStoreService, type SnapshotsUnavailable } from "../../services/SnapshotStore.ts";
import { type Keeping, keepWorkspace } from "./keepWorkspace.ts";
import { putBack } from "./putBack.ts";
import { expireAll, saveCurrent } from "./retention.ts";
import type { Taken, TurnWatch } from "./TurnWatch.ts";

// Errors -----------------------------------------------------------------------------------------

/** No snapshots are kept here; `why` says what would have to be otherwise. */
export class SnapshotsOff extends Schema.TaggedError<SnapshotsOff>()("SnapshotsOff", { why: Schema.String }) {}
/** The session has no such snapshot, or none of such a turn. */
export class SnapshotNotFound extends Schema.TaggedError<SnapshotNotFound>()("SnapshotNotFound", {
  id: Schema.String,
}) {}
/** What the turn did is not kept, or was taken back already; `why` completes "it cannot be taken back: …". */
export class SnapshotNotKept extends Schema.TaggedError<SnapshotNotKept>()("SnapshotNotKept", { why: Schema.String }) {}
/** A run is at work in the workspace. */
export class WorkspaceBusy extends Schema.TaggedError<WorkspaceBusy>()("WorkspaceBusy", {}) {}

/** Every way in which taking back fails before anything was changed. */
export type RestoreError =
  | SnapshotsOff
  | SnapshotNotFound
  | SnapshotNotKept
  | WorkspaceBusy
  | SnapshotsUnavailable
  | SandboxError
  | FileError;

// Port -------------------------------------------------------------------------------------------

/** What was taken back, or would be. */
export interface Restored {
  /** The record of it, by which it is taken back itself; undefined when nothing was changed. */
  readonly id: string | undefined;
  readonly done: ReadonlyArray<Undoing>;
  readonly conflicts: ReadonlyArray<Conflict>;
}

/** What snapshots offer. */
export interface SnapshotsService {
  readonly mode: "off" | "keep" | "undo";
  /** Begins to watch a run; it costs nothing until its first tool. */
  readonly watch: (owner: Owner, session: string, turn: string) => Effect.Effect<TurnWatch>;
  /**
   * What is kept of a session, the oldest first; what is being kept is waited for, a few seconds at most.
   *
   * *Fails with* `SnapshotsUnavailable`.
   */
  readonly list: (key: SessionKey) => Effect.Effect<ReadonlyArray<SnapshotRecord>, SnapshotsUnavailable>;
  /** What a record changed. *Fails with* `SnapshotNotFound`, `SnapshotNotKept`, `SnapshotsUnavailable`. */
  readonly changes: (
    key: SessionKey,
    id: string,
  ) => Effect.Effect<
    { readonly record: SnapshotRecord; readonly changes: ReadonlyArray<PathChange> },
    SnapshotNotFound | SnapshotNotKept | SnapshotsUnavailable
  >;
  /**
   * Takes back what the chosen records did, path by path; with `isDryRun` it only tells.
   *
   * *Details*: `choose` is given the records of the session, the oldest first, and names those to be taken back, the
   * newest first. The workspace is kept before, so that this can be taken back as well. Interrupting it leaves it
   * to its end.
   *
   * *Fails with* `RestoreError`; nothing has been changed then.
   */
  readonly restore: (owner: Owner, session: string, request: RestoreRequest) => Effect.Effect<Restored, RestoreError>;
}

/** What is to be taken back. */
export interface RestoreRequest {
  readonly choose: (
    records: ReadonlyArray<SnapshotRecord>,
  ) => Effect.Effect<ReadonlyArray<SnapshotRecord>, SnapshotNotFound | SnapshotNotKept>;
  readonly isDryRun?: boolean;
  /** The turn for whose sake it is done, whose own run does not stand in the way. */
  readonly turn?: string;
}

const off = new SnapshotsOff({ why: "CAISSON_REWIND_FILES is off" });
const idle: TurnWatch = { beforeTool: Effect.void, ended: Effect.void };

/** Snapshots of workspaces; a program that provides none keeps none. */
export const Snapshots: Context.Reference<SnapshotsService> = Context.Reference("caisson/runs/Snapshots", {
  defaultValue: (): SnapshotsService => ({
    mode: "off",
    watch: () => Effect.succeed(idle),
    list: () => Effect.succeed([]),
    changes: (_, id) => Effect.fail(new SnapshotNotFound({ id })),
    restore: () => Effect.fail(off),
  }),
});

// Bounds -----------------------------------------------------------------------------------------

/** Wait of a command for the workspace to be kept before it; then it goes on and the turn is not kept. */
const toolWait = "5 seconds";
/** Wait of a request for what is kept in the background. */
const restoreWait = "30 seconds";
/** Between looks for what is too old. */
const expiryInterval = "1 hour";
/** Conflicts that a record remembers. */
const conflictsMax = 200;

// Implementation ---------------------------------------------------------------------------------

/** A run at work. */
interface Working {
  readonly turn: string;
  /** Undefined until its first tool. */
  before: Taken | undefined;
  startedAtMs: number;
}

/** The workspace of one owner. */
class Workspace {
  readonly lock = Semaphore.makeUnsafe(1);
  readonly working = new Set<Working>();
  /** Commands that did not wait for a snapshot under way. */
  intrusions = 0;
  users = 0;
}

class Keeper {
  private readonly workspaces = new Map<OwnerKey, Workspace>();

  constructor(
    readonly sandbox: SandboxService,
    readonly store: SnapshotStoreService,
    readonly scope: Scope.Scope,
    readonly bytesMax: number,
  ) {}

  /** The workspace of an owner, remembered until everybody who asked for it has left. */
  enter(owner: OwnerKey): Workspace {
    const workspace = this.workspaces.get(owner) ?? new Workspace();
    this.workspaces.set(owner, workspace);
    workspace.users++;
    return workspace;
  }

  /** Waits for what is being kept of an owner, at most as long as a command would. */
  settled(owner: OwnerKey): Effect.Effect<void> {
    return Effect.suspend(() => {
      const workspace = this.workspaces.get(owner);
      return workspace === undefined
        ? Effect.void
        : Effect.asVoid(Effect.timeoutOption(workspace.lock.withPermits(1)(Effect.void), toolWait));
    });
  }

  leave(owner: OwnerKey, workspace: Workspace): void {
    if (--workspace.users === 0) this.workspaces.delete(owner);
  }

  /** Opens the workspace for as long as the scope is open; undefined when it cannot be kept. */
  readonly open = Effect.fnUntraced(function* (this: Keeper, owner: Owner) {
    const handle = yield* this.sandbox.open(owner);
    const { tree } = handle;
    return tree === undefined
      ? undefined
      : { store: this.store, owner: ownerKey(owner), handle, tree, bytesMax: this.bytesMax } satisfies Keeping;
  });

  /** Keeps the workspace; the lock is held. */
  readonly take = Effect.fnUntraced(function* (
    this: Keeper,
    keeping: Keeping,
    placed?: ReadonlyMap<string, KeptEntry>,
  ): Effect.fn.Return<
    Taken,
    SandboxError | FileError | SnapshotsUnavailable
  > {
    const { store, owner } = keeping;
    const state = yield* store.load(owner);
    // A manifest that is damaged only costs reading everything anew.
    const previous = state.latest === null
      ? undefined
      : yield* Effect.orElseSucceed(store.manifest(owner, state.latest), () => undefined);
    const kept = yield* keepWorkspace(keeping, previous, placed);
    if ("notKept" in kept) return kept;
    const id = yield* store.putManifest(owner, kept.manifest);
    if (id !== state.latest) yield* store.save(owner, { ...state, latest: id });
    return { id, manifest: kept.manifest };
  });

  /** Keeps the workspace of an owner; whatever fails is why it is not kept. */
  takeOf(owner: Owner): Effect.Effect<Taken> {
    return Effect.scoped(Effect.gen({ self: this }, function* () {
      const keeping = yield* this.open(owner);
      return keeping === undefined ? { notKept: "unsupported" as const } : yield* this.take(keeping);
    })).pipe(
      Effect.catch((error) =>
        Effect.as(Effect.logWarning("a workspace could not be kept", error), {
          notKept: error._tag === "SnapshotsUnavailable" && error.reason === "NoSpace"
            ? "no_space" as const
            : "failed" as const,
        })
      ),
    );
  }
}

/** Keeps the workspace before a run's first tool, which goes on when that takes too long. */
const prepare = (keeper: Keeper, owner: Owner, workspace: Workspace, working: Working): Effect.Effect<void> =>
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

/** Remembers what a run did; the lock is held. */
const remember = Effect.fnUntraced(function* (
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

const toggled = (record: SnapshotRecord): SnapshotRecord => ({
  ...record,
  state: record.state === "applied" ? "undone" : "applied",
});

/** Keeps what a run did once it has ended, in the background. */
const conclude = (
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
      workspace.lock.withPermits(1),
      Effect.catch((error) => Effect.logWarning("what a turn did to its workspace could not be kept", error)),
      Effect.ensuring(left),
    );
    // At once: who asks next what is kept waits in line behind it.
    yield* Effect.forkIn(work, keeper.scope, { startImmediately: true });
  });

/** What a record changed. */
const changesOf = Effect.fnUntraced(function* (store: SnapshotStoreService, owner: OwnerKey, record: SnapshotRecord) {
  if (record.kept === null) return yield* new SnapshotNotKept({ why: whyNotKept[record.notKept ?? "failed"] });
  const [before, after] = yield* Effect.all([
    store.manifest(owner, record.kept.before),
    store.manifest(owner, record.kept.after),
  ]);
  return changesBetween(before, after);
});

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
const restore = Effect.fnUntraced(function* (
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
    const { done, conflicts: refused } = yield* putBack(keeping, plan.steps);
    const conflicts = [...plan.conflicts, ...refused];
    const placed = new Map(done.flatMap(({ path, target }) => (target === undefined ? [] : [[path, target] as const])));
    const after = yield* keeper.take(keeping, placed);
    const id = makeId("snap");
    yield* remember(keeper, owner, {
      id,
      session,
      kind: "restore",
      turn: turn ?? null,
      state: "applied",
      startedAtMs,
      undoes: chosen.map((record) => record.id),
      conflicts: conflicts.slice(0, conflictsMax),
    }, [before, after]);
    return { id: done.length === 0 ? undefined : id, done, conflicts };
  }));
});

const make = Effect.fnUntraced(function* (mode: "keep" | "undo", bytesMax: number) {
  const store = yield* SnapshotStore;
  const keeper = new Keeper(yield* Sandbox, store, yield* Effect.scope, bytesMax);
  const expire = Effect.flatMap(Clock.currentTimeMillis, (nowMs) => expireAll(store, nowMs)).pipe(
    Effect.catch((error) => Effect.logWarning("old snapshots could not be let go", error)),
  );
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(expire, Effect.sleep(expiryInterval))));

  const watch = Effect.fnUntraced(function* (owner: Owner, session: string, turn: string) {
    // The workspace of an ephemeral owner is gone when the run is over.
    if (owner.ephemeral) return idle;
    const key = ownerKey(owner);
    const working: Working = { turn, before: undefined, startedAtMs: 0 };
    const workspace = keeper.enter(key);
    workspace.working.add(working);
    const beforeTool = yield* Effect.cached(prepare(keeper, owner, workspace, working));
    const ended = yield* Effect.cached(conclude(keeper, owner, session, { workspace, working }));
    return { beforeTool, ended };
  });

  return {
    mode,
    watch,
    list: Effect.fnUntraced(function* ({ owner, id }) {
      yield* keeper.settled(owner);
      return (yield* store.load(owner)).records.filter(({ session }) => session === id);
    }),
    changes: Effect.fnUntraced(function* ({ owner, id: session }, id) {
      yield* keeper.settled(owner);
      const { records } = yield* store.load(owner);
      const record = records.findLast((one) => one.session === session && (one.id === id || one.turn === id));
      if (record === undefined) return yield* new SnapshotNotFound({ id });
      return { record, changes: yield* changesOf(store, owner, record) };
    }),
    restore: (owner, session, request) =>
      Effect.gen(function* () {
        const key = ownerKey(owner);
        const workspace = keeper.enter(key);
        const left = Effect.sync(() => keeper.leave(key, workspace));
        const locked = Effect.timeoutOrElse(workspace.lock.take(1), {
          duration: restoreWait,
          orElse: () => Effect.fail(new WorkspaceBusy()),
        });
        yield* Effect.onError(locked, () => left);
        const work = restore(keeper, owner, session, workspace, request).pipe(
          Effect.ensuring(Effect.andThen(workspace.lock.release(1), left)),
        );
        return yield* Fiber.join(yield* Effect.forkIn(work, keeper.scope));
      }),
  } satisfies SnapshotsService;
});

/** Snapshots as the settings say; where they are off nothing is made. */
export const layer: Layer.Layer<never, never, Sandbox | Settings> = Layer.unwrap(
  Effect.map(
    Settings,
    ({ rewindFiles, snapshotMb }) =>
      rewindFiles === "off" ? Layer.empty : Layer.effect(Snapshots, make(rewindFiles, snapshotMb * 1024 * 1024)),
  ),
);
