/** Tables in text files: comma- or tab-separated values, as RFC 4180 quotes them. */

/** The first rows; a cell may hold the separator and line breaks when it is quoted. */
export const rowsOf = (text: string, separator: string, rowsMax: number): ReadonlyArray<ReadonlyArray<string>> => {
  const rows: Array<ReadonlyArray<string>> = [];
  let row: Array<string> = [];
  let from = 0;
  let at = 0;
  const cell = (): string => {
    if (text[at] !== '"') {
      while (at < text.length && text[at] !== separator && text[at] !== "\n") at++;
      return text.slice(from, at).replace(/\r$/, "");
    }
    const pieces: Array<string> = [];
    from = ++at;
    for (; at < text.length; at++) {
      if (text[at] !== '"') continue;
      pieces.push(text.slice(from, at));
      if (text[at + 1] !== '"') break;
      pieces.push('"');
      from = ++at + 1;
    }
    if (at >= text.length) pieces.push(text.slice(from));
    while (at < text.length && text[at] !== separator && text[at] !== "\n") at++;
    return pieces.join("");
  };
  while (at < text.length && rows.length < rowsMax) {
    from = at;
    row.push(cell());
    if (text[at] === separator) {
      at++;
      if (at === text.length) row.push("");
      else continue;
    }
    at++;
    rows.push(row);
    row = [];
  }
  if (row.length > 0 && rows.length < rowsMax) rows.push(row);
  return rows;
};
