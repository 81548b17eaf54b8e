/** The files of the workspace as a tree. */
import { useLayoutEffect, useRef } from "npm:preact@11.2.0/hooks";
import { archivePath } from "../api.ts";
import { focusFirst, isFocusLost } from "../parts/focus.ts";
import { Icon } from "../parts/Icon.tsx";
import { changedPaths, files, filesAreCut, filesError, offers, openFile, preview } from "../state/page.ts";
import { bytes, visible } from "../text/format.ts";
import type { FileOut } from "../wire.ts";
import { Preview } from "./Preview.tsx";

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly files: Array<FileOut>;
}

const newFolder = (): Folder => ({ folders: new Map(), files: [] });

const treeOf = (all: ReadonlyArray<FileOut>): Folder => {
  const root = newFolder();
  for (const file of all) {
    let at = root;
    for (const name of file.path.replace(/^\/workspace\//, "").split("/").slice(0, -1)) {
      const inner = at.folders.get(name) ?? newFolder();
      at.folders.set(name, inner);
      at = inner;
    }
    at.files.push(file);
  }
  return root;
};

const FileRow = ({ file }: { readonly file: FileOut }) => (
  <li>
    <button type="button" data-path={file.path} onClick={() => openFile(file)}>
      <Icon name="file" size={15} />
      <bdi class="name">{visible(file.filename)}</bdi>
      {changedPaths.value.has(file.path) && <span class="new-mark">new</span>}
      <span class="quiet tabular">{bytes(file.bytes)}</span>
    </button>
  </li>
);

const FolderRows = ({ folder }: { readonly folder: Folder }) => (
  <ul class="tree">
    {[...folder.folders].toSorted(([a], [b]) => a.localeCompare(b)).map(([name, inner]) => (
      <li key={`${name}/`}>
        <details open>
          <summary>
            <Icon name="folder" size={15} />
            <bdi>{visible(name)}</bdi>
          </summary>
          <FolderRows folder={inner} />
        </details>
      </li>
    ))}
    {folder.files.toSorted((a, b) => a.filename.localeCompare(b.filename)).map((file) => (
      <FileRow key={file.path} file={file} />
    ))}
  </ul>
);

/** Who looked at a file and comes back stands at what opened it, or where it is in the tree. */
const useWayBack = (path: string | undefined) => {
  const last = useRef<string | undefined>(undefined);
  const opener = useRef<Element | null>(null);
  if (path !== undefined && path !== last.current) opener.current = document.activeElement;
  useLayoutEffect(() => {
    const left = last.current;
    last.current = path;
    if (path !== undefined || left === undefined || !isFocusLost()) return;
    const rows = [...document.querySelectorAll<HTMLElement>(".tree [data-path]")];
    const row = rows.find((each) => each.dataset["path"] === left);
    focusFirst(opener.current, row, document.getElementById("tab-files"));
  }, [path]);
};

/** The panel of files: the tree, or the file that is open. */
export const FilesPanel = () => {
  const open = preview.value;
  useWayBack(open?.path);
  if (open !== undefined) return <Preview file={open} />;
  const error = filesError.value !== undefined && <p class="empty quiet" role="alert">{filesError.value}</p>;
  if (files.value.length === 0) {
    if (error) return error;
    return <p class="empty quiet">No files yet. What the agent writes, and what you attach, appears here.</p>;
  }
  return (
    <>
      {error}
      <FolderRows folder={treeOf(files.value)} />
      {filesAreCut.value && <p class="quiet">The newest {files.value.length} files are shown.</p>}
      {offers("archive") && (
        <p>
          <a class="copy" href={archivePath()} download="workspace.zip">
            <Icon name="save" size={14} />All as a zip file
          </a>
        </p>
      )}
    </>
  );
};
