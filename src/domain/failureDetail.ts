/**
 * An error as the log has it: with the detail that no caller is told.
 */

/** An error that may have a reason and a detail. */
export interface Failure {
  readonly _tag: string;
  readonly message: string;
  readonly reason?: unknown;
  readonly detail?: string;
}

/** Characters of a detail that are logged; an engine's answer can be long. */
const detailMax = 2_000;

const reasonOf = (reason: unknown): string | undefined =>
  typeof reason === "string"
    ? reason
    : typeof reason === "object" && reason !== null && "_tag" in reason
    ? String(reason._tag)
    : undefined;

/** The fields of a log line about an error: what it is, why, and its detail. */
export const logged = (error: Failure): Readonly<Record<string, string>> => {
  const reason = reasonOf(error.reason);
  return {
    error: reason === undefined ? error._tag : `${error._tag}.${reason}`,
    ...(error.detail === undefined || error.detail === "" ? {} : { detail: error.detail.slice(0, detailMax) }),
  };
};
