/** Jupyter notebooks, read for being looked at. */

/** A cell with what it printed. */
export interface Cell {
  readonly kind: "code" | "markdown" | "raw";
  readonly source: string;
  readonly outputs: ReadonlyArray<{ readonly text: string } | { readonly png: string }>;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const joined = (value: unknown): string =>
  Array.isArray(value)
    ? value.filter((line) => typeof line === "string").join("")
    : typeof value === "string"
    ? value
    : "";

const outputOf = (output: unknown): Cell["outputs"] => {
  if (!isObject(output)) return [];
  const data = isObject(output["data"]) ? output["data"] : {};
  const png = joined(data["image/png"]).replaceAll("\n", "");
  if (png !== "") return [{ png }];
  const trace = Array.isArray(output["traceback"]) ? output["traceback"].join("\n") : "";
  const text = joined(output["text"]) || joined(data["text/plain"]) || trace;
  return text === "" ? [] : [{ text }];
};

const cellsMax = 500;

/** The cells of a notebook; undefined when the text is none. */
export const cellsOf = (text: string): ReadonlyArray<Cell> | undefined => {
  let book: unknown;
  try {
    book = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(book) || !Array.isArray(book["cells"])) return undefined;
  return book["cells"].slice(0, cellsMax).filter(isObject).map((cell) => ({
    kind: cell["cell_type"] === "markdown" ? "markdown" : cell["cell_type"] === "raw" ? "raw" : "code",
    source: joined(cell["source"]),
    outputs: Array.isArray(cell["outputs"]) ? cell["outputs"].flatMap(outputOf) : [],
  }));
};
