/**
 * Ids of responses and of their items: an item's id says which response it is of, and is the same whenever it is told.
 */
import { randomBytes } from "node:crypto";

/** Random bytes of a response's id: they cannot be guessed, and stand in the ids of its items. */
const stemBytes = 20;
/** Hex digits that tell a response's items apart; the response itself has zeros there. */
const placeDigits = 8;

/** Makes the id of a response. */
export const makeResponseId = (): string => `resp_${randomBytes(stemBytes).toString("hex")}${"0".repeat(placeDigits)}`;

/** Makes the id of a conversation. */
export const makeConversationId = (): string => `conv_${randomBytes(stemBytes + placeDigits / 2).toString("hex")}`;

/** Makes the id of an event that somebody is told of. */
export const makeEventId = (): string => `evt_${randomBytes(stemBytes + placeDigits / 2).toString("hex")}`;

const stemOf = (id: string): string => id.slice(id.indexOf("_") + 1, -placeDigits);

/** The id of a response's item; `place` counts its output from 1, its input from `inputPlace`. */
export const itemId = (prefix: string, responseId: string, place: number): string =>
  `${prefix}_${stemOf(responseId)}${place.toString(16).padStart(placeDigits, "0")}`;

/** The first place of input items. */
export const inputPlace = 0x80_00_00_00;

/** The first place of what is asked of a person: its id is known before it is known what stands before it. */
const approvalPlace = 0x40_00_00_00;

/** The id under which a response asks for one of the calls that wait. */
export const approvalRequestId = (responseId: string, index: number): string =>
  itemId("mcpr", responseId, approvalPlace + index);

/** The response that an item belongs to, by the item's id; undefined for an id that is not of this server. */
export const responseOfItem = (id: string): string | undefined =>
  /^[a-z]{2,4}_[0-9a-f]{48}$/.test(id) ? `resp_${stemOf(id)}${"0".repeat(placeDigits)}` : undefined;
