/** The tables of a piece of HTML, such as a data frame prints: their words and nothing else of it. */

/** A cell: its words, and how far it reaches. */
export interface TableCell {
  readonly text: string;
  readonly isHead: boolean;
  readonly columns: number;
  readonly rows: number;
}

/** The rows of a table. */
export type TableRows = ReadonlyArray<ReadonlyArray<TableCell>>;

/** Characters that are read, of the whole and of one tag; tables and rows that are kept; cells of a row. */
const charactersMax = 256 * 1024;
const tagCharactersMax = 300;
const tablesMax = 5;
const rowsMax = 200;
const cellsMax = 100;

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

const characterOf = (code: number): string =>
  code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? "\ufffd" : String.fromCodePoint(code);

const wordsOf = (html: string): string =>
  html.replace(
    /&(?:#(\d{1,7})|([a-z]{2,4}));/gi,
    (whole, code: string | undefined, name: string | undefined) =>
      code === undefined ? named[name ?? ""] ?? whole : characterOf(Number(code)),
  )
    .replace(/\s+/g, " ").trim();

const reach = (digits: string | undefined): number => Math.min(cellsMax, Math.max(1, Number(digits ?? 1)));

/** Takes the words and the tags in turn, and keeps what stands in the cells of a table. */
class TableReader {
  readonly tables: Array<Array<Array<TableCell>>> = [];
  #table: Array<Array<TableCell>> | undefined;
  #row: Array<TableCell> | undefined;
  #cell: Omit<TableCell, "text"> | undefined;
  #words = "";

  hear(words: string): void {
    if (this.#cell !== undefined) this.#words += words;
  }

  /** A tag without its brackets. */
  tag(tag: string): void {
    const [, end, name] = /^(\/?)(table|tr|th|td|br)\b/i.exec(tag)?.map((each) => each.toLowerCase()) ?? [];
    if (name === undefined) return;
    if (name === "br") return this.hear(" ");
    this.#endCell();
    if (end === "/") return;
    if (name === "table") this.#beginTable();
    else if (name === "tr") this.#beginRow();
    else {
      this.#cell = {
        isHead: name === "th",
        columns: reach(/colspan\s?=\s?["']?(\d{1,3})/i.exec(tag)?.[1]),
        rows: reach(/rowspan\s?=\s?["']?(\d{1,3})/i.exec(tag)?.[1]),
      };
    }
  }

  #beginTable(): void {
    this.#row = undefined;
    this.#table = this.tables.length < tablesMax ? [] : undefined;
    if (this.#table !== undefined) this.tables.push(this.#table);
  }

  #beginRow(): void {
    this.#row = this.#table !== undefined && this.#table.length < rowsMax ? [] : undefined;
    if (this.#row !== undefined) this.#table?.push(this.#row);
  }

  #endCell(): void {
    if (this.#cell !== undefined && this.#row !== undefined && this.#row.length < cellsMax) {
      this.#row.push({ ...this.#cell, text: wordsOf(this.#words) });
    }
    this.#cell = undefined;
    this.#words = "";
  }
}

/** What is no text for a reader, with where it ends. */
const unread = [[/^(?:script|style)\b/i, /<\/(?:script|style)/gi], [/^!--/, /--/g]] as const;

/** The tables, in linear time; no part of the HTML comes to life. */
export const tablesOf = (html: string): ReadonlyArray<TableRows> => {
  const text = html.slice(0, charactersMax);
  const reader = new TableReader();
  for (let at = 0; at < text.length;) {
    const opens = text.indexOf("<", at);
    reader.hear(text.slice(at, opens < 0 ? text.length : opens));
    const start = text.slice(opens + 1, opens + 1 + tagCharactersMax);
    const closing = unread.find(([begin]) => begin.test(start))?.[1];
    if (closing !== undefined) closing.lastIndex = opens + 4;
    const from = closing === undefined ? opens : closing.exec(text)?.index ?? -1;
    const closes = opens < 0 || from < 0 ? -1 : text.indexOf(">", from);
    if (closes < 0) break;
    if (closing === undefined) reader.tag(text.slice(opens + 1, Math.min(closes, opens + 1 + tagCharactersMax)));
    at = closes + 1;
  }
  return reader.tables.filter((table) => table.some((row) => row.length > 0));
};
