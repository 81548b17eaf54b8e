/**
 * What programs reached of the world, as it goes over the wire.
 */
import { Schema } from "effect";
import { type EgressRecord, type EgressSummary, EgressVerdict } from "../../domain/EgressRecord.ts";

/** Connections to one host and port that came to the same. */
const EgressOut = Schema.Struct({
  host: Schema.String.annotate({ description: "As far as it could be read; `?` where nothing could." }),
  port: Schema.Int,
  verdict: EgressVerdict,
  reason: Schema.NullOr(Schema.String).annotate({ description: "Why it was refused or failed, or what cut it." }),
  connections: Schema.Int,
  up_bytes: Schema.Number,
  down_bytes: Schema.Number,
}).annotate({ identifier: "EgressRecord" });

/** The members by which an object tells of egress. */
export const egressFields = {
  egress: Schema.Array(EgressOut).annotate({
    description: "What programs asked of the network, hosts in the order in which they first appeared.",
  }),
  egress_left_out: Schema.Int.annotate({ description: "Connections without a place there: the hosts were too many." }),
};

/** The member by which a sandbox tells what persons granted it. */
export const grantedField = {
  egress_granted: Schema.Array(
    Schema.Struct({ host: Schema.String, port: Schema.Int, expires_at_ms: Schema.Number }).annotate({
      identifier: "EgressGrant",
    }),
  ).annotate({
    description: "Hosts that a person let its programs reach for a while, the newest last; some may be over.",
  }),
};

/** What is told of the grants in a summary. */
export const grantedOut = (summary: EgressSummary | undefined) => ({
  egress_granted:
    summary?.granted?.map(({ host, port, expiresAtMs }) => ({ host, port, expires_at_ms: expiresAtMs })) ??
      [],
});

const recordOut = (
  { host, port, verdict, why, connections, upBytes, downBytes }: EgressRecord,
): typeof EgressOut.Type => ({
  host,
  port,
  verdict,
  reason: why ?? null,
  connections,
  up_bytes: upBytes,
  down_bytes: downBytes,
});

/** What is told of a summary; of none, that nothing was asked. */
export const egressOut = (summary: EgressSummary | undefined) => ({
  egress: summary?.records.map(recordOut) ?? [],
  egress_left_out: summary?.connectionsLeftOut ?? 0,
});
