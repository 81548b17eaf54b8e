/**
 * A turn as text in a store: JSON, checked against its schema when it is read back.
 */
import { Schema } from "effect";
import { Turn } from "../../domain/Session.ts";

/** Writes a turn as text; turns are plain data, so nothing is lost. */
export const encodeTurn = (turn: Turn): string => JSON.stringify(turn);

/** Reads a turn back. *Throws* when the text is not a turn, which means that the store was damaged. */
export const decodeTurn: (text: unknown) => Turn = Schema.decodeUnknownSync(Schema.fromJsonString(Turn));
