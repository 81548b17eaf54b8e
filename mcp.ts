/**
 * The MCP server as a process: `deno task mcp` over HTTP, `deno task mcp --stdio` for clients that start it.
 */
import "./src/plainFibers.ts";
import { Effect, Layer } from "effect";
import { besideSandboxes, logs, logsBesideProtocol, settings } from "./src/app/ground.ts";
import { explained, givesBackPermissions } from "./src/boot.ts";
import * as LibraryLines from "./src/libraryLines.ts";
import * as Logging from "./src/logging.ts";
import { argumentsAmong, entryOptions, runProcess } from "./src/process.ts";

const isStdio = argumentsAmong(["--stdio"]).has("--stdio");

const http = besideSandboxes(async () => (await import("./src/app/mcp.ts")).mcpHttp, logs);
const stdio = besideSandboxes(async () => (await import("./src/app/mcp.ts")).mcpStdio, logsBesideProtocol);

// Over standard streams the layer is built when the client has gone, and that is the end of the process.
const program = isStdio
  ? Effect.scoped(Layer.build(Layer.provide(stdio, [settings, givesBackPermissions])))
  : Layer.launch(Layer.provide(http, [settings, givesBackPermissions]));

// Until the settings are read there would be no logger but the default one, which writes to the protocol.
runProcess(
  explained(program).pipe(Effect.provide([Logging.early(isStdio), LibraryLines.taken(isStdio)])),
  entryOptions,
);
