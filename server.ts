/**
 * The agent API as a process: `deno task serve`.
 */
import { NodeRuntime } from "@effect/platform-node";
import { Layer } from "effect";
import { agentApi, settings } from "./src/app.ts";

NodeRuntime.runMain(Layer.launch(Layer.provide(agentApi, settings)));
