/**
 * Where things are inside a sandbox, as models, clients and our own code name them.
 */

/** The working directory of every command; what a user keeps lives under it. */
export const workspaceFolder = "/workspace";

/** Where files are put that come with a message or an upload. */
export const uploadsFolder = `${workspaceFolder}/uploads`;

/** Whether a path is that of a file which its user put there. */
export const isUpload = (path: string): boolean => path.startsWith(`${uploadsFolder}/`);
