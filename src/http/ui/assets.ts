/**
 * The files of the page, read once and kept: a handful of fixed names, each with its tag and its short form.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { Effect, Option } from "effect";

/** A file of the page, ready to be sent. */
export interface Asset {
  readonly contentType: string;
  readonly etag: string;
  readonly body: Uint8Array;
  /** The same, compressed; absent where that would not make it shorter. */
  readonly gzip?: Uint8Array;
}

/** Every file that there is; nothing else can be asked for. */
const contentTypes = {
  "index.html": "text/html; charset=utf-8",
  "app.js": "text/javascript; charset=utf-8",
  "notebook.js": "text/javascript; charset=utf-8",
  "style.css": "text/css; charset=utf-8",
  "icon.svg": "image/svg+xml",
  "pdf.html": "text/html; charset=utf-8",
  "pdf.css": "text/css; charset=utf-8",
  "pdf.js": "text/javascript; charset=utf-8",
} as const;

/** The name of a file of the page. */
export type AssetName = keyof typeof contentTypes;

/** Whether a name is that of a file of the page. */
export const isAssetName = (name: string): name is AssetName => Object.hasOwn(contentTypes, name);

/** Off the thread that answers: what draws a PDF is over a megabyte. */
const shorten = promisify<Uint8Array, { readonly level: number }, Uint8Array>(gzip);

const prepare = async (name: AssetName, body: Uint8Array): Promise<Asset> => {
  const short = await shorten(body, { level: 9 });
  return {
    contentType: contentTypes[name],
    etag: `"${createHash("sha256").update(body).digest("base64url")}"`,
    body,
    ...(short.length < body.length ? { gzip: short } : {}),
  };
};

/**
 * Reads a file of the page from the folder it was built into; none when the page was not built.
 */
export const readAsset = (folder: URL, name: AssetName): Effect.Effect<Option.Option<Asset>> =>
  Effect.tryPromise(async () => prepare(name, await readFile(new URL(name, folder)))).pipe(
    Effect.map(Option.some),
    Effect.catch((error) => Effect.as(Effect.logDebug("the page is not built", error), Option.none())),
  );
