/**
 * Hosts that a person let each owner's sandbox reach for a while.
 */
import type { AccessTarget } from "../../domain/accessRequest.ts";
import type { EgressGrant } from "../../domain/EgressRecord.ts";
import type { OwnerKey } from "../../domain/Owner.ts";

/** Grants of one owner at once: more than one task needs, and few enough that a person knows what was granted. */
const liveMax = 16;
/** Grants of one owner that are remembered, those that are over included. */
const rememberedMax = 32;
/** Owners remembered: the one that was granted something longest ago is forgotten first. */
const ownersMax = 1_000;

/** The grants of every owner, until they are over or taken back. */
export class Grants {
  readonly #owners = new Map<OwnerKey, ReadonlyArray<EgressGrant>>();

  /** Takes a grant, in place of one of the same host and port; false when the owner has too many. */
  add(key: OwnerKey, grant: EgressGrant, nowMs: number): boolean {
    const others = this.of(key).filter(({ host, port }) => host !== grant.host || port !== grant.port);
    if (others.filter(({ expiresAtMs }) => expiresAtMs > nowMs).length >= liveMax) return false;
    // Those that are over go first, the oldest before the others.
    const excess = others.length + 1 - rememberedMax;
    const gone = new Set(excess > 0 ? others.filter(({ expiresAtMs }) => expiresAtMs <= nowMs).slice(0, excess) : []);
    this.#owners.delete(key);
    this.#owners.set(key, [...others.filter((other) => !gone.has(other)), grant]);
    if (this.#owners.size > ownersMax) {
      for (const first of this.#owners.keys()) {
        this.#owners.delete(first);
        break;
      }
    }
    return true;
  }

  /** Until when an owner may reach a host; undefined when it may not. */
  untilMs(key: OwnerKey, target: AccessTarget, nowMs: number): number | undefined {
    return this.#owners.get(key)?.find(({ host, port, expiresAtMs }) =>
      host === target.host && port === target.port && expiresAtMs > nowMs
    )?.expiresAtMs;
  }

  /** What an owner was granted, the newest last. */
  of(key: OwnerKey): ReadonlyArray<EgressGrant> {
    return this.#owners.get(key) ?? [];
  }

  forget(key: OwnerKey): void {
    this.#owners.delete(key);
  }
}
