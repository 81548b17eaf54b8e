/**
 * The Python modules in a folder on disk: `name.py`, and packages one level deep.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Effect, Layer, Option } from "effect";
import { Settings } from "../../config.ts";
import type { PythonModule } from "../../domain/PythonModule.ts";
import { ToolsLibrary, type ToolsLibraryService } from "../../services/ToolsLibrary.ts";
import { readPythonSource } from "./pythonSource.ts";

/** Where sandboxes see the modules. */
const mountPoint = "/tools";

/** How long a scan is trusted. */
const freshness = "1 second";

/** Modules listed; more would not fit a prompt. */
const modulesMax = 100;

/** Bytes of one source file; what is larger is data or generated. */
const fileBytesMax = 1024 * 1024;

/** A private, test or set-up file is no module that an agent should use. */
const isPublic = (file: string): boolean =>
  /^[A-Za-z]\w*\.py$/.test(file) && !/^test_|_test\.py$|^(?:conftest|setup)\.py$/.test(file);

/** A folder or file that cannot be read is left out: a library grows and shrinks while it is served. */
const optional = <A>(body: () => Promise<A>): Effect.Effect<Option.Option<A>> =>
  Effect.option(Effect.tryPromise({ try: body, catch: (error) => error }));

const entries = (folder: string) =>
  Effect.map(
    optional(() => readdir(folder, { withFileTypes: true })),
    (found) => Option.getOrElse(found, () => []).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  );

const read = (root: string, path: string, name: string): Effect.Effect<Option.Option<PythonModule>> =>
  Effect.map(
    optional(async () => {
      const status = await stat(join(root, path));
      return status.isFile() && status.size <= fileBytesMax ? await readFile(join(root, path), "utf8") : undefined;
    }),
    (text) =>
      Option.flatMap(text, (source) =>
        source === undefined
          ? Option.none()
          : Option.some({ name, location: `${mountPoint}/${path}`, ...readPythonSource(source) })),
  );

/** Makes a library of the modules under `root`. */
export const make = Effect.fnUntraced(function* (root: string): Effect.fn.Return<ToolsLibraryService> {
  const scan = Effect.gen(function* () {
    const wanted: Array<readonly [path: string, name: string]> = [];
    for (const entry of yield* entries(root)) {
      if (isPublic(entry.name)) wanted.push([entry.name, entry.name.slice(0, -".py".length)]);
      else if (entry.isDirectory() && /^[A-Za-z]\w*$/.test(entry.name)) {
        const inside = yield* entries(join(root, entry.name));
        if (!inside.some(({ name }) => name === "__init__.py")) continue;
        wanted.push([`${entry.name}/__init__.py`, entry.name]);
        for (const { name } of inside) {
          if (isPublic(name)) wanted.push([`${entry.name}/${name}`, `${entry.name}.${name.slice(0, -".py".length)}`]);
        }
      }
    }
    const modules = yield* Effect.forEach(wanted.slice(0, modulesMax), ([path, name]) => read(root, path, name));
    return modules.flatMap(Option.toArray).filter((each) => each.summary !== "" || each.members.length > 0);
  });
  return { modules: yield* Effect.cachedWithTTL(scan, freshness) };
});

/** The modules of `MCP_TOOLS_PATH`. */
export const layer: Layer.Layer<never, never, Settings> = Layer.effect(
  ToolsLibrary,
  Effect.flatMap(Settings, (settings) => make(settings.toolsPath)),
);
