/** A notebook in the panel: its cells with what they printed and drew. Nothing of it comes to life. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect, useMemo } from "npm:preact@11.2.0/hooks";
import { Code } from "../text/Code.tsx";
import type { TableRows } from "../text/htmlTable.ts";
import { Markdown } from "../text/Markdown.tsx";
import type { Notebook as Read, Output } from "../text/notebook.ts";

/** What reads a notebook, loaded when the first one is opened. */
const readerPath = "/ui/notebook.js";

/** A picture out of the file: a browser draws it, and neither runs nor loads anything that it names. */
const Picture = ({ picture }: { readonly picture: Blob }) => {
  const source = useMemo(() => URL.createObjectURL(picture), [picture]);
  const isBroken = useSignal(false);
  useEffect(() => () => URL.revokeObjectURL(source), [source]);
  return isBroken.value ? <p class="quiet">A picture cannot be shown.</p> : (
    <img
      src={source}
      alt="Output of the cell"
      onError={() => {
        isBroken.value = true;
      }}
    />
  );
};

const Table = ({ rows }: { readonly rows: TableRows }) => (
  <div class="table" tabIndex={0}>
    <table>
      <tbody>
        {rows.map((row, index) => (
          <tr key={index}>
            {row.map(({ text, isHead, columns, rows: down }, at) => {
              // A corner without a name is the head of nothing.
              const Tag = isHead && text !== "" ? "th" : "td";
              return <Tag key={at} colSpan={columns} rowSpan={down}>{text}</Tag>;
            })}
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

const Shown = ({ output }: { readonly output: Output }) => {
  switch (output.kind) {
    case "text":
      return (
        <pre class="terminal" tabIndex={0} aria-label="Output of the cell">
          <span data-stream={output.isError ? "stderr" : "stdout"}>{output.text}</span>
        </pre>
      );
    case "picture":
      return <Picture picture={output.picture} />;
    case "tables":
      return <>{output.tables.map((rows, at) => <Table key={at} rows={rows} />)}</>;
    case "markdown":
      return <Markdown text={output.text} />;
    case "note":
      return <p class="quiet">{output.text}</p>;
  }
};

/** The notebook whose text this is. */
export const Notebook = ({ text }: { readonly text: string }) => {
  const book = useSignal<Read | string>("Reading…");
  useEffect(() => {
    const read = async () => {
      const { readNotebook }: typeof import("../text/notebook.ts") = await import(readerPath);
      book.value = readNotebook(text) ?? "This notebook cannot be read.";
    };
    read().catch(() => {
      book.value = "The server cannot be reached";
    });
  }, [text]);
  const shown = book.value;
  if (typeof shown === "string") return <p class="quiet" role="status">{shown}</p>;
  return (
    <div class="notebook">
      {shown.cells.map((cell, index) => (
        <section key={index}>
          {cell.kind === "markdown" ? <Markdown text={cell.source} /> : cell.source !== "" &&
            <pre tabIndex={0}><Code text={cell.source} language={cell.kind === "code" ? shown.language : ""} /></pre>}
          {cell.outputs.map((output, at) => <Shown key={at} output={output} />)}
        </section>
      ))}
      {shown.cells.length === 0 && <p class="quiet">This notebook is empty.</p>}
      {shown.left > 0 && <p class="quiet">The first {shown.cells.length} of {shown.cells.length + shown.left} cells.
      </p>}
    </div>
  );
};
