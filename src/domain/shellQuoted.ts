/**
 * A text as one word of a shell.
 */

/** Quotes a text so that a POSIX shell takes it literally, whatever it holds but NUL. */
export const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
