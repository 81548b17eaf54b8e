/**
 * The agent API as a process: `deno task serve`.
 */
import { Layer } from "effect";
import { agentApi, settings } from "./src/app.ts";
import { explained, givesBackPermissions } from "./src/boot.ts";
import { entryOptions, runProcess } from "./src/process.ts";

runProcess(explained(Layer.launch(Layer.provide(agentApi, [settings, givesBackPermissions]))), entryOptions);
