/**
 * The MCP server as a process: `deno task mcp` over HTTP, `deno task mcp --stdio` for clients that start it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime";
import { Effect, Layer } from "effect";
import { mcpHttp, mcpStdio, settings } from "./src/app.ts";

if (Deno.args.includes("--stdio")) {
  // The layer is built when the client has gone, and that is the end of the process.
  NodeRuntime.runMain(Effect.scoped(Layer.build(Layer.provide(mcpStdio, settings))));
} else {
  NodeRuntime.runMain(Layer.launch(Layer.provide(mcpHttp, settings)));
}
