/**
 * What every door of a process lets its callers use: the tools in this process, who they are and how much they may.
 */
import { Effect, Layer, Option } from "effect";
import * as Identity from "../adapters/identity/Configured.ts";
import * as Limits from "../adapters/limits/Configured.ts";
import { loadTable } from "../adapters/model/modelTable.ts";
import * as PromptTexts from "../adapters/promptTexts/Files.ts";
import * as Skills from "../adapters/skills/Disk.ts";
import * as ToolsLibrary from "../adapters/toolsLibrary/Disk.ts";
import * as LocalToolbox from "../agent/LocalToolbox.ts";
import * as Announce from "../announcements.ts";
import { Settings } from "../config.ts";
import * as Preview from "../http/preview/layer.ts";
import type { Sandbox } from "../services/Sandbox.ts";
import { previews as measuredPreviews } from "../telemetry/previews.ts";
import { sandbox as measuredSandbox } from "../telemetry/sandbox.ts";
import { egress, sandbox, webReader } from "./ground.ts";

/**
 * The Identity port over the configured credentials. *Fails with* `ConfigurationRefused` when they
 * contradict each other.
 */
export const identity = Identity.layer;

/** The Limits port: rates are shared through Redis when there is one. *Fails with* `ConfigurationRefused`. */
export const limits = Limits.layer;

/**
 * The Toolbox port in this process; needs the Sandbox port.
 *
 * *Example* (offer the ready-made tools over a sandbox of your own):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { app, Sandbox, Settings, Toolbox } from "@caisson/caisson";
 *
 * const mine = Layer.mock(Sandbox.Sandbox, {
 *   info: { kind: "scripted", why: "an example asked for it", controls: [], notes: [] },
 * });
 * const program = Effect.gen(function* () {
 *   const toolbox = yield* Toolbox.Toolbox;
 *   const { declarations } = yield* toolbox.open({ principal: "example", user: "ada", ephemeral: true });
 *   return declarations.map(({ name }) => name);
 * });
 * const tools = app.toolbox.pipe(Layer.provide(mine), Layer.provide(Settings.layerWith()));
 * const names = await Effect.runPromise(Effect.scoped(Effect.provide(program, tools)));
 * assert.deepEqual(names.slice(0, 3), ["execute_bash", "execute_python", "write_file"]);
 * ```
 */
export const toolbox = LocalToolbox.layer.pipe(
  Layer.provide(Layer.mergeAll(Skills.layer, ToolsLibrary.layer, PromptTexts.layer, webReader, egress)),
);

/** Links to the ports of sandboxes, beside these. */
export const previewed = <E, R>(sandboxes: Layer.Layer<Sandbox, E, R>) =>
  Layer.provideMerge(measuredPreviews(Preview.layer), sandboxes);

/** Sandboxes of this process, and links to their ports; every door of the process has the same. */
export const workplace = previewed(measuredSandbox(sandbox));

/** Warns of settings that nobody reads, once lines are logged as the settings say. */
export const announceSettings = Layer.effectDiscard(Effect.gen(function* () {
  const { models } = yield* Settings;
  const table = Option.isSome(models) ? yield* loadTable(models.value) : {};
  yield* Announce.warnOfUnknownSettings(Announce.keyVariables(table));
  yield* Announce.warnOfMisspeltTools;
}));
