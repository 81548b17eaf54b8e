/**
 * Builds the npm package `caisson` in a folder: `deno task package DIR`, then `npm pack ./DIR`.
 *
 * The programs are bundled in chunks, so that a start loads what it uses; names of functions are kept for stack
 * traces. Deno, and the packages of the WebAssembly sandbox, are dependencies.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "../src/domain/version.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** The programs of the package; `scripts/cli/programs.ts` says what launches them. */
const programs = [
  "server.ts",
  "mcp.ts",
  "scripts/doctor.ts",
  "scripts/erase.ts",
  // For the image of the services, whose shell is no launcher.
  "scripts/grants.ts",
  "scripts/image.ts",
  "scripts/keys.ts",
  "scripts/skills.ts",
];
const guests = ["src/adapters/sandbox/wasm/guest/main.ts", "src/adapters/sandbox/wasm/guest/prepare.ts"];

/** What lies beside the programs. */
const beside = ["skills", "tools", "LICENSE", "README.md"];

/** What CommonJS packages in a bundle expect to be there, in front of the chunks that use it. */
const shims: ReadonlyArray<readonly [RegExp, string]> = [
  [/Dynamic require of/, 'import{createRequire as $require}from"node:module";const require=$require(import.meta.url);'],
  [
    /\b__dirname\b|\b__filename\b/,
    'import{fileURLToPath as $path}from"node:url";const __filename=$path(import.meta.url),__dirname=$path(new URL(".",import.meta.url));',
  ],
];

const deno = async (...args: ReadonlyArray<string>): Promise<void> => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args], cwd: root, stdout: "null" })
    .output();
  if (!success) throw new Error(`deno ${args[0]}: ${new TextDecoder().decode(stderr)}`);
};

const bundle = (outdir: string, entries: ReadonlyArray<string>, ...more: ReadonlyArray<string>) =>
  deno(
    "bundle",
    "--quiet",
    "--platform=deno",
    "--code-splitting",
    "--minify",
    "--keep-names",
    `--outdir=${outdir}`,
    ...more,
    ...entries,
  );

const filesIn = (folder: string): ReadonlyArray<string> =>
  [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(join(folder, name)) : [join(folder, name)]
  );

const addShims = (folder: string): void => {
  for (const path of filesIn(folder).filter((name) => name.endsWith(".js"))) {
    const text = Deno.readTextFileSync(path);
    const wanted = shims.filter(([pattern]) => pattern.test(text)).map(([, shim]) => shim).join("");
    if (wanted !== "") Deno.writeTextFileSync(path, wanted + text);
  }
};

const copy = (from: string, to: string): void => {
  if (!Deno.statSync(from).isDirectory) {
    Deno.mkdirSync(dirname(to), { recursive: true });
    return Deno.copyFileSync(from, to);
  }
  for (const { name } of Deno.readDirSync(from)) {
    if (name !== "__pycache__" && !name.startsWith(".")) copy(join(from, name), join(to, name));
  }
};

/** The name and version in an import such as `npm:pyodide@314.0.7`. */
const packageIn = (specifier: string): readonly [string, string] => {
  const at = specifier.lastIndexOf("@");
  return [specifier.slice("npm:".length, at), specifier.slice(at + 1)];
};

/** Builds the package. */
export const buildPackage = async (folder: string): Promise<void> => {
  await Deno.mkdir(folder, { recursive: true });
  // Natives that ssh2 does without; Docker is reached by its socket.
  await bundle(folder, programs, "--lock=deno.lock", "--frozen", "--external=*.node", "--external=cpu-features");
  const specifiers = new Set(
    filesIn(join(root, "src/adapters/sandbox/wasm/guest")).flatMap((path) =>
      path.endsWith(".ts")
        ? [...Deno.readTextFileSync(path).matchAll(/"(npm:[^"]+)"/g)].map(([, found = ""]) => found)
        : []
    ),
  );
  await bundle(
    join(folder, "guest"),
    guests,
    "--lock=src/adapters/sandbox/wasm/guest/deno.lock",
    ...[...specifiers].map((specifier) => `--external=${specifier}`),
  );
  addShims(folder);
  for (const path of filesIn(join(folder, "guest"))) {
    let text = Deno.readTextFileSync(path);
    for (const specifier of specifiers) text = text.replaceAll(specifier, packageIn(specifier)[0]);
    Deno.writeTextFileSync(path, text);
  }
  // In chunks as well: a bare command loads nothing but what launches it.
  await bundle(join(folder, "bin"), ["scripts/caisson.ts"], "--lock=deno.lock", "--frozen");
  const launcher = join(folder, "bin/caisson.js");
  Deno.writeTextFileSync(launcher, `#!/usr/bin/env node\n${Deno.readTextFileSync(launcher)}`);
  Deno.chmodSync(launcher, 0o755);
  for (const name of beside) copy(join(root, name), join(folder, name));
  await deno("run", "-A", "scripts/web.ts");
  copy(join(root, "web/dist"), join(folder, "web/dist"));
  // Of the image everything that its build reads, and nothing of the services' own images.
  for (const { name } of Deno.readDirSync(join(root, "image"))) {
    if (name !== "service") copy(join(root, "image", name), join(folder, "image", name));
  }
  const manifest = {
    name: "caisson",
    version,
    description: "An OpenAI-compatible agent that runs code in sealed, per-user containers",
    license: "MIT",
    type: "module",
    bin: { caisson: "bin/caisson.js" },
    engines: { node: ">=18" },
    dependencies: {
      deno: Deno.readTextFileSync(join(root, ".ci/deno-version")).trim(),
      ...Object.fromEntries([...specifiers].map(packageIn)),
    },
  };
  Deno.writeTextFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
};

if (import.meta.main) {
  const [folder] = Deno.args;
  if (folder === undefined) {
    console.error("usage: deno task package DIR");
    Deno.exit(2);
  }
  await buildPackage(folder);
}
