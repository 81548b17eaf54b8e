/**
 * The file tools of a guest, on the directories it was granted.
 *
 * Symbolic links cannot be made here, but a workspace may hold some from elsewhere; they are refused.
 */
import { workspaceFolder } from "../../../../domain/workspacePaths.ts";
import type { GuestOptions } from "../wire.ts";
import { artifactsFolder, hostPath, isAbsent, type Mount, normalise, Refused } from "./paths.ts";

/** Text returned at once; a page this large already fills a model's context. */
const textBytesMax = 1024 * 1024;
/** Bytes of one read while lines are looked for. */
const scanBytes = 64 * 1024;
/** Entries listed of one directory. */
const entriesMax = 10_000;
/** Files looked at by one walk, so that a workspace of millions does not take minutes. */
const walkedMax = 200_000;
/** Where full outputs are kept; not what a run made. */
export const outputFolder = ".caisson";

/** A page of text and, when more follows, where to read on. */
interface Page {
  readonly text: string;
  readonly truncated: boolean;
  readonly next?: { readonly offset: number; readonly column?: number };
  readonly note?: string;
}

export interface Files {
  readonly write: (path: string, content: Uint8Array) => Promise<number>;
  readonly text: (
    path: string,
    offset: number,
    lineCount: number | null,
    column: number,
  ) => Promise<Page>;
  readonly bytes: (path: string, offset: number, length: number) => Promise<Uint8Array>;
  readonly changed: (
    sinceMs: number,
    limit: number,
  ) => Promise<ReadonlyArray<{ readonly path: string; readonly sizeBytes: number; readonly modifiedAtMs: number }>>;
  /** The whole text of a Python file, or of the module of a dotted name under `/tools`. */
  readonly source: (path: string) => Promise<{ readonly text: string; readonly path: string }>;
}

/** Fails when a component of the path below its mount is a link: where it leads is not ours to follow. */
const refuseLinks = async (mounts: ReadonlyArray<Mount>, path: string): Promise<void> => {
  const mount = mounts.find(({ at }) => path.startsWith(`${at}/`));
  if (mount === undefined || !mount.writable) return;
  let at = mount.host;
  for (const part of path.slice(mount.at.length + 1).split("/")) {
    at = `${at}/${part}`;
    try {
      if ((await Deno.lstat(at)).isSymlink) throw new Refused("PermissionDenied", "symbolic links are not followed");
    } catch (error) {
      if (isAbsent(error)) return;
      throw error;
    }
  }
};

const openFile = async (host: string): Promise<Deno.FsFile> => {
  const info = await Deno.stat(host);
  if (info.isDirectory) throw new Refused("IsDirectory", "is a directory");
  if (!info.isFile) throw new Refused("UnsupportedFile", "neither a regular file nor a directory");
  return await Deno.open(host, { read: true });
};

/** Bytes of all regular files below a directory, counted until they pass `most`. */
const sizeOf = async (directory: string, most: number): Promise<number> => {
  let total = 0;
  for await (const file of walk(directory)) {
    total += file.info.size;
    if (total > most) return total;
  }
  return total;
};

/** Folders of installed packages and caches, besides the hidden ones, are not what a run made for people. */
const isPassedOver = (name: string): boolean =>
  name.startsWith(".") || name === "node_modules" || name === "__pycache__" || name === "site-packages";

async function* walk(
  root: string,
  enters: (name: string) => boolean = () => true,
): AsyncGenerator<{ readonly host: string; readonly info: Deno.FileInfo }> {
  const todo = [root];
  let walked = 0;
  for (let directory = todo.pop(); directory !== undefined; directory = todo.pop()) {
    for await (const entry of Deno.readDir(directory)) {
      if (++walked > walkedMax) return;
      const host = `${directory}/${entry.name}`;
      if (entry.isDirectory) {
        if (enters(entry.name) && (directory !== root || entry.name !== outputFolder)) todo.push(host);
      } else if (entry.isFile) {
        // A file may go while others are looked at.
        const info = await Deno.lstat(host).catch((error) => {
          if (isAbsent(error)) return undefined;
          throw error;
        });
        if (info !== undefined) yield { host, info };
      }
    }
  }
}

/** A page behind the end: how far what is read goes. */
const endsBefore = (what: string, part: string, offset: number, counted: string): Page => ({
  text: "",
  truncated: false,
  note: `the ${what} ends before ${part} ${offset}: it has ${counted}`,
});

const list = async (host: string, offset: number, lineCount: number | null): Promise<Page> => {
  const names: Array<string> = [];
  for await (const entry of Deno.readDir(host)) {
    names.push(entry.isDirectory ? `${entry.name}/` : entry.name);
    if (names.length >= entriesMax) break;
  }
  if (offset > 0 && offset >= names.length) {
    const counted = names.length === 1 ? "1 entry" : `${names.length} entries`;
    return endsBefore("directory", "entry", offset, counted);
  }
  names.sort();
  const page = names.slice(offset, lineCount === null ? undefined : offset + lineCount);
  const truncated = offset + page.length < names.length || names.length >= entriesMax;
  return {
    text: page.map((name) => `${name}\n`).join(""),
    truncated,
    ...(truncated && { next: { offset: offset + page.length } }),
  };
};

/** Reads lines from a byte of the line `offset` on, piece by piece, until the page or the bound is full. */
const page = async (
  file: Deno.FsFile,
  offset: number,
  lineCount: number | null,
  column = 0,
): Promise<Page> => {
  const kept: Array<Uint8Array> = [];
  let keptBytes = 0;
  let line = 0;
  /** Bytes of the current line that are behind us, those before `column` included. */
  let lineBytes = 0;
  let endsInLine = false;
  const last = lineCount === null ? Number.POSITIVE_INFINITY : offset + lineCount;
  let truncated = false;
  let isUtf16: boolean | undefined;
  for (let piece = await readPiece(file); piece !== undefined && !truncated; piece = await readPiece(file)) {
    isUtf16 ??= hasUtf16Mark(piece);
    if (piece.includes(0)) throw new Refused("NotText", isUtf16 ? utf16Words : "the file is not text");
    let start = 0;
    while (start < piece.length) {
      if (line >= last || keptBytes >= textBytesMax) {
        truncated = true;
        break;
      }
      const newline = piece.indexOf(10, start);
      const end = newline === -1 ? piece.length : newline + 1;
      if (line >= offset) {
        const skipped = line === offset ? Math.min(Math.max(0, column - lineBytes), end - start) : 0;
        const part = piece.subarray(start + skipped, Math.min(end, start + skipped + textBytesMax - keptBytes));
        kept.push(part);
        keptBytes += part.length;
        lineBytes += skipped + part.length;
        if (skipped + part.length < end - start) truncated = true;
      }
      if (truncated) break;
      endsInLine = newline === -1;
      if (newline !== -1) {
        line++;
        lineBytes = 0;
      }
      start = end;
    }
  }
  const text = decodeText(kept, truncated);
  if (text === "" && !truncated && offset > 0 && column === 0) {
    const lines = line + (endsInLine ? 1 : 0);
    return endsBefore("file", "line", offset, lines === 1 ? "1 line" : `${lines} lines`);
  }
  if (!truncated) return { text, truncated };
  // What was left out of the last character is read again.
  const at = lineBytes === 0 ? 0 : lineBytes - (keptBytes - new TextEncoder().encode(text).length);
  return { text, truncated, next: { offset: line, ...(at > 0 && { column: at }) } };
};

/** Told where a page holds NUL bytes because each letter is two of them. */
const utf16Words = 'UTF-16 text; Python reads it with open(path, encoding="utf-16")';

/** Whether bytes begin with the mark of UTF-16, in either order. */
const hasUtf16Mark = ([first, second]: Uint8Array): boolean =>
  (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);

const readPiece = async (file: Deno.FsFile): Promise<Uint8Array | undefined> => {
  const buffer = new Uint8Array(scanBytes);
  const count = await file.read(buffer);
  return count === null ? undefined : buffer.subarray(0, count);
};

const decodeText = (parts: ReadonlyArray<Uint8Array>, cut: boolean): string => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  try {
    for (const part of parts) text += decoder.decode(part, { stream: true });
    // A page cut by its bound may end inside a character, which is then left out.
    return cut ? text : text + decoder.decode();
  } catch {
    throw new Refused("NotText", "the file is not UTF-8 text");
  }
};

/**
 * Makes what stands behind `/artifacts` unless it is there; the names are the sandbox's own, and what else
 * took them goes.
 */
export const makeArtifactsFolder = async (options: GuestOptions): Promise<void> => {
  for (const path of [`${options.workspace}/${outputFolder}`, artifactsFolder(options)]) {
    const found = await Deno.lstat(path).catch((error) => {
      if (isAbsent(error)) return undefined;
      throw error;
    });
    if (found?.isDirectory) continue;
    if (found !== undefined) await Deno.remove(path);
    await Deno.mkdir(path);
  }
};

const permissionBits = 0o777;
const writableMode = 0o200;

/** Puts content in the place of a file at once, so that nobody sees half of it. */
const replaceFile = async (host: string, parent: string, content: Uint8Array): Promise<void> => {
  const existing = await Deno.lstat(host).catch((error) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  if (existing?.isDirectory) throw new Refused("IsDirectory", "is a directory");
  const mode = (existing?.mode ?? writableMode) & permissionBits;
  if (existing?.isFile === true && (mode & writableMode) === 0) {
    throw new Refused(
      "ReadOnly",
      `the file is read-only (mode ${mode.toString(8)}); if it is to be changed, chmod it first`,
    );
  }
  const temporary = `${parent}/.caisson-${crypto.randomUUID()}`;
  try {
    await Deno.writeFile(temporary, content, { createNew: true });
    await Deno.rename(temporary, host);
  } catch (error) {
    await Deno.remove(temporary).catch((cleanup) => {
      if (!isAbsent(cleanup)) throw cleanup;
    });
    throw error;
  }
};

/** Files that changed, the newest first. */
const changedFiles = async (options: GuestOptions, sinceMs: number, limit: number) => {
  const found: Array<{ path: string; sizeBytes: number; modifiedAtMs: number }> = [];
  for (const [at, root] of [[workspaceFolder, options.workspace], ["/artifacts", artifactsFolder(options)]] as const) {
    for await (const { host, info } of walk(root, (name) => !isPassedOver(name))) {
      const modifiedAtMs = changeTimeMs(info);
      if (modifiedAtMs < sinceMs) continue;
      found.push({ path: at + host.slice(root.length), sizeBytes: info.size, modifiedAtMs });
    }
  }
  return found.toSorted((a, b) => b.modifiedAtMs - a.modifiedAtMs || (a.path < b.path ? -1 : 1)).slice(0, limit);
};

/** Makes the file tools over the guest's mounts. */
export const makeFiles = (mounts: ReadonlyArray<Mount>, options: GuestOptions): Files => {
  const locate = async (path: string, write: boolean) => {
    const inside = normalise(path);
    const host = hostPath(mounts, inside, write);
    await refuseLinks(mounts, inside);
    return host;
  };

  const write = async (path: string, content: Uint8Array) => {
    const host = await locate(path, true);
    if (mounts.some((mount) => mount.host === host)) throw new Refused("IsDirectory", "is a directory");
    if (content.length > options.fileBytesMax) throw new Refused("TooLarge", "larger than a file may be");
    const room = options.workspaceBytesMax - content.length;
    const used = async () => await sizeOf(options.workspace, room) + await sizeOf(artifactsFolder(options), room);
    if (room < 0 || await used() > room) throw new Refused("NoSpace", "the workspace is full");
    const parent = host.slice(0, host.lastIndexOf("/"));
    await Deno.mkdir(parent, { recursive: true }).catch((error) => {
      // A file in the way of a directory that should be made.
      throw error instanceof Deno.errors.AlreadyExists
        ? new Refused("NotADirectory", "a parent is not a directory")
        : error;
    });
    await replaceFile(host, parent, content);
    return content.length;
  };

  const text = async (path: string, offset: number, lineCount: number | null, column: number) => {
    const host = await locate(path, false);
    if ((await Deno.stat(host)).isDirectory) return await list(host, offset, lineCount);
    using file = await openFile(host);
    return await page(file, offset, lineCount, column);
  };

  const bytes = async (path: string, offset: number, length: number) => {
    using file = await openFile(await locate(path, false));
    await file.seek(offset, Deno.SeekMode.Start);
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const count = await file.read(buffer.subarray(filled));
      if (count === null) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  };

  const changed = (sinceMs: number, limit: number) => changedFiles(options, sinceMs, limit);

  const source = async (path: string) => {
    const candidates = !path.includes("/") && !path.endsWith(".py") && /^[\w.]+$/.test(path)
      ? modulePaths(path)
      : [normalise(path)];
    for (const candidate of candidates) {
      try {
        using file = await openFile(await locate(candidate, false));
        const info = await file.stat();
        if (info.size > textBytesMax) throw new Refused("TooLarge", "too large to be parsed");
        const content = await page(file, 0, null);
        return { text: content.text, path: candidate };
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    }
    throw new Refused("NotFound", "no such file or module");
  };

  return { write, text, bytes, changed, source };
};

/**
 * When a file last changed. A program can set the time of modification, and unpacking does; the time of
 * change is the file system's, but comes in whole seconds. So the former counts while the latter bears
 * it out, and otherwise the end of that second.
 */
const changeTimeMs = (info: Deno.FileInfo): number => {
  const modified = info.mtime?.getTime() ?? 0;
  const changed = info.ctime?.getTime();
  return changed === undefined || (modified >= changed && modified < changed + 1_000) ? modified : changed + 999;
};

/** The files that a dotted module name may mean, with or without the leading `tools.`. */
const modulePaths = (name: string): ReadonlyArray<string> => {
  const inside = (name.startsWith("tools.") ? name.slice("tools.".length) : name).replaceAll(".", "/");
  return [`/tools/${inside}.py`, `/tools/${inside}/__init__.py`, `/workspace/${inside}.py`];
};
