/**
 * Builds the web page into `web/dist`, unless what is there is of these very sources.
 *
 * Usage: `deno task web`; `deno task serve` does it first, with `--or-without`: where the page cannot be built, as in
 * a read-only checkout or out of reach of its packages, the reason is said and the API is served without it. The
 * bundler is Deno's own, so nothing is installed for it; its output is not committed.
 */
import { createHash } from "node:crypto";

const web = new URL("../web/", import.meta.url);
const source = new URL("src/", web);
const target = new URL("dist/", web);
/** A script to bundle; the bundler drops the notices of what is in it, so they stand here; ours alone has none. */
interface Script {
  readonly from: string;
  readonly to: string;
  readonly format: "esm" | "iife";
  readonly notice?: string;
}

/** A part of the page, which is built anew when its own sources changed. */
interface Part {
  /** Says of which sources a build is. */
  readonly mark: URL;
  /** Whether a file below `web/src` is a source of it. */
  readonly has: (path: string) => boolean;
  /** Files that are served as they are, under the names on the right. */
  readonly copied: ReadonlyArray<readonly [from: string, to: string]>;
  /** Sheets that are one when served, in the order in which later rules win. */
  readonly sheets?: ReadonlyArray<string>;
  readonly bundled: ReadonlyArray<Script>;
}

const pdfNotice = "pdf.js, Copyright Mozilla Foundation, Apache-2.0, https://mozilla.github.io/pdf.js";

/** The page, and what it loads only to show a PDF, which takes longer to bundle and seldom changes. */
const parts: ReadonlyArray<Part> = [
  {
    mark: new URL("page.sha256", target),
    has: (path) => !path.startsWith("pdf/") || path === "pdf/messages.ts",
    copied: [["index.html", "index.html"], ["icon.svg", "icon.svg"]],
    sheets: [
      "base",
      "shell",
      "thread",
      "text",
      "steps",
      "approvals",
      "composer",
      "panel",
      "sandbox",
      "dialogs",
      "narrow",
    ],
    bundled: [{
      from: "main.tsx",
      to: "app.js",
      format: "esm",
      notice:
        "Preact, signals, marked and lowlight (MIT), highlight.js (BSD-3-Clause), of their authors; see their packages",
    }, { from: "text/notebook.ts", to: "notebook.js", format: "esm" }],
  },
  {
    mark: new URL("pdf.sha256", target),
    has: (path) => path.startsWith("pdf/"),
    copied: [["pdf/frame.html", "pdf.html"], ["pdf/frame.css", "pdf.css"]],
    bundled: [{ from: "pdf/frame.ts", to: "pdf.js", format: "iife", notice: pdfNotice }],
  },
];

const filesBelow = (folder: URL): ReadonlyArray<URL> =>
  [...Deno.readDirSync(folder)].toSorted((a, b) => a.name < b.name ? -1 : 1).flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(new URL(`${name}/`, folder)) : [new URL(name, folder)]
  );

/** A hash of everything that a part is made of. */
const hashOf = ({ has }: Part, files: ReadonlyArray<URL>): string => {
  const hash = createHash("sha256");
  const ours = [new URL(import.meta.url), new URL("deno.json", web), new URL("deno.lock", web)];
  for (const file of [...files.filter(({ pathname }) => has(pathname.slice(source.pathname.length))), ...ours]) {
    const content = Deno.readFileSync(file);
    hash.update(`${file.pathname.slice(file.pathname.lastIndexOf("/"))}:${content.length}:`).update(content);
  }
  return hash.digest("hex");
};

const read = (file: URL): string | undefined => {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
};

/** Why the page cannot be built here; the exit code is for those who need it. */
class NotBuilt extends Error {}

/** Makes the folder; a checkout that is not ours to write stays as it is. */
const makeFolder = ({ mark }: Part): void => {
  try {
    Deno.mkdirSync(target, { recursive: true });
    Deno.writeTextFileSync(mark, "");
  } catch (error) {
    throw new NotBuilt(error instanceof Error ? error.message : String(error));
  }
};

/** Bundles one script; *throws* `NotBuilt`. */
const bundle = async ({ from, to, format, notice }: Script): Promise<void> => {
  const { success, stderr } = await new Deno.Command("deno", {
    args: [
      "bundle",
      "--quiet",
      "--config=deno.json",
      "--lock=deno.lock",
      "--frozen",
      "--platform",
      "browser",
      "--minify",
      "--format",
      format,
      "-o",
      `dist/${to}`,
      `src/${from}`,
    ],
    cwd: web,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new NotBuilt(new TextDecoder().decode(stderr).trim());
  if (notice === undefined) return;
  const file = new URL(to, target);
  Deno.writeTextFileSync(file, `/*! ${notice} */\n${Deno.readTextFileSync(file)}`);
};

/** Builds a part of the given sources; *throws* `NotBuilt`. */
const build = async (part: Part, wanted: string): Promise<void> => {
  makeFolder(part);
  await Promise.all(part.bundled.map(bundle));
  for (const [from, to] of part.copied) Deno.copyFileSync(new URL(from, source), new URL(to, target));
  if (part.sheets !== undefined) {
    const sheets = part.sheets.map((name) => Deno.readTextFileSync(new URL(`style/${name}.css`, source)));
    Deno.writeTextFileSync(new URL("style.css", target), sheets.join(""));
  }
  Deno.writeTextFileSync(part.mark, wanted);
};

/** Builds what is not of these sources; *throws* `NotBuilt`. */
const buildStale = async (): Promise<void> => {
  const started = performance.now();
  const files = filesBelow(source);
  const stale = parts.map((part) => ({ part, wanted: hashOf(part, files) }))
    .filter(({ part, wanted }) => read(part.mark) !== wanted);
  if (stale.length === 0) return;
  await Promise.all(stale.map(({ part, wanted }) => build(part, wanted)));
  console.error(`built the page in ${Math.round(performance.now() - started)} ms`);
};

if (import.meta.main) {
  try {
    await buildStale();
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound;
    if (!(error instanceof NotBuilt || isAbsent)) throw error;
    console.error(`the page at / is not built here, the API works without it: ${error.message}`);
    if (!Deno.args.includes("--or-without")) Deno.exit(1);
  }
}
