/**
 * What a turn asks of a person, as it goes over the wire.
 */
import { Schema } from "effect";
import { approvalId } from "../../domain/Approval.ts";
import { heldCalls, type Turn } from "../../domain/Session.ts";

const HeldCallOut = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  arguments: Schema.String.annotate({ description: "JSON, whole: what is approved is what is read." }),
  rule: Schema.NullOr(Schema.String).annotate({
    description: "The rule that asks; null for a call that waits for one before it.",
  }),
});

/** What is asked, in the order in which the calls would be carried out. */
export const askedFields = {
  id: Schema.String,
  expires_at: Schema.Int.annotate({ description: "Seconds since the epoch; an approval then comes too late." }),
  calls: Schema.Array(HeldCallOut),
};

/** What a turn asks, beside the turn. */
export const TurnApprovalOut = Schema.Struct(askedFields).annotate({
  description: "What the turn asks of a person, while its status is awaiting-approval.",
});

/** What a turn asks. */
export const askedOut = (turn: Turn): typeof TurnApprovalOut.Type => ({
  id: approvalId(turn.id),
  expires_at: Math.floor((turn.asked?.expiresAtMs ?? 0) / 1000),
  calls: heldCalls(turn).map(({ call: { id, name, argumentsJson }, rule }) => ({
    id,
    name,
    arguments: argumentsJson,
    rule: rule ?? null,
  })),
});
