/**
 * What every store of responses shares: units, and how a response is written.
 */
import { Schema } from "effect";
import { ResponseTurn, StoredResponse, WaitingCall } from "../../services/ResponseStore.ts";

/** A day, in milliseconds. */
export const dayMs = 24 * 60 * 60 * 1000;

const { turn: _turn, aliveUntilMs: _alive, ...kept } = StoredResponse.fields;

/** Reads back everything of a response that stands in its body; throws where the store holds something else. */
export const decodeBody = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct(kept)));

/** Reads back a response's turn; throws where the store holds something else. */
export const decodeTurn = Schema.decodeUnknownSync(Schema.fromJsonString(ResponseTurn));

/** Reads back a call that waits for a person; throws where the store holds something else. */
export const decodeWaiting = Schema.decodeUnknownSync(Schema.fromJsonString(WaitingCall));

/** A response as two texts: its turn, which chains read, and the rest. */
export const encoded = ({ turn, aliveUntilMs: _, ...body }: StoredResponse) => ({
  turn: JSON.stringify(turn),
  body: JSON.stringify(body),
});
