/**
 * What our own agent says and reads beside the standard fields of an MCP tool result, under `_meta`.
 *
 * Both ends of the wire are here: the MCP server encodes, the client behind the Toolbox port decodes.
 * Other clients ignore it.
 */
import { Option, Schema, Struct } from "effect";
import { executeBash } from "../domain/agentTools.ts";
import { EgressSummary } from "../domain/EgressRecord.ts";
import { ExecutionOutcome } from "../domain/Execution.ts";
import { RefusedFile, type ToolResult } from "../domain/Tool.ts";
import { type SandboxErrorReason, SandboxErrorReason as Reason } from "./Sandbox.ts";
import type { ToolboxError } from "./Toolbox.ts";

const outcomeKey = "caisson/outcome";
const failureKey = "caisson/failure";
const refusedFileKey = "caisson/refused-file";
const egressKey = "caisson/egress";
const approvedKey = "caisson/approved";

/** The outcome without its output, which the result's structured content holds already. */
const OutcomeRest = ExecutionOutcome.mapFields(Struct.omit(["stdout", "stderr", "egress"]));
const Output = executeBash.output.mapFields(Struct.pick(["stdout", "stderr"]));

const Meta = Schema.Struct({
  [outcomeKey]: Schema.optionalKey(OutcomeRest),
  [failureKey]: Schema.optionalKey(Reason),
  [refusedFileKey]: Schema.optionalKey(RefusedFile),
  [egressKey]: Schema.optionalKey(EgressSummary),
});

const encodeReason = Schema.encodeSync(Reason);
const decodeMeta = Schema.decodeUnknownOption(Meta);
const decodeOutput = Schema.decodeUnknownOption(Output);

/** The `_meta` of a call that a person approved. */
export const approvedMeta: Readonly<Record<string, unknown>> = { [approvedKey]: true };

const isApprovedMeta = Schema.is(Schema.Struct({ [approvedKey]: Schema.Literal(true) }));

/**
 * Whether a call says that a person approved it.
 *
 * *Details*: it is the word of whoever holds the credential, as the answer to a question put to an MCP client is. A
 * model writes arguments, never this.
 */
export const saysApproved = (meta: unknown): boolean => isApprovedMeta(meta);

/** The `_meta` of a result: a command's outcome and egress, or the file operation that was refused. */
export const resultMeta = ({ outcome, refusedFile, egress }: ToolResult): Record<string, unknown> | undefined => {
  if (refusedFile !== undefined) return { [refusedFileKey]: refusedFile };
  const reached = egress === undefined ? undefined : { [egressKey]: egress };
  if (outcome === undefined) return reached;
  const { stdout: _stdout, stderr: _stderr, ...rest } = outcome;
  return { [outcomeKey]: rest, ...reached };
};

/** The `_meta` of a call that the machinery failed; no detail and no cause goes out. */
export const failureMeta = (error: ToolboxError): Record<string, unknown> =>
  error._tag === "SandboxError" ? { [failureKey]: encodeReason(error.reason) } : {};

/** The outcome of a command, put together from a result's `_meta` and its structured content. */
export const outcomeFrom = (meta: unknown, structured: unknown): Option.Option<ExecutionOutcome> =>
  Option.zipWith(
    Option.flatMapNullishOr(decodeMeta(meta), (found) => found[outcomeKey]),
    decodeOutput(structured),
    (rest, output) => ({ ...rest, ...output }),
  );

/** Why the remote sandbox failed, when a result says so. */
export const failureFrom = (meta: unknown): Option.Option<SandboxErrorReason> =>
  Option.flatMapNullishOr(decodeMeta(meta), (found) => found[failureKey]);

/** What the code asked of the network, when a result says so. */
export const egressFrom = (meta: unknown): Option.Option<EgressSummary> =>
  Option.flatMapNullishOr(decodeMeta(meta), (found) => found[egressKey]);

/** The file operation that was refused, when a result says so. */
export const refusedFileFrom = (meta: unknown): Option.Option<RefusedFile> =>
  Option.flatMapNullishOr(decodeMeta(meta), (found) => found[refusedFileKey]);
