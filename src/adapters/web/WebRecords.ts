/**
 * What the server asked of the web for each owner, in the records of egress.
 */
import { type EgressRecord, type EgressSummary, EgressTally } from "../../domain/EgressRecord.ts";
import type { OwnerKey } from "../../domain/Owner.ts";

/** Kinds of connections that one owner's record has: as many as that of a sandbox. */
const recordsMax = 128;
/** Owners remembered: the one that asked longest ago is forgotten first. */
const ownersMax = 1_000;

/** The records of every owner for whom something was asked, until they are forgotten. */
export class WebRecords {
  readonly #owners = new Map<OwnerKey, EgressTally>();

  add(key: OwnerKey, record: EgressRecord): void {
    const tally = this.#owners.get(key) ?? new EgressTally(recordsMax);
    // Put in last: the first is then the one that asked longest ago.
    this.#owners.delete(key);
    this.#owners.set(key, tally);
    tally.add(record);
    if (this.#owners.size > ownersMax) {
      for (const first of this.#owners.keys()) return this.forget(first);
    }
  }

  /** What was asked for an owner; undefined when nothing was. */
  of(key: OwnerKey): EgressSummary | undefined {
    return this.#owners.get(key)?.summary;
  }

  forget(key: OwnerKey): void {
    this.#owners.delete(key);
  }
}
