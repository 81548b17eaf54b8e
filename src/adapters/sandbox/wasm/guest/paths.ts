/**
 * The guest's file tree: which directory of the host stands behind a path inside the sandbox.
 */
import { workspaceFolder } from "../../../../domain/workspacePaths.ts";
import type { GuestOptions } from "../wire.ts";

/** A directory of the host and where the sandbox sees it. */
export interface Mount {
  readonly at: string;
  readonly host: string;
  readonly writable: boolean;
}

/** What stands behind `/artifacts`: a folder of the workspace that shows in no plain listing. */
export const artifactsFolder = (options: GuestOptions): string => `${options.workspace}/.caisson/artifacts`;

/** The mounts of a guest; nothing outside them exists on the host. */
export const mountsOf = (options: GuestOptions): ReadonlyArray<Mount> => [
  { at: workspaceFolder, host: options.workspace, writable: true },
  // The workspace as OpenAI's clients call it.
  { at: "/mnt/data", host: options.workspace, writable: true },
  { at: "/artifacts", host: artifactsFolder(options), writable: true },
  { at: "/tmp", host: options.temporary, writable: true },
  ...(options.tools === undefined ? [] : [{ at: "/tools", host: options.tools, writable: false }]),
  ...(options.skills === undefined ? [] : [{ at: "/skills", host: options.skills, writable: false }]),
];

/** A refusal that the caller may read. */
export class Refused extends Error {
  override readonly name = "Refused";
  constructor(readonly reason: string, why: string) {
    super(why);
  }
}

/** A path inside the sandbox without dots and doubled slashes; a relative one, or `~`, is under `/workspace`. */
export const normalise = (path: string): string => {
  if (path === "" || path.includes("\0")) throw new Refused("InvalidPath", "not a usable path");
  const parts: Array<string> = [];
  for (
    const part of (path.startsWith("/") ? path : `${workspaceFolder}/${path.replace(/^~(?=\/|$)/, "")}`).split("/")
  ) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
};

/** The host's path behind one inside, which has been normalised. */
export const hostPath = (mounts: ReadonlyArray<Mount>, path: string, write: boolean): string => {
  const mount = mounts.find(({ at }) => path === at || path.startsWith(`${at}/`));
  if (mount === undefined) {
    throw write
      ? new Refused("ReadOnly", "only /workspace, /artifacts and /tmp can be written")
      : new Refused("NotFound", "no such file or directory");
  }
  if (write && !mount.writable) throw new Refused("ReadOnly", `${mount.at} is read-only`);
  return mount.host + path.slice(mount.at.length);
};

/** Whether the host reports that there is no such thing. */
export const isAbsent = (error: unknown): boolean => error instanceof Deno.errors.NotFound;

/** What the host says about a file, in the words of FileError. */
export const refusalOf = (error: unknown): Refused => {
  if (error instanceof Refused) return error;
  if (error instanceof Deno.errors.NotFound) return new Refused("NotFound", "no such file or directory");
  if (error instanceof Deno.errors.NotADirectory) return new Refused("NotADirectory", "a parent is not a directory");
  if (error instanceof Deno.errors.IsADirectory) return new Refused("IsDirectory", "is a directory");
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return new Refused("PermissionDenied", "permission denied");
  }
  if (error instanceof Deno.errors.FilesystemLoop) return new Refused("InvalidPath", "too many links");
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOTDIR") return new Refused("NotADirectory", "a parent is not a directory");
  if (code === "EISDIR") return new Refused("IsDirectory", "is a directory");
  if (code === "ENOSPC" || code === "EDQUOT") return new Refused("NoSpace", "no space left");
  if (code === "ENAMETOOLONG") return new Refused("InvalidPath", "the name is too long");
  if (code === "EROFS") return new Refused("ReadOnly", "the file system is read-only");
  return new Refused("Other", "the file operation failed");
};
