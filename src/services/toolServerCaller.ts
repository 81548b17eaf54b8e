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

/** The headers of a request in an owner's name, which tells nothing about the owner. */
export const callerHeaders = (
  owner: Owner,
  key: Option.Option<Redacted.Redacted<string>>,
): Readonly<Record<string, string>> => ({
  [userHeader]: ownerKey(owner),
  ...(owner.ephemeral && { [ephemeralHeader]: "true" }),
  ...(Option.isSome(key) && { authorization: `Bearer ${Redacted.value(key.value)}` }),
});
