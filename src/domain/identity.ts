/**
 * Who owns what a request makes: the one rule behind every door.
 *
 * The principal comes from a credential and is never chosen; the user only subdivides it.
 */
import { makeId } from "./ids.ts";
import type { Owner, Principal } from "./Owner.ts";

/** Who showed a credential. */
export interface Identity {
  readonly principal: Principal;
  /** A user that a trusted proxy vouches for by signature; it outranks every user that a request names. */
  readonly verifiedUser?: string;
}

/** The places where a request may name its user, as received. */
export interface UserClaims {
  readonly user?: string | null | undefined;
  readonly safetyIdentifier?: string | null | undefined;
  readonly xUserId?: string | null | undefined;
}

/** The default user of a principal: no client can name it, because a named user is never empty. */
const defaultUser = "";

/** A principal's name in its owners; the kind is part of it, so a key and a JWT subject never meet. */
const principalName = (principal: Principal): string =>
  principal.kind === "anonymous" ? principal.kind : `${principal.kind}:${principal.name}`;

/**
 * The owner a request acts for: `user`, then `safety_identifier`, then `x-user-id`, within its principal.
 *
 * *Details*: a verified user outranks all three. Blank names count as absent. When nobody is named, a
 * principal with a credential gets its default user and anonymous gets a new one for this request only.
 *
 * *Example* (keep the users of two keys apart):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { ownerOf } from "@caisson/caisson";
 *
 * const ofShop = ownerOf({ principal: { kind: "api-key", name: "shop" } }, { user: "ada" });
 * assert.deepEqual(ofShop, { principal: "api-key:shop", user: "ada", ephemeral: false });
 *
 * // The same user name under another key is another owner; a stranger on loopback lives for one request.
 * assert.notDeepEqual(ownerOf({ principal: { kind: "api-key", name: "lab" } }, { user: "ada" }), ofShop);
 * assert.equal(ownerOf({ principal: { kind: "anonymous", name: "anonymous" } }).ephemeral, true);
 * ```
 */
export const ownerOf = (identity: Identity, claims: UserClaims = {}): Owner => {
  const principal = principalName(identity.principal);
  const named = [identity.verifiedUser, claims.user, claims.safetyIdentifier, claims.xUserId]
    .find((name) => name !== undefined && name !== null && name.trim() !== "");
  if (named !== undefined && named !== null) return { principal, user: named, ephemeral: false };
  return identity.principal.kind === "anonymous"
    ? { principal, user: makeId("once"), ephemeral: true }
    : { principal, user: defaultUser, ephemeral: false };
};

const loopbackNames: ReadonlySet<string> = new Set(["localhost", "::1", "[::1]"]);

/** Whether an address to listen on can be reached from this machine only. */
export const isLoopback = (host: string): boolean =>
  loopbackNames.has(host.toLowerCase()) || /^127(?:\.\d{1,3}){3}$/.test(host);
