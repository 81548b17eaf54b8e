/**
 * Builds the web page into `web/dist`, unless what is there is of these very sources.
 *
 * Usage: `deno task web`; `deno task serve` does it first. The bundler is Deno's own, so nothing is installed
 * for it; its output is not committed.
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

/** Builds; the exit code is 0 also where a read-only checkout keeps the page from being built. */
const build = (wanted: string): number => {
  const started = performance.now();
  try {
    Deno.mkdirSync(target, { recursive: true });
  } catch (error) {
    console.error(`The page cannot be built here: ${error instanceof Error ? error.message : error}`);
    return 0;
  }
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
  if (!success) {
    console.error(new TextDecoder().decode(stderr));
    return 1;
  }
  for (const name of copied) Deno.copyFileSync(new URL(name, source), new URL(name, target));
  Deno.writeTextFileSync(mark, wanted);
  console.error(`built the page in ${Math.round(performance.now() - started)} ms`);
  return 0;
};

if (import.meta.main) {
  const wanted = hashOfSources();
  if (read(mark) !== wanted) Deno.exit(build(wanted));
}
