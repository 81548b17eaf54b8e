/**
 * An error as the log has it: with the detail that no caller is told.
 */

/** An error that may have a reason and a detail. */
export interface Failure {
  readonly _tag: string;
  readonly message: string;
  readonly reason?: unknown;
  readonly detail?: string;
  /** The detail is somebody else's text, which may repeat what users said. */
  readonly isForeign?: boolean;
  /** What may be told where the detail may not. */
  readonly status?: unknown;
  readonly code?: unknown;
}

/** Characters of a detail that are logged; an engine's answer can be long. */
const detailMax = 2_000;

const reasonOf = (reason: unknown): string | undefined =>
  typeof reason === "string"
    ? reason
    : typeof reason === "object" && reason !== null && "_tag" in reason
    ? String(reason._tag)
    : undefined;

/**
 * The fields of a log line about an error: what it is, why, and its detail.
 *
 * *Details*: a detail that is somebody else's text is left out unless `tellsContent`; its status and code stand for it.
 */
export const logged = (error: Failure, tellsContent = false): Readonly<Record<string, string | number>> => {
  const { detail = "", status, code, isForeign = false } = error;
  const reason = reasonOf(error.reason);
  return {
    error: reason === undefined ? error._tag : `${error._tag}.${reason}`,
    ...(isForeign && typeof status === "number" && { status }),
    ...(isForeign && typeof code === "string" && { code }),
    ...(detail !== "" && (tellsContent || !isForeign) && { detail: detail.slice(0, detailMax) }),
  };
};
