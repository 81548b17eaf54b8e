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

/** What a header `Authorization` shows: a key, nothing at all, or something that is no bearer's key. */
export type ShownCredential =
  | { readonly _tag: "Key"; readonly key: string }
  | { readonly _tag: "Missing" }
  | { readonly _tag: "NotBearer" };

/**
 * Reads a header `Authorization`.
 *
 * *Details*: a `Bearer` without a key is what clients send whose key is not set: nothing is shown by it. A key without
 * `Bearer` is never looked up, so nobody learns whether it would be one.
 *
 * *Source*: RFC 6750, section 2.1.
 */
export const credentialIn = (authorization: string | undefined): ShownCredential => {
  const shown = authorization?.trim() ?? "";
  if (shown === "" || shown.toLowerCase() === "bearer") return { _tag: "Missing" };
  const key = /^Bearer +(\S+)$/i.exec(shown)?.[1];
  return key === undefined ? { _tag: "NotBearer" } : { _tag: "Key", key };
};

/** The default user of a principal: no client can name it, because a named user is never empty. */
const defaultUser = "";

/** A principal's name in its owners; the kind is part of it, so a key and a JWT subject never meet. */
export const principalName = (principal: Principal): string =>
  principal.kind === "anonymous" ? principal.kind : `${principal.kind}:${principal.name}`;

/** Who owns what a request makes that names no user: its conversation, all under the key, or the request itself. */
export type Unnamed = "conversation" | "key" | "request";

/**
 * The owner of a request that names nobody and that no conversation owns.
 *
 * *Details*: `key` makes everything unnamed under one principal one user, `request` ends with the request. Where
 * conversations own themselves this is asked for what belongs to none, such as a list of sessions: a principal with a
 * credential then means its default user, and anonymous nobody.
 */
export const unnamedOwner = (identity: Identity, unnamed: Unnamed): Owner => {
  const principal = principalName(identity.principal);
  const once = unnamed === "request" || (unnamed === "conversation" && identity.principal.kind === "anonymous");
  return once
    ? { principal, user: makeId("once"), ephemeral: true }
    : { principal, user: defaultUser, ephemeral: false };
};

/**
 * The owner of a request that names a session and no user.
 *
 * *Details*: a principal's default user, under whom its sessions are listed. Anonymous has none, because strangers who
 * share a machine would share it: there a session that is named owns itself.
 */
export const sessionOwner = (identity: Identity, sessionId: string, unnamed: Unnamed): Owner =>
  identity.principal.kind === "anonymous" && unnamed === "conversation"
    ? { principal: principalName(identity.principal), user: `session:${sessionId}`, ephemeral: false }
    : unnamedOwner(identity, unnamed);

/**
 * The owner of a connection that names nobody, such as a session of MCP.
 *
 * *Details*: the connection is the conversation: what it owns ends with it. `key` and `request` mean what they mean for
 * a request.
 */
export const connectionOwner = (identity: Identity, claims: UserClaims, unnamed: Unnamed): Owner =>
  ownerOf(identity, claims, unnamed === "conversation" ? "request" : unnamed);

/** The user that a request names, verified or claimed; undefined when it names nobody. */
const namedUser = (identity: Identity, claims: UserClaims): string | undefined =>
  [identity.verifiedUser, claims.user, claims.safetyIdentifier, claims.xUserId]
    .find((name) => name !== undefined && name !== null && name.trim() !== "") ?? undefined;

/** Whether a request names its user. */
export const namesUser = (identity: Identity, claims: UserClaims): boolean => namedUser(identity, claims) !== undefined;

/**
 * The owner a request acts for: `user`, then `safety_identifier`, then `x-user-id`, within its principal.
 *
 * *Details*: a verified user outranks all three. Blank names count as absent. When nobody is named, it is
 * {@link unnamedOwner}'s.
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
export const ownerOf = (
  identity: Identity,
  claims: UserClaims = {},
  unnamed: Unnamed = "conversation",
): Owner => {
  const user = namedUser(identity, claims);
  return user === undefined
    ? unnamedOwner(identity, unnamed)
    : { principal: principalName(identity.principal), user, ephemeral: false };
};

const loopbackNames: ReadonlySet<string> = new Set(["localhost", "::1", "[::1]"]);

/** Whether an address to listen on can be reached from this machine only. */
export const isLoopback = (host: string): boolean =>
  loopbackNames.has(host.toLowerCase()) || /^127(?:\.\d{1,3}){3}$/.test(host);
