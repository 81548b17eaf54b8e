/**
 * Files that an answer names and that are not what it says: missing, empty or broken.
 */

/** A file that its reader cannot use. */
export interface FileFault {
  /** As the answer names it. */
  readonly path: string;
  /** Absolute path inside the sandbox. */
  readonly fullPath: string;
  /** What is wrong with it, in a few words. */
  readonly why: string;
}

const listed = (faults: ReadonlyArray<FileFault>): string =>
  faults.map(({ path, why }) => `${path}: ${why}`).join("\n");

/** What the model is told, which may mend the files once. */
export const faultsForModel = (faults: ReadonlyArray<FileFault>): string =>
  "[From the system, not from the user] The files that your answer names were looked at before it was given out:\n" +
  `${listed(faults)}\nMend what the user should get and say in one sentence what you mended, or say what is missing. ` +
  "Do not repeat your answer.";

/** What the reader is told of files that stayed as they were. */
export const faultsForReader = (faults: ReadonlyArray<FileFault>): string =>
  `\n\n**Not available:** ${
    faults.map(({ path, why }) => `\`${path.replaceAll("`", "'").slice(0, 200).toWellFormed()}\` (${why})`).join(", ")
  }`;
