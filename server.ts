/**
 * The agent API as a process: `deno task serve`; `--mcp` opens the MCP server beside it.
 */
import "./src/plainFibers.ts";
import { Effect, Layer, Option } from "effect";
import { besideSandboxes, logs, settings } from "./src/app/ground.ts";
import { explained, givesBackPermissions } from "./src/boot.ts";
import * as LibraryLines from "./src/libraryLines.ts";
import * as Logging from "./src/logging.ts";
import { argumentsAmong, entryOptions, runProcess } from "./src/process.ts";

const isBoth = argumentsAmong(["--mcp"]).has("--mcp");

const door = besideSandboxes(
  async () => {
    const { agentApi, bothDoors } = await import("./src/app.ts");
    return isBoth ? bothDoors : agentApi;
  },
  logs,
  ({ mcpServerUrl }) => Option.isSome(mcpServerUrl),
);

runProcess(
  explained(Layer.launch(Layer.provide(door, [settings, givesBackPermissions]))).pipe(
    Effect.provide([Logging.early(false), LibraryLines.taken(false)]),
  ),
  entryOptions,
);
