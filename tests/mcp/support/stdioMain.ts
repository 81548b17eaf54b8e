/**
 * The MCP server over stdio as a process of its own, on a fake toolbox.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime";
import { Effect, Layer } from "effect";
import { explained } from "../../../src/boot.ts";
import * as Logging from "../../../src/logging.ts";
import { Settings } from "../../../src/config.ts";
import { layer } from "../../../src/mcp/stdio.ts";
import { makeFakeToolbox } from "./fakeToolbox.ts";

NodeRuntime.runMain(
  Effect.gen(function* () {
    const toolbox = yield* makeFakeToolbox;
    yield* Effect.scoped(Layer.build(layer.pipe(
      Layer.provide(toolbox.layer),
      Layer.provide(Settings.layerWith({
        mcpUser: Deno.args[0] ?? "local",
        ...(Deno.args[1] !== undefined && { bodyBytesMax: Number(Deno.args[1]) }),
      })),
      Layer.provide(Logging.layer("INFO", { isTerminal: false, toStderr: true, tellsContent: false })),
    )));
  }).pipe(explained, Effect.provide(Logging.early(true))),
);
