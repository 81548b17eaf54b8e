/**
 * Who sends a request, and for which user.
 */
import { Effect } from "effect";
import type { Headers } from "effect/http";
import { type Identity as Identified, ownerOf } from "../../domain/identity.ts";
import type { Owner } from "../../domain/Owner.ts";
import type { IdentityService, IdentityUnavailable, Unauthorized } from "../../services/Identity.ts";
import { readChatUi } from "./chatUi.ts";
import { RequestNotes } from "./RequestNotes.ts";

/** Identifies the bearer of a request's credential and notes it for the log. */
export const identify = Effect.fnUntraced(function* (
  identity: IdentityService,
  headers: Headers.Headers,
): Effect.fn.Return<Identified, Unauthorized | IdentityUnavailable> {
  const who = yield* identity.identify({
    authorization: headers["authorization"],
    forwardedUserJwt: headers["x-openwebui-user-jwt"],
    host: headers["host"],
  });
  (yield* RequestNotes).user = who.principal.name;
  return who;
});

/** The users that a body names. */
export interface NamedUsers {
  readonly user?: string | null | undefined;
  readonly safety_identifier?: string | null | undefined;
}

/** The owner that a request acts for, within its principal. */
export const ownerFor = (who: Identified, headers: Headers.Headers, named: NamedUsers): Owner =>
  ownerOf(who, {
    user: named.user,
    safetyIdentifier: named.safety_identifier,
    // Open WebUI's own header is the weakest: it only says who sits in front of the chat UI.
    xUserId: headers["x-user-id"] ?? readChatUi(headers).userId,
  });
