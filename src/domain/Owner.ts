/**
 * Who owns a sandbox, a session or a file.
 *
 * The principal comes from a credential; the user only subdivides it. Everything owned is keyed by
 * the pair, never by a raw string a client sent.
 */
import { Schema } from "effect";

/** The bearer of a credential: a named API key, a JWT's subject, or `anonymous` on loopback. */
export const Principal = Schema.Struct({
  name: Schema.String,
  kind: Schema.Literals(["anonymous", "api-key", "jwt"]),
});
export type Principal = typeof Principal.Type;

/** One user of one principal. */
export const Owner = Schema.Struct({
  principal: Schema.String,
  user: Schema.String,
  /** Lives for one request: sandbox, workspace and session end with it. */
  ephemeral: Schema.Boolean,
});
export type Owner = typeof Owner.Type;

/** A name for an owner that is unique, safe in paths and labels, and tells nothing about the owner. */
export const OwnerKey = Schema.String.check(Schema.isPattern(/^[0-9a-f]{32}$/)).pipe(Schema.brand("OwnerKey"));
export type OwnerKey = typeof OwnerKey.Type;
