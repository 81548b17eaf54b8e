/**
 * Calls that wait for a person, in the memory of this process.
 */
import type { OwnerKey } from "../../../domain/Owner.ts";
import { type WaitingCall, waitingKeptMs } from "../../../services/ResponseStore.ts";
import type { Claim } from "../../../services/Sessions.ts";

/** Calls that are kept at once; those kept for longest go first, and are then too late. */
const callsMax = 10_000;

interface Entry {
  readonly owner: OwnerKey;
  readonly waiting: WaitingCall;
  isTaken: boolean;
  outcome: string | undefined;
}

/** Calls by owner and id, those kept for longest first. */
export class MemoryWaiting {
  readonly #entries = new Map<string, Entry>();

  static #name(owner: OwnerKey, id: string): string {
    return `${owner} ${id}`;
  }

  hold(owner: OwnerKey, id: string, waiting: WaitingCall, nowMs: number): void {
    for (const [name, entry] of this.#entries) {
      if (entry.waiting.expiresAtMs + waitingKeptMs > nowMs && this.#entries.size < callsMax) break;
      this.#entries.delete(name);
    }
    const name = MemoryWaiting.#name(owner, id);
    if (this.#entries.has(name)) return;
    this.#entries.set(name, { owner, waiting, isTaken: false, outcome: undefined });
  }

  find(owner: OwnerKey, id: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(MemoryWaiting.#name(owner, id));
    return entry !== undefined && entry.waiting.expiresAtMs + waitingKeptMs > nowMs ? entry : undefined;
  }

  claim(owner: OwnerKey, id: string, nowMs: number): Claim {
    const entry = this.find(owner, id, nowMs);
    if (entry === undefined || entry.isTaken) return { _tag: "Taken", outcome: entry?.outcome };
    entry.isTaken = true;
    return { _tag: "Won" };
  }

  settle(owner: OwnerKey, id: string, outcome: string, nowMs: number): void {
    const entry = this.find(owner, id, nowMs);
    if (entry?.isTaken === true) entry.outcome ??= outcome;
  }

  /** Removes the calls of an owner that are meant. */
  remove(owner: OwnerKey, isMeant: (waiting: WaitingCall) => boolean): void {
    for (const [name, entry] of [...this.#entries]) {
      if (entry.owner === owner && isMeant(entry.waiting)) this.#entries.delete(name);
    }
  }
}
