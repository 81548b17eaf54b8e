/**
 * `/v1/sessions/{id}/snapshots` and `/restore`: what each turn did to the workspace, and taking it back.
 */
import { Effect, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import { ownerKey } from "../../domain/ids.ts";
import { Conflict, type SnapshotRecord, whyNotKept } from "../../domain/Snapshot.ts";
import type { SessionKey } from "../../domain/Session.ts";
import { replacedTurns } from "../../runs/snapshots/replaced.ts";
import { SnapshotNotFound, SnapshotNotKept, Snapshots } from "../../runs/snapshots/Snapshots.ts";
import { changedFiles } from "../../runs/snapshots/turnDiff.ts";
import { Sessions } from "../../services/Sessions.ts";
import { SnapshotStore } from "../../services/SnapshotStore.ts";
import { Bodies } from "../../web/body.ts";
import { Caller } from "../frame/Caller.ts";
import { InvalidRequest, SessionNotFound } from "../frame/errors.ts";
import { firstWrong } from "../frame/firstWrong.ts";
import { json } from "../frame/respond.ts";

// Wire -------------------------------------------------------------------------------------------

const SnapshotOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("snapshot"),
  kind: Schema.Literals(["turn", "restore"]).annotate({
    description: "What did it: a turn, or a restore, which can be taken back as well.",
  }),
  turn: Schema.NullOr(Schema.String).annotate({
    description: "The turn that did it, or for whose sake a restore was done; null for a restore on request.",
  }),
  state: Schema.Literals(["applied", "undone"]),
  replaced: Schema.Boolean.annotate({
    description: "The turn was regenerated or edited and what it did still stands: its undo can be offered.",
  }),
  not_kept: Schema.NullOr(Schema.String).annotate({ description: "Why it cannot be taken back; null when it can." }),
  undoes: Schema.Array(Schema.String).annotate({ description: "The snapshots that a restore took back." }),
  conflicts: Schema.Array(Conflict).annotate({ description: "What a restore left as it was, and why." }),
  started_at_ms: Schema.Number,
  finished_at_ms: Schema.Number,
}).annotate({ identifier: "Snapshot" });

/** What is kept of a session, the oldest first. */
export const SnapshotList = Schema.Struct({
  object: Schema.Literal("list"),
  mode: Schema.Literals(["off", "keep", "undo"]).annotate({ description: "The value of CAISSON_REWIND_FILES." }),
  data: Schema.Array(SnapshotOut),
}).annotate({ identifier: "ListSnapshotsResponse" });

const Change = Schema.Literals(["added", "changed", "removed"]);

/** What a turn changed, file by file. */
export const SnapshotDiff = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("snapshot.diff"),
  turn: Schema.NullOr(Schema.String),
  files: Schema.Array(Schema.Struct({
    path: Schema.String.annotate({ description: "Relative to the workspace." }),
    change: Change,
    kind: Schema.Literals(["file", "link", "directory", "other"]),
    bytes_before: Schema.NullOr(Schema.Number),
    bytes_after: Schema.NullOr(Schema.Number),
    diff: Schema.NullOr(Schema.String).annotate({
      description: "The hunks of a unified diff; null when none is shown.",
    }),
    no_diff: Schema.NullOr(Schema.Literals(["binary", "too_large", "too_different", "not_kept", "no_file"])).annotate({
      description: "Why there is no diff; null when there is one.",
    }),
  })),
  files_total: Schema.Int.annotate({ description: "More than `files` has when there are very many." }),
}).annotate({ identifier: "SnapshotDiff" });

/** What is to be taken back: a turn, or a snapshot by its id. */
export const RestoreRequest = Schema.Struct({
  turn: Schema.optionalKey(Schema.String),
  snapshot: Schema.optionalKey(Schema.String),
  dry_run: Schema.optionalKey(Schema.Boolean),
}).annotate({ identifier: "RestoreRequest" });

/** What was taken back, or would be. */
export const RestoreOut = Schema.Struct({
  object: Schema.Literal("snapshot.restore"),
  dry_run: Schema.Boolean,
  snapshot: Schema.NullOr(Schema.String).annotate({
    description: "The snapshot by which this is taken back itself; null when nothing was changed.",
  }),
  undone: Schema.Array(Schema.Struct({ path: Schema.String, change: Change })).annotate({
    description: "What became of each path.",
  }),
  undone_total: Schema.Int,
  conflicts: Schema.Array(Conflict),
  conflicts_total: Schema.Int,
}).annotate({ identifier: "RestoreResponse" });

/** Bytes of a body that names a turn, with room. */
const bodyBytesMax = 16 * 1024;
/** Paths that one answer names. */
const pathsMax = 1_000;

const decodeRestore = Schema.decodeUnknownEffect(Schema.fromJsonString(RestoreRequest), { onExcessProperty: "error" });

/** Describes the body with an example, which the reference page shows. */
export const describeRestore = (operation: Record<string, unknown>): Record<string, unknown> => ({
  ...operation,
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: { $ref: "#/components/schemas/RestoreRequest" },
        example: { turn: "turn-2VYhpzWuQAEKyWjK3bUvVfJQ", dry_run: true },
      },
    },
  },
});

const notRestore = (param: string | null) =>
  new InvalidRequest({
    param: param ?? "turn",
    why: "Expected either turn or snapshot, and dry_run as a boolean if at all",
    code: "invalid_value",
  });

/** Names that are no Unicode are shown with marks: not every client reads JSON that has halves of characters. */
const conflictOut = ({ path, why }: Conflict): Conflict => ({ path: path.toWellFormed(), why });

const snapshotOut = (record: SnapshotRecord, replaced: ReadonlySet<string>): typeof SnapshotOut.Type => ({
  id: record.id,
  object: "snapshot",
  kind: record.kind,
  turn: record.turn,
  state: record.state,
  replaced: record.kind === "turn" && record.state === "applied" && record.turn !== null && replaced.has(record.turn),
  not_kept: record.notKept === null ? null : whyNotKept[record.notKept],
  undoes: record.undoes,
  conflicts: record.conflicts.map(conflictOut),
  started_at_ms: record.startedAtMs,
  finished_at_ms: record.finishedAtMs,
});

/** The record that a request means: by its id, or the last of a turn that still stands. */
const chosen = (records: ReadonlyArray<SnapshotRecord>, { turn, snapshot }: typeof RestoreRequest.Type) => {
  const id = snapshot ?? turn ?? "";
  const named = records.filter((one) =>
    snapshot === undefined ? one.turn === id && one.kind === "turn" : one.id === id
  );
  const record = named.findLast(({ state }) => state === "applied") ?? named.at(-1);
  if (record === undefined) return Effect.fail(new SnapshotNotFound({ id }));
  if (record.state === "undone") return Effect.fail(new SnapshotNotKept({ why: "it was taken back before" }));
  return Effect.succeed([record]);
};

// Handlers ---------------------------------------------------------------------------------------

interface UserQuery {
  readonly user?: string;
}

/** Builds the handlers of the endpoints. */
export const make = Effect.gen(function* () {
  const snapshots = yield* Snapshots;
  const sessions = yield* Sessions;
  const store = yield* SnapshotStore;
  const bodies = yield* Bodies;

  /** The owner and the turns of a session; another's is answered like one that never was. */
  const sessionOf = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    const key: SessionKey = { owner: ownerKey(owner), id };
    const { turns } = yield* sessions.load(key);
    if (turns.length === 0) return yield* new SessionNotFound({ id });
    return { owner, key, turns };
  });

  const list = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const { key, turns } = yield* sessionOf(id, query);
    // Only a turn that does not follow the one stored before it leaves others behind.
    const left = turns.flatMap(({ parent }, at) =>
      at > 0 && parent !== turns[at - 1]?.id ? replacedTurns(turns.slice(0, at), parent) : []
    );
    const records = yield* snapshots.list(key);
    const replaced = new Set(left);
    const body: typeof SnapshotList.Type = {
      object: "list",
      mode: snapshots.mode,
      data: records.map((record) => snapshotOut(record, replaced)),
    };
    return body;
  });

  const diff = Effect.fnUntraced(function* (id: string, snapshot: string, query: UserQuery) {
    const { key } = yield* sessionOf(id, query);
    const { record, changes } = yield* snapshots.changes(key, snapshot);
    const files = yield* changedFiles(store, key.owner, changes);
    const body: typeof SnapshotDiff.Type = {
      id: record.id,
      object: "snapshot.diff",
      turn: record.turn,
      files: files.map(({ path, change, kind, bytesBefore, bytesAfter, diff, noDiff }) => ({
        path: path.toWellFormed(),
        change,
        kind,
        bytes_before: bytesBefore,
        bytes_after: bytesAfter,
        diff,
        no_diff: noDiff,
      })),
      files_total: changes.length,
    };
    return body;
  });

  const restore = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const text = yield* bodies.text(request, { bytesMax: bodyBytesMax, typed: true });
    const asked = yield* Effect.mapError(decodeRestore(text), ({ issue }) => notRestore(firstWrong(issue).param));
    if ((asked.turn === undefined) === (asked.snapshot === undefined)) return yield* notRestore(null);
    const { owner, key } = yield* sessionOf(id, query);
    const isDryRun = asked.dry_run === true;
    const restored = yield* snapshots.restore(owner, key.id, { choose: (records) => chosen(records, asked), isDryRun });
    const body: typeof RestoreOut.Type = {
      object: "snapshot.restore",
      dry_run: isDryRun,
      snapshot: restored.id ?? null,
      undone: restored.done.slice(0, pathsMax).map(({ path, now, target }) => ({
        path: path.toWellFormed(),
        change: now === undefined ? "added" : target === undefined ? "removed" : "changed",
      })),
      undone_total: restored.done.length,
      conflicts: restored.conflicts.slice(0, pathsMax).map(conflictOut),
      conflicts_total: restored.conflicts.length,
    };
    return json(body);
  });

  return { list, diff, restore };
});
