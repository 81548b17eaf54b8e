/**
 * What programs reached of the world and what they were refused, in numbers: no path and nothing of what was carried.
 */
import { Schema } from "effect";

/** What became of a connection: it was let through, it was refused, or nothing answered where it was to go. */
export const EgressVerdict = Schema.Literals(["allowed", "refused", "failed"]);
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

/** Records in the order in which they first appeared, and how many connections have no place among them. */
export const EgressSummary = Schema.Struct({
  records: Schema.Array(EgressRecord),
  connectionsLeftOut: Schema.Int,
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
