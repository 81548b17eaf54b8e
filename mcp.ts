/**
 * The MCP server as a process: `deno task mcp` over HTTP, `deno task mcp --stdio` for clients that start it.
 */
import "./src/plainFibers.ts";
import { Effect, Layer, Logger } from "effect";
import { mcpHttp, mcpStdio, settings } from "./src/app.ts";
import { explained, givesBackPermissions } from "./src/boot.ts";
import { argumentsAmong, entryOptions, runProcess } from "./src/process.ts";

// Over standard streams the layer is built when the client has gone, and that is the end of the process.
const program = argumentsAmong(["--stdio"]).has("--stdio")
  ? Effect.scoped(Layer.build(Layer.provide(mcpStdio, [settings, givesBackPermissions]))).pipe(
    explained,
    // Until the settings are read there is no logger but the default one, which would write to the protocol.
    Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])),
  )
  : explained(Layer.launch(Layer.provide(mcpHttp, [settings, givesBackPermissions])));

runProcess(program, entryOptions);
