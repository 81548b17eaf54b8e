/** Cutting Markdown that may still be growing, so that only its last part is read again. */

/** Characters a part has at least, so that there are not too many of them. */
const partCharactersLeast = 300;

const fenceOf = (line: string): string | undefined => /^ {0,3}(`{3,16}|~{3,16})/.exec(line)?.[1];

/**
 * Cuts at blank lines outside code; what stands before the last cut never changes when text is added.
 *
 * A cut never comes before a line that may belong to what is above it: a list's, a quote's, a table's.
 */
export const cut = (text: string): ReadonlyArray<string> => {
  const parts: Array<string> = [];
  let from = 0;
  let fence = "";
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\n", at);
    const line = text.slice(at, end < 0 ? text.length : end);
    const mark = fenceOf(line);
    if (mark !== undefined) fence = fence === "" ? mark : line.trim().startsWith(fence) ? "" : fence;
    at = end < 0 ? text.length : end + 1;
    const isGap = fence === "" && line.trim() === "" && at < text.length;
    if (isGap && at - from > partCharactersLeast && !/[\s\-*+\d|>]/.test(text.charAt(at))) {
      parts.push(text.slice(from, at));
      from = at;
    }
  }
  parts.push(text.slice(from));
  return parts;
};
