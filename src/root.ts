/**
 * Where the files that go with the code are: the checkout, or the folder of a bundle.
 */
import { fileURLToPath } from "node:url";

const isBundled = !import.meta.url.endsWith("/src/root.ts");

/** The folder that holds `image/`, `skills/` and `tools/`. */
export const root: URL = new URL(isBundled ? "./" : "../", import.meta.url);

/** What a person types before the name of a task. */
export const typed: string = isBundled ? "caisson" : "deno task";

/** What a person types before a command that has flags. */
export const typedCommand: string = isBundled ? "caisson" : "deno task caisson";

/** A program of the WebAssembly sandbox, by name, and the flags that tell Deno where its packages are. */
export const guestProgram = (
  name: "main" | "prepare",
): { readonly entry: string; readonly flags: ReadonlyArray<string> } =>
  isBundled
    // Beside a bundle the packages lie in a folder, as npm puts them.
    ? { entry: new URL(`guest/${name}.js`, root).href, flags: ["--no-config", "--node-modules-dir=manual"] }
    : {
      entry: new URL(`src/adapters/sandbox/wasm/guest/${name}.ts`, root).href,
      // The packages of guests alone; with the project's lock file Deno would fetch what others import as well.
      flags: [
        `--lock=${fileURLToPath(new URL("src/adapters/sandbox/wasm/guest/deno.lock", root))}`,
        "--frozen",
      ],
    };
