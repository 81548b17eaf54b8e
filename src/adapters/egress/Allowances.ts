/**
 * What owners may still use: connections at once and a minute, bytes a day.
 */
import type { OwnerKey } from "../../domain/Owner.ts";

/** Bounds of each owner. */
export interface AllowanceBounds {
  readonly connectionsMax: number;
  readonly connectionsPerMinute: number;
  readonly bytesPerConnection: number;
  readonly bytesPerDay: number;
}

/** Owners remembered; of those without a connection the one seen longest ago is forgotten first. */
const ownersMax = 10_000;
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

interface Allowance {
  open: number;
  /** Connections that may still begin: fills with time up to those of a minute. */
  openings: number;
  atMs: number;
  day: number;
  bytesToday: number;
}

/** One connection's share. */
export interface Share {
  /** Counts bytes; tells why no more may pass, undefined while they may. */
  readonly count: (bytes: number, nowMs: number) => string | undefined;
  readonly leave: () => void;
}

/** The allowances of every owner. */
export class Allowances {
  private readonly owners = new Map<OwnerKey, Allowance>();

  constructor(private readonly bounds: AllowanceBounds) {}

  /** Begins a connection; the answer says why it may not be where it is a text. */
  enter(key: OwnerKey, nowMs: number): Share | string {
    const own = this.of(key, nowMs);
    const { connectionsMax, connectionsPerMinute, bytesPerConnection, bytesPerDay } = this.bounds;
    const filled = own.openings + Math.max(0, nowMs - own.atMs) * connectionsPerMinute / minuteMs;
    own.openings = Math.min(connectionsPerMinute, filled);
    own.atMs = nowMs;
    if (own.open >= connectionsMax) return `there are ${connectionsMax} connections already`;
    if (own.openings < 1) return `there were ${connectionsPerMinute} new connections within a minute`;
    const spent = () => own.bytesToday >= bytesPerDay ? "the bytes of this day are spent" : undefined;
    const today = spent();
    if (today !== undefined) return today;
    own.openings -= 1;
    own.open += 1;
    let bytes = 0;
    let hasLeft = false;
    return {
      count: (more, atMs) => {
        bytes += more;
        this.turnDay(own, atMs);
        own.bytesToday += more;
        return bytes > bytesPerConnection ? "the connection carried as many bytes as one may" : spent();
      },
      leave: () => {
        if (!hasLeft) own.open -= 1;
        hasLeft = true;
      },
    };
  }

  private of(key: OwnerKey, nowMs: number): Allowance {
    const known = this.owners.get(key) ??
      {
        open: 0,
        openings: this.bounds.connectionsPerMinute,
        atMs: nowMs,
        day: Math.floor(nowMs / dayMs),
        bytesToday: 0,
      };
    // Put in last: the first is then the one seen longest ago.
    this.owners.delete(key);
    this.owners.set(key, known);
    this.turnDay(known, nowMs);
    if (this.owners.size > ownersMax) this.forgetOne();
    return known;
  }

  private turnDay(own: Allowance, nowMs: number): void {
    const day = Math.floor(nowMs / dayMs);
    if (day === own.day) return;
    own.day = day;
    own.bytesToday = 0;
  }

  private forgetOne(): void {
    for (const [key, { open }] of this.owners) {
      if (open > 0) continue;
      this.owners.delete(key);
      return;
    }
  }
}
