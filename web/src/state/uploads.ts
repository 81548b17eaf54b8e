/** Files on their way into the workspace, to be sent with the next message. */
import { computed, type Signal, signal } from "npm:@preact/signals@2.11.4";
import * as api from "../api.ts";
import type { FileOut } from "../wire.ts";
import { refreshFiles } from "./page.ts";

/** One file; `done` when the server has it. */
export interface Upload {
  readonly key: string;
  readonly file: File;
  readonly name: string;
  readonly bytes: number;
  readonly part: Signal<number>;
  readonly done: Signal<FileOut | undefined>;
  readonly error: Signal<string | undefined>;
  readonly abort: AbortController;
}

export const uploads = signal<ReadonlyArray<Upload>>([]);

/** At least one file is still on its way. */
export const uploading = computed(() =>
  uploads.value.some(({ done, error }) => done.value === undefined && error.value === undefined)
);

/** At least one file did not arrive: the message is not sent without it unless it is taken off. */
export const failed = computed(() => uploads.value.some(({ error }) => error.value !== undefined));

let keys = 0;

const begin = (file: File): Upload => {
  const upload: Upload = {
    key: `upload-${++keys}`,
    file,
    name: file.name,
    bytes: file.size,
    part: signal(0),
    done: signal(undefined),
    error: signal(undefined),
    abort: new AbortController(),
  };
  api.upload(file, (part) => {
    upload.part.value = part;
  }, upload.abort.signal).then((done) => {
    upload.done.value = done;
    void refreshFiles();
  }, (error: Error) => {
    upload.error.value = error.message;
  });
  return upload;
};

/** Begins to upload. */
export const attach = (chosen: Iterable<File>): void => {
  uploads.value = [...uploads.value, ...[...chosen].map(begin)];
};

/** Sends a file again that did not arrive. */
export const again = (key: string): void => {
  uploads.value = uploads.value.map((upload) => upload.key === key ? begin(upload.file) : upload);
};

/** Takes a file off the message; one that is there already stays in the workspace. */
export const detach = (key: string): void => {
  uploads.value.find((upload) => upload.key === key)?.abort.abort();
  uploads.value = uploads.value.filter((upload) => upload.key !== key);
};

/** The files to send; the message then has none. */
export const takeUploads = (): ReadonlyArray<FileOut> => {
  const taken = uploads.value.flatMap(({ done }) => done.value === undefined ? [] : [done.value]);
  uploads.value = [];
  return taken;
};
