/**
 * Trying a store by using it: what `check` of every store does.
 */
import { Effect } from "effect";
import { makeId } from "../../domain/ids.ts";
import { user } from "../../domain/Message.ts";
import { OwnerKey } from "../../domain/Owner.ts";
import { zero } from "../../domain/Usage.ts";
import { type SessionsService, SessionsUnavailable } from "../../services/Sessions.ts";

/** The owner of turns that only try a store: no hash of an owner's names is all zeros. */
const nobody = OwnerKey.make("0".repeat(32));

/** Characters of the turn that is tried: as much as a command prints; a disk that is full but for a page takes less. */
const triedCharacters = 64 * 1024;

/**
 * Keeps a turn, reads it back and removes it.
 *
 * *Fails with* `SessionsUnavailable` as the operation that failed does, and when the turn was not there to be removed.
 */
export const tryStore = Effect.fnUntraced(function* (
  { kind, append, remove }: Pick<SessionsService, "kind" | "append" | "remove">,
): Effect.fn.Return<void, SessionsUnavailable> {
  const key = { owner: nobody, id: makeId("check") };
  yield* append(key, {
    id: makeId("turn"),
    parent: { _tag: "Root" },
    messages: [user("x".repeat(triedCharacters))],
    status: "completed",
    model: "",
    usage: zero,
    startedAtMs: 0,
    finishedAtMs: 0,
  });
  if (yield* remove(key)) return;
  return yield* new SessionsUnavailable({
    store: kind,
    operation: "check",
    detail: "a turn that was kept is not there",
  });
});
