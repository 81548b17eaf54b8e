/**
 * The previews of this process: which label stands for which owner, until it expires or is taken back.
 *
 * They are kept in memory only: what they show ends with the process too.
 */
import { ownerKey } from "../../domain/ids.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";

/** Previews of one owner at once; a sandbox has few servers. */
const perOwnerMax = 16;
/** Previews in all, some hundred bytes each. */
const previewsMax = 100_000;

/** One preview. */
export interface PreviewEntry {
  readonly id: string;
  readonly owner: Owner;
  readonly key: OwnerKey;
  readonly port: number;
  readonly expiresSeconds: number;
  /** Called when it is taken back before its time. */
  readonly onEnd: Set<() => void>;
}

/** Previews by their ids and by their owners. */
export class PreviewTable {
  private readonly byId = new Map<string, PreviewEntry>();
  private readonly byOwner = new Map<OwnerKey, Array<PreviewEntry>>();

  /** Whether there is none at all. */
  get isEmpty(): boolean {
    return this.byId.size === 0;
  }

  /** What an id stands for. */
  find(id: string): PreviewEntry | undefined {
    return this.byId.get(id);
  }

  /** The previews of an owner that have not expired, by port and then by end. */
  of(key: OwnerKey, nowSeconds: number): ReadonlyArray<PreviewEntry> {
    const entries = this.byOwner.get(key) ?? [];
    for (const entry of entries.filter(({ expiresSeconds }) => expiresSeconds <= nowSeconds)) this.remove(entry);
    return (this.byOwner.get(key) ?? []).toSorted((one, other) =>
      one.port - other.port || one.expiresSeconds - other.expiresSeconds
    );
  }

  /** Keeps a preview; the oldest of its owner, and the oldest of all, make room. */
  add(id: string, owner: Owner, port: number, expiresSeconds: number, nowSeconds: number): PreviewEntry {
    const entry: PreviewEntry = { id, owner, key: ownerKey(owner), port, expiresSeconds, onEnd: new Set() };
    this.sweep(nowSeconds);
    const own = this.byOwner.get(entry.key) ?? [];
    if (own.length >= perOwnerMax) {
      this.endFirst(own.toSorted((one, other) => one.expiresSeconds - other.expiresSeconds));
    }
    if (this.byId.size >= previewsMax) this.endFirst(this.byId.values());
    this.byId.set(id, entry);
    this.byOwner.set(entry.key, [...(this.byOwner.get(entry.key) ?? []), entry]);
    return entry;
  }

  /** Takes back what an owner has of a port, or all of it; says how many there were. */
  end(key: OwnerKey, port: number | undefined): number {
    const ended = (this.byOwner.get(key) ?? []).filter((entry) => port === undefined || entry.port === port);
    for (const entry of ended) this.endFirst([entry]);
    return ended.length;
  }

  /** All live as long, so that the first that was added is the first to expire. */
  private sweep(nowSeconds: number): void {
    for (const entry of this.byId.values()) {
      if (entry.expiresSeconds > nowSeconds) return;
      this.remove(entry);
    }
  }

  private endFirst(entries: Iterable<PreviewEntry>): void {
    for (const entry of entries) {
      this.remove(entry);
      for (const told of [...entry.onEnd]) told();
      return;
    }
  }

  private remove(entry: PreviewEntry): void {
    this.byId.delete(entry.id);
    const left = (this.byOwner.get(entry.key) ?? []).filter((other) => other !== entry);
    if (left.length === 0) this.byOwner.delete(entry.key);
    else this.byOwner.set(entry.key, left);
  }
}
