/** Jupyter notebooks, read for being looked at: loaded only then. */
import { type TableRows, tablesOf } from "./htmlTable.ts";

/** Something that a cell printed or drew. */
export type Output =
  | { readonly kind: "text"; readonly text: string; readonly isError: boolean }
  | { readonly kind: "picture"; readonly picture: Blob }
  | { readonly kind: "tables"; readonly tables: ReadonlyArray<TableRows> }
  | { readonly kind: "markdown"; readonly text: string }
  /** What is not shown, and why. */
  | { readonly kind: "note"; readonly text: string };

/** A cell with what it printed. */
export interface Cell {
  readonly kind: "code" | "markdown" | "raw";
  readonly source: string;
  readonly outputs: ReadonlyArray<Output>;
}

/** A notebook. */
export interface Notebook {
  readonly language: string;
  readonly cells: ReadonlyArray<Cell>;
  /** Cells that are there too, and not shown. */
  readonly left: number;
}

/** What is shown of one notebook: cells, outputs of one cell, pictures, and characters, of all and of one output. */
const cellsMax = 500;
const outputsMax = 50;
const picturesMax = 200;
const charactersMax = 400_000;
const outputCharactersMax = 20_000;
/** The longest drawing: it is text, which a browser reads whole to draw it. */
const svgCharactersMax = 2 * 1024 * 1024;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : [];
const joined = (value: unknown, between = ""): string =>
  Array.isArray(value)
    ? value.filter((line) => typeof line === "string").join(between)
    : typeof value === "string"
    ? value
    : "";

/** Colours and movements of a terminal. */
// deno-lint-ignore no-control-regex
const escapes = /\u001b\[[0-9;?]*[A-Za-z]/g;

const pictureTypes = ["image/png", "image/jpeg", "image/gif", "image/webp"] as const;

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> | undefined => {
  try {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    return bytes;
  } catch {
    return undefined;
  }
};

/** What is still to be shown of a notebook. */
class Reader {
  #pictures = picturesMax;
  #characters = charactersMax;

  get isFull(): boolean {
    return this.#characters <= 0;
  }

  /** The beginning of a text, as far as there is room for it. */
  take(text: string, most = charactersMax): string {
    const length = Math.min(text.length, most, Math.max(0, this.#characters));
    this.#characters -= length;
    return length === text.length ? text : `${text.slice(0, length).toWellFormed()}…`;
  }

  outputs(cell: Record<string, unknown>): ReadonlyArray<Output> {
    const all = listOf(cell["outputs"]);
    const shown = all.slice(0, outputsMax).flatMap((output) => isObject(output) ? this.#output(output) : []);
    const left = all.length - outputsMax;
    return left > 0 ? [...shown, { kind: "note", text: `${left} more outputs are not shown.` }] : shown;
  }

  #output(output: Record<string, unknown>): ReadonlyArray<Output> {
    const data = isObject(output["data"]) ? output["data"] : {};
    const picture = this.#picture(data);
    if (picture !== undefined) return [picture];
    const html = joined(data["text/html"]);
    const tables = tablesOf(html);
    if (tables.length > 0) {
      this.take(html, outputCharactersMax);
      return [{ kind: "tables", tables }];
    }
    const markdown = joined(data["text/markdown"]);
    if (markdown !== "") return [{ kind: "markdown", text: this.take(markdown, outputCharactersMax) }];
    const trace = joined(output["traceback"], "\n");
    const text = joined(output["text"]) || joined(data["text/plain"]) || trace;
    const isError = output["name"] === "stderr" || trace !== "";
    const shown = this.take(text, outputCharactersMax).replace(escapes, "");
    if (shown !== "") return [{ kind: "text", text: shown, isError }];
    return html === "" ? [] : [{ kind: "note", text: "An output in HTML is not shown." }];
  }

  #picture(data: Record<string, unknown>): Output | undefined {
    const svg = joined(data["image/svg+xml"]);
    const type = pictureTypes.find((each) => joined(data[each]) !== "");
    if (svg === "" && type === undefined) return undefined;
    if (this.#pictures-- <= 0) return { kind: "note", text: "A further picture is not shown." };
    if (type !== undefined) {
      const bytes = bytesOf(joined(data[type]));
      if (bytes !== undefined) return { kind: "picture", picture: new Blob([bytes], { type }) };
    }
    return svg === "" || svg.length > svgCharactersMax
      ? { kind: "note", text: "A picture cannot be shown." }
      : { kind: "picture", picture: new Blob([svg], { type: "image/svg+xml" }) };
  }
}

const languageOf = (book: Record<string, unknown>): string => {
  const metadata = isObject(book["metadata"]) ? book["metadata"] : {};
  const info = isObject(metadata["language_info"]) ? metadata["language_info"] : {};
  return joined(info["name"]) || "python";
};

/** Reads a notebook in time linear in its length; undefined when the text is none. */
export const readNotebook = (text: string): Notebook | undefined => {
  let book: unknown;
  try {
    book = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(book) || !Array.isArray(book["cells"])) return undefined;
  const reader = new Reader();
  const cells: Array<Cell> = [];
  for (const cell of book["cells"].slice(0, cellsMax)) {
    if (reader.isFull) break;
    const { cell_type: type, source } = isObject(cell) ? cell : {};
    cells.push({
      kind: type === "markdown" || type === "raw" ? type : "code",
      source: reader.take(joined(source)),
      outputs: isObject(cell) ? reader.outputs(cell) : [],
    });
  }
  return { language: languageOf(book), cells, left: book["cells"].length - cells.length };
};
