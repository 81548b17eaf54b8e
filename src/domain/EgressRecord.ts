/**
 * What programs reached of the world and what they were refused, in numbers: no path and nothing of what was carried.
 */
import { Schema } from "effect";

/**
 * What became of a connection: it was let through, it was refused, or nothing answered where it was to go. `granted` is
 * none: a person let a host be reached for a while.
 */
export const EgressVerdict = Schema.Literals(["allowed", "refused", "failed", "granted"]);
export type EgressVerdict = typeof EgressVerdict.Type;

/** Connections to one host and port that came to the same. */
export const EgressRecord = Schema.Struct({
  /** As far as it could be read; `?` where nothing could. */
  host: Schema.String,
  port: Schema.Int,
  verdict: EgressVerdict,
  /** Why it was refused or failed, and what cut a connection that was allowed, in words fit for the model. */
  why: Schema.optionalKey(Schema.String),
  connections: Schema.Int,
  upBytes: Schema.Number,
  downBytes: Schema.Number,
});
export type EgressRecord = typeof EgressRecord.Type;

/** A host that a person let a sandbox reach for a while. */
export const EgressGrant = Schema.Struct({ host: Schema.String, port: Schema.Int, expiresAtMs: Schema.Number });
export type EgressGrant = typeof EgressGrant.Type;

/** Records in the order in which they first appeared, and how many connections have no place among them. */
export const EgressSummary = Schema.Struct({
  records: Schema.Array(EgressRecord),
  connectionsLeftOut: Schema.Int,
  /** What a person granted the sandbox, the newest last; told of a whole sandbox, and only where there is something. */
  granted: Schema.optionalKey(Schema.Array(EgressGrant)),
});
export type EgressSummary = typeof EgressSummary.Type;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const keyOf = ({ host, port, verdict, why }: EgressRecord): string => JSON.stringify([host, port, verdict, why ?? ""]);

/** Adds connections up, of at most so many kinds; what is one too many is counted only. */
export class EgressTally {
  readonly #records = new Map<string, Mutable<EgressRecord>>();
  #leftOut = 0;

  constructor(readonly recordsMax: number) {}

  add(record: EgressRecord): void {
    const key = keyOf(record);
    const known = this.#records.get(key);
    if (known !== undefined) {
      known.connections += record.connections;
      known.upBytes += record.upBytes;
      known.downBytes += record.downBytes;
    } else if (this.#records.size < this.recordsMax) this.#records.set(key, { ...record });
    else this.#leftOut += record.connections;
  }

  addAll({ records, connectionsLeftOut }: EgressSummary): void {
    for (const record of records) this.add(record);
    this.#leftOut += connectionsLeftOut;
  }

  /** What was added so far; undefined when nothing was. */
  get summary(): EgressSummary | undefined {
    if (this.#records.size === 0 && this.#leftOut === 0) return undefined;
    return { records: [...this.#records.values()].map((record) => ({ ...record })), connectionsLeftOut: this.#leftOut };
  }
}
