/**
 * What the supervisor's error codes mean to the reader of a file tool.
 *
 * Codes are Linux errno numbers, and numbers from 1001 for what errno has no name for. Only for the
 * latter is the supervisor's own text shown, bounded by its frame.
 */
import { FileError } from "../../../services/Sandbox.ts";

type Reason = FileError["reason"];

/** The supervisor could not fork. */
export const noProcessLeft = 1012;

const byErrno: ReadonlyMap<number, readonly [Reason, string]> = new Map([
  [1, ["PermissionDenied", "operation not permitted"]],
  [2, ["NotFound", "no such file or directory"]],
  [13, ["PermissionDenied", "permission denied"]],
  [17, ["NotADirectory", "a file stands where a directory is needed"]],
  [20, ["NotADirectory", "a part of the path is not a directory"]],
  [21, ["IsDirectory", "is a directory"]],
  [22, ["InvalidPath", "not a valid path"]],
  [26, ["PermissionDenied", "the file is being executed"]],
  [27, ["TooLarge", "larger than the sandbox allows for one file"]],
  [28, ["NoSpace", "no space left in the sandbox"]],
  [30, ["ReadOnly", "read-only place"]],
  [36, ["InvalidPath", "the name is too long"]],
  [39, ["IsDirectory", "the directory is not empty"]],
  [40, ["InvalidPath", "too many links"]],
  [122, ["NoSpace", "the quota of the sandbox is used up"]],
]);

const byOwnCode: ReadonlyMap<number, Reason> = new Map([
  [1001, "NotText"],
  [1002, "UnsupportedFile"],
  [1003, "NotPython"],
  [1004, "NoSuchFunction"],
  [1005, "TooLarge"],
  [1006, "PermissionDenied"],
  [1010, "Changed"],
  [1011, "ReadOnly"],
  [noProcessLeft, "Other"],
]);

/** Turns an error frame into the error of a file operation. */
export const toFileError = (path: string, error: { readonly code: number; readonly text: string }): FileError => {
  const own = byOwnCode.get(error.code);
  if (own !== undefined) return new FileError({ path, reason: own, why: error.text || "refused" });
  const [reason, why] = byErrno.get(error.code) ?? ["Other", error.text || `failed with error ${error.code}`];
  // A missing module is told where it was looked for; that text cannot be known here.
  return new FileError({ path, reason, why: error.code === 2 && error.text.includes("module") ? error.text : why });
};
