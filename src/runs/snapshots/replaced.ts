/**
 * Taking back what an answer did to the workspace when it is regenerated, or its message edited.
 */
import { Effect } from "effect";
import type { Conversation } from "../../agent/Conversation.ts";
import { headOf } from "../../domain/cutText.ts";
import type { Owner } from "../../domain/Owner.ts";
import { pathTo, type Turn } from "../../domain/Session.ts";
import type { SessionsService } from "../../services/Sessions.ts";
import type { Restored, SnapshotsService } from "./Snapshots.ts";

/** Conflicts that a model is told of; more tell it nothing. */
const toldMax = 20;
/** Characters of a path that a model is told. */
const pathMax = 200;

/**
 * The turns that a new one leaves behind, the newest first: those of the newest branch that it does not follow.
 *
 * *Details*: a turn that follows the newest one leaves nothing behind, nor does one that follows nothing that is there.
 */
export const replacedTurns = (turns: ReadonlyArray<Turn>, parent: string | null): ReadonlyArray<string> => {
  const followed = new Set(pathTo(turns, parent).map(({ id }) => id));
  const newest = pathTo(turns, turns.at(-1)?.id ?? null).map(({ id }) => id);
  return newest.filter((id) => !followed.has(id)).reverse();
};

/** What is asked, as far as it matters here. */
interface Asked {
  readonly owner: Owner;
  /** Only a session that the client named is one conversation for sure. */
  readonly sessionId?: string;
  readonly place?: unknown;
}

/**
 * Takes back what the answers that a request replaces did, where the settings say so.
 *
 * *Details*: undefined when there was nothing to take back. It never fails a run: what cannot be taken back stays, and
 * the reason is told.
 */
export const undoReplaced = Effect.fnUntraced(function* (
  { snapshots, sessions }: { readonly snapshots: SnapshotsService; readonly sessions: SessionsService },
  { owner, sessionId, place }: Asked,
  { key, parent, turn }: Pick<Conversation, "key" | "parent" | "turn">,
): Effect.fn.Return<Restored | string | undefined> {
  if (snapshots.mode !== "undo" || sessionId === undefined || place !== undefined || owner.ephemeral) return undefined;
  const restoring = Effect.gen(function* () {
    const replaced = replacedTurns((yield* sessions.load(key)).turns, parent);
    if (replaced.length === 0) return undefined;
    return yield* snapshots.restore(owner, key.id, {
      turn,
      choose: (records) =>
        Effect.succeed(
          replaced.flatMap((id) =>
            records.filter((one) => one.turn === id && one.kind === "turn" && one.state === "applied")
          ),
        ),
    });
  });
  return yield* Effect.catch(restoring, (error) =>
    Effect.as(
      Effect.logWarning("what a replaced answer did to the workspace was not taken back", error),
      error._tag === "WorkspaceBusy" ? "another conversation works in it at the moment" : "it is not kept",
    ));
});

/** What the model is told of it; nothing where nothing was taken back. */
export const noteOf = (restored: Restored | string | undefined): ReadonlyArray<string> => {
  if (restored === undefined) return [];
  if (typeof restored === "string") {
    return [`The files that the replaced answer made or changed are still in the workspace: ${restored}.`];
  }
  const { done, conflicts } = restored;
  if (done.length === 0 && conflicts.length === 0) return [];
  const named = conflicts.slice(0, toldMax).map(({ path, why }) => `${JSON.stringify(headOf(path, pathMax))} (${why})`);
  const more = conflicts.length > toldMax ? ` and ${conflicts.length - toldMax} more` : "";
  return [
    "This message replaces an earlier one: what that did to files of the workspace was taken back" +
    (named.length === 0 ? "." : `, except for ${named.join(", ")}${more}.`),
  ];
};
