/**
 * The SnapshotStore port: where the files of workspaces are kept as they were.
 *
 * A store keeps pieces and manifests by what they hold and one state an owner; which of them are needed is the
 * business of whoever writes the state. Nothing is shared between owners, so that erasing one leaves nothing.
 */
import { Context, Effect, Schema } from "effect";
import type { OwnerKey } from "../domain/Owner.ts";
import { type Manifest, noSnapshots, type SnapshotState } from "../domain/Snapshot.ts";

/** The store cannot be used; `detail` is for the log only. */
export class SnapshotsUnavailable extends Schema.TaggedError<SnapshotsUnavailable>()("SnapshotsUnavailable", {
  reason: Schema.Literals(["NoSpace", "Damaged", "Failed"]),
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `the store of snapshots failed: ${this.reason}`;
  }
}

/** Bytes of a piece at most: a small change of a large file costs one. */
export const chunkBytesMax = 1024 * 1024;

/**
 * What a store offers. Every operation *fails with* `SnapshotsUnavailable`.
 *
 * *Details*: what an owner has is written by one caller at a time.
 */
export interface SnapshotStoreService {
  /** Keeps a piece, of at most {@link chunkBytesMax}, and returns its name: the same bytes have the same. */
  readonly putChunk: (owner: OwnerKey, bytes: Uint8Array) => Effect.Effect<string, SnapshotsUnavailable>;
  /** Returns a piece; one that is missing, or is not what its name says, is `Damaged`. */
  readonly chunk: (owner: OwnerKey, name: string) => Effect.Effect<Uint8Array, SnapshotsUnavailable>;
  /** Bytes that pieces may still take here, of everybody's; `Infinity` where that cannot be told. */
  readonly room: Effect.Effect<number, SnapshotsUnavailable>;
  /** Keeps a manifest and returns its name: the same has the same. */
  readonly putManifest: (owner: OwnerKey, manifest: Manifest) => Effect.Effect<string, SnapshotsUnavailable>;
  /** Returns a manifest, as `chunk` does a piece. */
  readonly manifest: (owner: OwnerKey, name: string) => Effect.Effect<Manifest, SnapshotsUnavailable>;
  /** What is remembered of an owner, nothing for one who has no snapshots. */
  readonly load: (owner: OwnerKey) => Effect.Effect<SnapshotState, SnapshotsUnavailable>;
  /** Remembers it, all or nothing. */
  readonly save: (owner: OwnerKey, state: SnapshotState) => Effect.Effect<void, SnapshotsUnavailable>;
  /** Lets go of manifests and pieces that the saved state does not lead to; returns the bytes that are left. */
  readonly sweep: (owner: OwnerKey) => Effect.Effect<number, SnapshotsUnavailable>;
  /** Everybody of whom anything is kept. */
  readonly owners: Effect.Effect<ReadonlyArray<OwnerKey>, SnapshotsUnavailable>;
  /** Lets go of everything that is kept of an owner. */
  readonly erase: (owner: OwnerKey) => Effect.Effect<void, SnapshotsUnavailable>;
}

const none = Effect.failSync(() =>
  new SnapshotsUnavailable({ reason: "Failed", detail: "there is no store of snapshots" })
);

/**
 * The SnapshotStore port; a program that provides none keeps none.
 *
 * *Example* (keep no snapshots):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect } from "effect";
 * import { ownerKey, SnapshotStore } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const store = yield* SnapshotStore.SnapshotStore;
 *   return yield* store.load(ownerKey({ principal: "example", user: "ada", ephemeral: false }));
 * });
 * assert.deepEqual((await Effect.runPromise(program)).records, []);
 * ```
 */
export const SnapshotStore: Context.Reference<SnapshotStoreService> = Context.Reference(
  "caisson/services/SnapshotStore",
  {
    defaultValue: (): SnapshotStoreService => ({
      putChunk: () => none,
      chunk: () => none,
      room: Effect.succeed(0),
      putManifest: () => none,
      manifest: () => none,
      load: () => Effect.succeed(noSnapshots),
      save: () => none,
      sweep: () => Effect.succeed(0),
      owners: Effect.succeed([]),
      erase: () => Effect.void,
    }),
  },
);
