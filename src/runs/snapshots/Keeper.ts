/**
 * Who keeps the workspaces of this process: one at a time for each owner, whoever asks.
 */
import { Effect, type Scope, Semaphore } from "effect";
import { ownerKey } from "../../domain/ids.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";
import type { KeptEntry } from "../../domain/Snapshot.ts";
import type { FileError, SandboxError, SandboxService } from "../../services/Sandbox.ts";
import type { SnapshotStoreService, SnapshotsUnavailable } from "../../services/SnapshotStore.ts";
import { type Keeping, keepWorkspace } from "./keepWorkspace.ts";
import type { Taken } from "./TurnWatch.ts";

/** Wait of a command for the workspace to be kept before it; then it goes on and the turn is not kept. */
export const toolWait = "5 seconds";

/** Lets go of what was written for a snapshot that found no room to its end: nothing leads to it. */
const letGo = ({ store, owner }: Keeping, error: SandboxError | FileError | SnapshotsUnavailable) =>
  error._tag === "SnapshotsUnavailable" && error.reason === "NoSpace"
    ? Effect.catch(store.sweep(owner), (problem) => Effect.logWarning("a full disk could not be swept", problem))
    : Effect.void;

/** What was taken; whatever failed is why nothing was. */
export const orNotKept = (
  taking: Effect.Effect<Taken, SandboxError | FileError | SnapshotsUnavailable>,
): Effect.Effect<Taken> =>
  Effect.catch(taking, (error) =>
    Effect.as(
      Effect.logWarning("a workspace could not be kept", error),
      {
        notKept: error._tag === "SnapshotsUnavailable" && error.reason === "NoSpace" ? "no_space" : "failed",
      } as const,
    ));

/** A run at work. */
export interface Working {
  readonly turn: string;
  /** Undefined until its first tool. */
  before: Taken | undefined;
  startedAtMs: number;
}

/** The workspace of one owner. */
export class Workspace {
  readonly lock = Semaphore.makeUnsafe(1);
  readonly working = new Set<Working>();
  /** Commands that did not wait for a snapshot under way. */
  intrusions = 0;
  users = 0;
}

/** Keeps workspaces. */
export class Keeper {
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
    const kept = yield* Effect.tapError(
      keepWorkspace(keeping, previous, placed),
      (error) => letGo(keeping, error),
    );
    if ("notKept" in kept) return kept;
    const id = yield* store.putManifest(owner, kept.manifest);
    if (id !== state.latest) yield* store.save(owner, { ...state, latest: id });
    return { id, manifest: kept.manifest };
  });

  /** Keeps the workspace of an owner; whatever fails is why it is not kept. */
  takeOf(owner: Owner): Effect.Effect<Taken> {
    return orNotKept(Effect.scoped(Effect.gen({ self: this }, function* () {
      const keeping = yield* this.open(owner);
      return keeping === undefined ? { notKept: "unsupported" as const } : yield* this.take(keeping);
    })));
  }
}
