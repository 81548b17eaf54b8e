/**
 * Citations of files: where a text names a file of the container by its link, a reader can fetch it.
 *
 * Offsets count code points and cover the link's target alone.
 */
import type { HostedOutcome } from "./hostedTools.ts";
import type { JsonObject } from "./wire.ts";

type CitedFile = HostedOutcome["files"][number];

/** How a model writes the place of a file. */
const scheme = "sandbox:";
/** Characters that end a link's target in Markdown, in HTML and in words. */
const ends = new Set([" ", "\n", "\t", "\r", ")", "]", ">", "<", '"', "'", "`"]);
/** Citations of one text: more are no answer that somebody reads. */
const citationsMax = 100;

/** A path as the model wrote it, without the escapes of a URL; as it stands where it has none. */
const unescaped = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
};

const clientPathOf = (written: string): string => unescaped(written).replace(/^\/workspace\//, "/mnt/data/");

const endOf = (text: string, from: number): number => {
  let end = from;
  while (end < text.length && !ends.has(text.charAt(end))) end++;
  return end;
};

/** Code points of a part of a text. */
const points = (text: string, from: number, to: number): number => {
  let count = 0;
  for (let at = from; at < to; at++) {
    const unit = text.charCodeAt(at);
    // The second half of a pair counts with its first.
    if (unit < 0xdc00 || unit > 0xdfff) count++;
  }
  return count;
};

const citation = (container: string, file: CitedFile, start: number, end: number): JsonObject => ({
  type: "container_file_citation",
  container_id: container,
  file_id: file.id,
  filename: file.filename,
  start_index: start,
  end_index: end,
});

/** The files of a container that a run has made, and which of them its texts have named. */
export class Citations {
  readonly #files = new Map<string, CitedFile>();
  readonly #unnamed = new Map<string, CitedFile>();

  /** Takes in what a call made; images are told at the end even where no text names them. */
  add({ files, images }: HostedOutcome): void {
    const shown = new Set(images.map(({ file_id: id }) => id));
    for (const file of files) {
      this.#files.set(file.path, file);
      if (shown.has(file.id)) this.#unnamed.set(file.path, file);
    }
  }

  /** Where a link's target ends; a sentence may end right behind it. */
  #endOf(text: string, at: number): number {
    const end = endOf(text, at);
    const isFile = this.#files.has(clientPathOf(text.slice(at + scheme.length, end)));
    return isFile || !/[.,;:!?]/.test(text.charAt(end - 1)) ? end : end - 1;
  }

  /** The citations of a text, in order. */
  of(text: string, container: string): ReadonlyArray<JsonObject> {
    const found: Array<JsonObject> = [];
    let counted = 0;
    let position = 0;
    for (let at = text.indexOf(scheme); at >= 0 && found.length < citationsMax; at = text.indexOf(scheme, at + 1)) {
      const end = this.#endOf(text, at);
      const path = clientPathOf(text.slice(at + scheme.length, end));
      const file = this.#files.get(path);
      if (file === undefined) continue;
      const start = position + points(text, counted, at);
      position = start + points(text, at, end);
      counted = end;
      this.#unnamed.delete(path);
      found.push(citation(container, file, start, position));
    }
    return found;
  }

  /** Citations of the images that no text has named. */
  rest(container: string): ReadonlyArray<JsonObject> {
    const left = [...this.#unnamed.values()].slice(0, citationsMax);
    this.#unnamed.clear();
    return left.map((file) => citation(container, file, 0, 0));
  }
}
