/**
 * What an operation ended with, as the closed word that a label or a span may carry: never a text of an error.
 */
import { Cause, Exit } from "effect";

/** Stands for what has no word of its own. */
const otherValue = "_OTHER";

/** The word for what somebody gave up. */
const cancelled = "cancelled";

const tagOf = (value: unknown): string | undefined =>
  typeof value === "object" && value !== null && "_tag" in value && typeof value._tag === "string"
    ? value._tag
    : undefined;

const typeOf = (error: unknown): string => {
  const reason = typeof error === "object" && error !== null && "reason" in error ? tagOf(error.reason) : undefined;
  return reason ?? tagOf(error) ?? otherValue;
};

/** The type of an operation's failure, undefined when it succeeded. */
export const errorTypeOf = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined;
  if (Cause.hasInterruptsOnly(exit.cause)) return cancelled;
  const failure = exit.cause.reasons.find(Cause.isFailReason);
  return failure === undefined ? otherValue : typeOf(failure.error);
};
