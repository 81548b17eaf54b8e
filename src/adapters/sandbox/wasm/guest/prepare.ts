/**
 * Prepares WebAssembly guests on this machine: sees that their packages are here and makes the memory
 * image of a loaded Python. Runs no user code; prints where things are as JSON.
 *
 * Usage: prepare.ts DIRECTORY
 */
import { fileURLToPath } from "node:url";
import "npm:just-bash@3.4.2";
import { loadPyodide, version } from "npm:pyodide@314.0.7";

const directory = Deno.args[0] ?? ".";
const snapshot = `${directory}/python-${version}.snapshot`;

const exists = async (path: string): Promise<boolean> => {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};

if (!await exists(snapshot)) {
  const python = await loadPyodide({ jsglobals: Object.create(null), _makeSnapshot: true });
  const temporary = `${snapshot}.${crypto.randomUUID()}`;
  await Deno.writeFile(temporary, python.makeMemorySnapshot());
  // Two servers may prepare at once: each renames a whole image over the other's equal one.
  await Deno.rename(temporary, snapshot);
}
const pyodide = fileURLToPath(new URL(".", import.meta.resolve("npm:pyodide@314.0.7")));
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ snapshot, pyodide })));
Deno.exit(0);
