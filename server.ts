/**
 * The agent API as a process: `deno task serve`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime";
import { Layer } from "effect";
import { agentApi, settings } from "./src/app.ts";
import { explained, givesBackPermissions } from "./src/boot.ts";

NodeRuntime.runMain(explained(Layer.launch(Layer.provide(agentApi, [settings, givesBackPermissions]))), {
  disableErrorReporting: true,
});
