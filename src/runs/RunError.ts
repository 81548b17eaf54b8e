/**
 * Everything that can go wrong with a run, in words that no door owns.
 *
 * A door adds what it knows of its own wire: `src/http/frame/errorTable.ts` gives each of them a status and a
 * sentence.
 */
import { Schema } from "effect";
import type { TurnNotFound } from "../agent/Conversation.ts";
import type { AgentError } from "../agent/AgentRequest.ts";
import type { LimitsUnavailable, TooManyRequests } from "../services/Limits.ts";
import type { FileError } from "../services/Sandbox.ts";

/** A key of a request was used before for a different request. */
export class IdempotencyKeyReused extends Schema.TaggedError<IdempotencyKeyReused>()("IdempotencyKeyReused", {}) {}

/** An answer to a tool call that nobody made in this conversation. */
export class UnknownCallAnswered extends Schema.TaggedError<UnknownCallAnswered>()("UnknownCallAnswered", {
  callId: Schema.String,
}) {}

/** Somebody cancelled the run by its id; what it completed is in its session. */
export class RunCancelled extends Schema.TaggedError<RunCancelled>()("RunCancelled", {}) {}

/** The process is going down; the run was cut and a retry finds the next process. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", {}) {}

/** A bug of ours; its cause is in the log. */
export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", {}) {}

/**
 * Everything a run can end with instead of `RunFinished`.
 *
 * *Example* (say why there is no answer):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { RunError } from "@caisson/caisson";
 *
 * const sentence = (error: RunError.RunError): string => {
 *   switch (error._tag) {
 *     case "RunCancelled":
 *       return "You stopped it.";
 *     case "TooManyRequests":
 *       return error.message;
 *     default:
 *       return "Something went wrong.";
 *   }
 * };
 * assert.equal(sentence(new RunError.RunCancelled()), "You stopped it.");
 * ```
 */
export type RunError =
  | AgentError
  | FileError
  | TooManyRequests
  | LimitsUnavailable
  | IdempotencyKeyReused
  | UnknownCallAnswered
  | TurnNotFound
  | RunCancelled
  | ShuttingDown
  | InternalError;
