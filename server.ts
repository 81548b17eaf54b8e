/**
 * The agent API as a process: `deno task serve`; `--mcp` opens the MCP server beside it.
 */
import "./src/plainFibers.ts";
import { Effect, Layer } from "effect";
import { agentApi, bothDoors, settings } from "./src/app.ts";
import { explained, givesBackPermissions } from "./src/boot.ts";
import * as LibraryLines from "./src/libraryLines.ts";
import * as Logging from "./src/logging.ts";
import { argumentsAmong, entryOptions, runProcess } from "./src/process.ts";

const door = argumentsAmong(["--mcp"]).has("--mcp") ? bothDoors : agentApi;

runProcess(
  explained(Layer.launch(Layer.provide(door, [settings, givesBackPermissions]))).pipe(
    Effect.provide([Logging.early(false), LibraryLines.taken(false)]),
  ),
  entryOptions,
);
