/**
 * What a message says of files that came with it, told apart from the user's own words.
 */

/** A line of `attachmentNote`, which stands behind the words. */
const noteLine = /^\[The user attached an? [a-z ]{4,12}\. It is saved in the workspace as (\/[^\]]+)\]$/;

/** The user's own words, and where the attached files are. */
export const readAttached = (message: string): { readonly words: string; readonly files: ReadonlyArray<string> } => {
  const lines = message.split("\n");
  const files: Array<string> = [];
  for (let last = lines.at(-1); last !== undefined; last = lines.at(-1)) {
    const [, path] = noteLine.exec(last) ?? [];
    if (path === undefined) break;
    files.unshift(path);
    lines.pop();
  }
  return { words: files.length === 0 ? message : lines.join("\n").trimEnd(), files };
};
