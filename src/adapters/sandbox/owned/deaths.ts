/**
 * Deaths of sandboxes that their owners have not been told of yet.
 */
import type { ExecutionOutcome } from "../../../domain/Execution.ts";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";

/** Deaths kept in mind; the oldest is forgotten first. */
const rememberedMax = 1_000;

/** Remembers a death until the owner's next command, whose outcome tells of it. */
export class Deaths {
  private readonly notes = new Map<OwnerKey, string>();

  remember(owner: Owner, key: OwnerKey): void {
    const oldest = this.notes.keys().next();
    if (this.notes.size >= rememberedMax && oldest.done !== true) this.notes.delete(oldest.value);
    this.notes.set(
      key,
      `The sandbox died and was started anew: its processes and /tmp are gone, ${
        owner.ephemeral ? "and so are the files in /workspace" : "the files in /workspace are kept"
      }.`,
    );
  }

  /** The outcome with the note on a death nobody was told of, which is then forgotten. */
  tell(key: OwnerKey, outcome: ExecutionOutcome): ExecutionOutcome {
    const death = this.notes.get(key);
    if (death === undefined) return outcome;
    this.notes.delete(key);
    return { ...outcome, note: outcome.note === undefined ? death : `${death} ${outcome.note}` };
  }

  forget(key: OwnerKey): void {
    this.notes.delete(key);
  }
}
