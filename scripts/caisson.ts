/**
 * The command `caisson`: in a checkout by `deno task`, elsewhere as the npm package's program, which runs under Node.
 *
 * A bare command is launched at once; the library that understands everything else is loaded when there is more.
 */
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { launch, type Place } from "./cli/launch.ts";
import { programs } from "./cli/programs.ts";

const isPackage = !import.meta.url.endsWith("/scripts/caisson.ts");
const place: Place = { home: dirname(dirname(fileURLToPath(import.meta.url))), isPackage };

const line = process.argv.slice(2);
const isBare = (name: string | undefined): name is "serve" | "mcp" | "doctor" | "image" | "skills" =>
  name !== undefined && Object.hasOwn(programs, name) && name !== "keys" && name !== "erase";

const [name, ...rest] = line;
if (isBare(name) && (rest.length === 0 || (name === "mcp" && rest.join() === "--stdio"))) {
  launch(place, { program: name, settings: {}, args: rest });
} else {
  const { main } = await import("./cli/main.ts");
  await main(place, isPackage ? "caisson" : "deno task caisson", line);
}
