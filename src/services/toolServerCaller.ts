/**
 * How a process names the owners of its sandboxes to the tool server that has them.
 *
 * Both ends are here: what the tool server reads, and what its callers send.
 */
import { Option, Redacted } from "effect";
import { ownerKey } from "../domain/ids.ts";
import type { Owner } from "../domain/Owner.ts";

/** Names a user within the caller's credential. */
const userHeader = "x-user-id";

/** A caller that itself serves a one-request user says so, and the sandbox ends with its last use. */
export const ephemeralHeader = "x-caisson-ephemeral";

/** Who asks: the key of an owner, which tells nothing about it, and whether it lives for one request. */
export interface AskingOwner {
  readonly key: string;
  readonly ephemeral: boolean;
}

/** The headers of a request in an owner's name. */
export const callerHeaders = (
  { key, ephemeral }: AskingOwner,
  credential: Option.Option<Redacted.Redacted<string>>,
): Readonly<Record<string, string>> => ({
  [userHeader]: key,
  ...(ephemeral && { [ephemeralHeader]: "true" }),
  ...(Option.isSome(credential) && { authorization: `Bearer ${Redacted.value(credential.value)}` }),
});

/** An owner as it asks. */
export const askingOwner = (owner: Owner): AskingOwner => ({ key: ownerKey(owner), ephemeral: owner.ephemeral });
