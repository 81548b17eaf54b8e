/** A file, looked at: pictures, text, tables, Markdown, notebooks, PDF; anything else to download. */
import { useSignal } from "npm:@preact/signals@2.11.4";
import { useEffect, useLayoutEffect, useRef } from "npm:preact@11.2.0/hooks";
import { contentPath, head, removeFile } from "../api.ts";
import { confirmThen } from "../parts/Dialog.tsx";
import { Icon, IconButton } from "../parts/Icon.tsx";
import { offers, preview, refreshFiles } from "../state/page.ts";
import { Code } from "../text/Code.tsx";
import { bytes, visible } from "../text/format.ts";
import { Markdown } from "../text/Markdown.tsx";
import { rowsOf } from "../text/table.ts";
import { isPicture } from "../thread/Files.tsx";
import type { FileOut } from "../wire.ts";
import { Notebook } from "./Notebook.tsx";
import { Pdf } from "./Pdf.tsx";

/** Bytes that are looked at; a notebook is only readable whole. */
const textBytesMax = 64 * 1024;
const notebookBytesMax = 16 * 1024 * 1024;
const rowsMax = 200;

type Kind = "picture" | "table" | "markdown" | "notebook" | "pdf" | "text" | "none";

/** How a file is looked at. */
export const kindOf = (file: FileOut): Kind => {
  if (isPicture(file)) return "picture";
  const name = file.filename.toLowerCase();
  if (name.endsWith(".csv") || name.endsWith(".tsv")) return "table";
  if (name.endsWith(".md")) return "markdown";
  if (name.endsWith(".ipynb")) return "notebook";
  if (file.media_type === "application/pdf") return "pdf";
  return /^text\/|json|xml|yaml|toml|shellscript|javascript/.test(file.media_type) ? "text" : "none";
};

const Table = ({ text, separator, isWhole }: {
  readonly text: string;
  readonly separator: string;
  readonly isWhole: boolean;
}) => {
  const [header, ...all] = rowsOf(text, separator, textBytesMax);
  const rows = all.slice(0, rowsMax);
  return (
    <div class="table" tabIndex={0}>
      <table>
        <thead>
          <tr>{header?.map((cell, at) => <th key={at}>{cell}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row, index) => <tr key={index}>{row.map((cell, at) => <td key={at}>{cell}</td>)}</tr>)}
        </tbody>
      </table>
      {all.length > rows.length && (
        <p class="quiet">
          The first {rowsMax} {isWhole && `of ${all.length} `}rows.
        </p>
      )}
    </div>
  );
};

/** Half a notebook is none. */
const isTooLong = (file: FileOut, kind: Kind): boolean => kind === "notebook" && file.bytes > notebookBytesMax;

/** The beginning of a file as text; undefined while it is read. */
const useText = (file: FileOut, kind: Kind) => {
  const text = useSignal<string | undefined>(undefined);
  const error = useSignal<string | undefined>(undefined);
  const isText = kind === "table" || kind === "markdown" || kind === "notebook" || kind === "text";
  useEffect(() => {
    text.value = undefined;
    error.value = undefined;
    if (!isText || isTooLong(file, kind)) return;
    if (file.bytes === 0) {
      text.value = "";
      return;
    }
    let isShown = true;
    head(file, kind === "notebook" ? notebookBytesMax : textBytesMax).then((read) => {
      if (isShown) text.value = read;
    }, (failure: Error) => {
      if (isShown) error.value = failure.message;
    });
    return () => {
      isShown = false;
    };
  }, [file.id, file.created_at, file.bytes]);
  return { text, error };
};

const Body = ({ file }: { readonly file: FileOut }) => {
  const kind = kindOf(file);
  const { text, error } = useText(file, kind);
  const isGone = useSignal(false);
  const name = visible(file.filename);
  if (error.value !== undefined) return <p class="quiet" role="alert">{error.value}</p>;
  if (kind === "picture") {
    return isGone.value ? <p class="quiet" role="alert">This file is gone or cannot be shown.</p> : (
      <img
        src={contentPath(file)}
        alt={name}
        onError={() => {
          isGone.value = true;
        }}
      />
    );
  }
  if (kind === "pdf") return <Pdf key={`${file.id} ${file.created_at}`} file={file} />;
  if (kind === "none") return <p class="quiet">There is no view of this kind of file. Download it to see it.</p>;
  if (isTooLong(file, kind)) {
    return <p class="quiet">A notebook of more than {bytes(notebookBytesMax)}: download it to read it.</p>;
  }
  if (text.value === undefined) return <p class="quiet">Reading…</p>;
  if (text.value === "") return <p class="quiet">This file is empty.</p>;
  if (kind === "table") {
    const separator = /\.tsv$/i.test(file.filename) ? "\t" : ",";
    return <Table text={text.value} separator={separator} isWhole={file.bytes <= textBytesMax} />;
  }
  if (kind === "markdown") return <Markdown text={text.value} />;
  if (kind === "notebook") return <Notebook text={text.value} />;
  const language = file.filename.slice(file.filename.lastIndexOf(".") + 1);
  return <pre tabIndex={0}><Code text={text.value} language={language} /></pre>;
};

const askToRemove = (file: FileOut) =>
  confirmThen({
    title: "Delete this file?",
    text: `“${visible(file.filename)}” is deleted from the workspace.`,
    verb: "Delete",
    act: async () => {
      await removeFile(file.id);
      preview.value = undefined;
      await refreshFiles();
    },
  });

/** The file in the panel. */
export const Preview = ({ file }: { readonly file: FileOut }) => {
  const name = visible(file.filename);
  const cutAt = kindOf(file) === "notebook" ? notebookBytesMax : textBytesMax;
  const back = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => back.current?.focus({ preventScroll: true }), []);
  const isCut = file.bytes > cutAt && ["table", "markdown", "text"].includes(kindOf(file));
  return (
    <section class="preview" aria-label={`File ${name}`}>
      <header>
        <IconButton
          element={back}
          name="left"
          label="Back to the files"
          size={16}
          onClick={() => {
            preview.value = undefined;
          }}
        />
        <b>
          <bdi>{name}</bdi>
        </b>
        <span class="quiet">{bytes(file.bytes)}</span>
        <span class="space" />
        {offers("delete") && (
          <IconButton
            name="trash"
            label={`Delete ${name}`}
            size={15}
            onClick={() => askToRemove(file)}
          />
        )}
        <a
          class="icon-button"
          href={contentPath(file)}
          download={file.filename}
          aria-label={`Download ${name}`}
          title="Download"
        >
          <Icon name="save" size={16} />
        </a>
      </header>
      <Body file={file} />
      {isCut && <p class="quiet">The first {bytes(cutAt)} of {bytes(file.bytes)}.</p>}
    </section>
  );
};
