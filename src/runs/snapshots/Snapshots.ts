/**
 * Snapshots of workspaces: kept around each run that uses a tool, told, and taken back.
 *
 * What one run did is the difference between the workspace before its first tool and after its end. Runs of one
 * owner may overlap; what both changed is then nobody's to take back, and is told as a conflict.
 */
import { Context, Effect, Schema } from "effect";
import type { Owner } from "../../domain/Owner.ts";
import type { SessionKey } from "../../domain/Session.ts";
import type { Conflict, PathChange, SnapshotRecord, Undoing } from "../../domain/Snapshot.ts";
import type { FileError, SandboxError } from "../../services/Sandbox.ts";
import type { SnapshotsUnavailable } from "../../services/SnapshotStore.ts";
import { noWatch, type TurnWatch } from "./TurnWatch.ts";

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
  /** The record of it, by which it is taken back itself; undefined when nothing was changed, or it is not kept. */
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

const off = () => new SnapshotsOff({ why: "CAISSON_REWIND_FILES is off" });

/** Snapshots of workspaces; a program that provides none keeps none. */
export const Snapshots: Context.Reference<SnapshotsService> = Context.Reference("caisson/runs/Snapshots", {
  defaultValue: (): SnapshotsService => ({
    mode: "off",
    watch: () => Effect.succeed(noWatch),
    list: () => Effect.succeed([]),
    changes: (_, id) => Effect.fail(new SnapshotNotFound({ id })),
    restore: () => Effect.failSync(off),
  }),
});
