/**
 * What the tool that asks for a host does once a person has decided: it grants, and never by a model's word.
 */
import { Effect } from "effect";
import { accessRule, type AccessTarget, accessTarget, requestAccess, targetText } from "../domain/accessRequest.ts";
import type { ToolCall } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import type { ToolResult } from "../domain/Tool.ts";
import { unaskableText } from "../domain/toolPolicy.ts";
import type { EgressAccess } from "../services/Egress.ts";
import type { ToolCallOptions } from "../services/Toolbox.ts";

const failed = (message: string): ToolResult => ({ text: `Error: ${message}`, isError: true });

const unreadable = `Invalid arguments for ${requestAccess.name}: it takes a host, which is a name such as ` +
  "api.example.com without scheme, port and path and is no address, a port from 1 to 65535 where it is not 443, and " +
  "a reason of at most 500 characters";

const grantedText = (target: AccessTarget, seconds: number): string =>
  `Granted: programs in the sandbox can reach ${targetText(target)} for ${seconds} seconds, through the proxy that ` +
  "their environment names.";

const granted = Effect.fnUntraced(function* (
  access: EgressAccess,
  owner: Owner,
  target: AccessTarget,
  isApproved: boolean,
): Effect.fn.Return<ToolResult> {
  const name = targetText(target);
  const said = yield* access.to(owner, target);
  if (said._tag === "Never") return failed(`${name} cannot be asked for: ${said.why}`);
  if (said._tag === "Reachable") return { text: `${name} can be reached without asking.`, isError: false };
  if (!isApproved) return { text: unaskableText(accessRule(target)), isError: true };
  const grant = yield* access.grant(owner, target);
  if (grant === undefined) return failed("too many hosts are granted now; wait until the time of one is over");
  const { seconds } = access;
  const why = `a person granted it for ${seconds} seconds`;
  const nothing = { connections: 0, upBytes: 0, downBytes: 0 };
  return {
    text: grantedText(target, seconds),
    isError: false,
    structured: { ...target, seconds },
    egress: { records: [{ ...target, verdict: "granted", why, ...nothing }], connectionsLeftOut: 0 },
  };
});

/** Carries out a call that asks for a host; undefined when it is another one, or nobody is asked. */
export const handleAccessCall = (
  call: ToolCall,
  owner: Owner,
  access: EgressAccess | undefined,
  { approved = false }: ToolCallOptions = {},
): Effect.Effect<ToolResult> | undefined => {
  if (access === undefined || call.name !== requestAccess.name) return undefined;
  const target = accessTarget(call.argumentsJson);
  return target === undefined ? Effect.succeed(failed(unreadable)) : granted(access, owner, target, approved);
};
