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
/** Says of which sources a build is. */
const mark = new URL("sources.sha256", target);

/** Files that are served as they are. */
const copied = ["index.html", "style.css", "icon.svg"] as const;

const filesBelow = (folder: URL): ReadonlyArray<URL> =>
  [...Deno.readDirSync(folder)].toSorted((a, b) => a.name < b.name ? -1 : 1).flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(new URL(`${name}/`, folder)) : [new URL(name, folder)]
  );

/** A hash of everything that the page is made of. */
const hashOfSources = (): string => {
  const hash = createHash("sha256");
  for (const file of [...filesBelow(source), new URL("deno.json", web), new URL("deno.lock", web)]) {
    const content = Deno.readFileSync(file);
    hash.update(`${file.pathname.slice(web.pathname.length)}:${content.length}:`).update(content);
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
const makeFolder = (): void => {
  try {
    Deno.mkdirSync(target, { recursive: true });
    Deno.writeTextFileSync(mark, "");
  } catch (error) {
    throw new NotBuilt(error instanceof Error ? error.message : String(error));
  }
};

/** Builds the page of the given sources; *throws* `NotBuilt`. */
const build = (wanted: string): void => {
  const started = performance.now();
  makeFolder();
  const { success, stderr } = new Deno.Command("deno", {
    args: [
      "bundle",
      "--quiet",
      "--config=deno.json",
      "--lock=deno.lock",
      "--platform",
      "browser",
      "--minify",
      "-o",
      "dist/app.js",
      "src/main.tsx",
    ],
    cwd: web,
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  if (!success) throw new NotBuilt(new TextDecoder().decode(stderr).trim());
  for (const name of copied) Deno.copyFileSync(new URL(name, source), new URL(name, target));
  Deno.writeTextFileSync(mark, wanted);
  console.error(`built the page in ${Math.round(performance.now() - started)} ms`);
};

if (import.meta.main) {
  try {
    const wanted = hashOfSources();
    if (read(mark) !== wanted) build(wanted);
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound;
    if (!(error instanceof NotBuilt || isAbsent)) throw error;
    console.error(`the page at / is not built here, the API works without it: ${error.message}`);
    if (!Deno.args.includes("--or-without")) Deno.exit(1);
  }
}
