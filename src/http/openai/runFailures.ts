/**
 * What a request that starts a run can fail with, the same for every dialect.
 */
import { failsWith, jsonFailures } from "../frame/failures.ts";

/** Names of them, for endpoints that can fail with more. */
export const runErrors = [
  ...jsonFailures,
  "FileError",
  "FileNotFound",
  "FilesUnavailable",
  "ModelError",
  "ModelNotFound",
  "SandboxError",
  "ToolServerUnavailable",
  "SessionsUnavailable",
  "SpendingLimitReached",
  "TooManyRequests",
  "LimitsUnavailable",
  "IdempotencyKeyReused",
  "UnknownCallAnswered",
  "TurnNotFound",
  "ConversationNotFound",
  "RunCancelled",
  "ShuttingDown",
  "InternalError",
] as const;

/** The failures of a request with a body that starts a run. */
export const runFailures = failsWith(...runErrors);

/** The failures of one that may name a container as well. */
export const containerRunFailures = failsWith(...runErrors, "ContainerNotFound", "ContainerExpired");
