/**
 * The composition: which adapter stands behind which port, as the settings say.
 *
 * Nothing else in the library knows an adapter. Every layer here is closed but for `Settings`, so a
 * program can take some, replace others and keep the rest.
 */
import { Effect, Layer, Option } from "effect";
import * as OpenAiChunks from "./adapters/converter/OpenAiChunks.ts";
import * as Identity from "./adapters/identity/Configured.ts";
import * as Limits from "./adapters/limits/Configured.ts";
import * as Model from "./adapters/model/Configured.ts";
import { loadTable } from "./adapters/model/modelTable.ts";
import * as PromptTexts from "./adapters/promptTexts/Files.ts";
import * as RunStore from "./adapters/runStore/Configured.ts";
import * as FileBytes from "./adapters/files/Disk.ts";
import * as FileStores from "./adapters/files/Configured.ts";
import * as RunLedger from "./adapters/runs/Configured.ts";
import * as ContainerStores from "./adapters/containers/Configured.ts";
import * as Responses from "./adapters/responses/Configured.ts";
import * as Webhooks from "./adapters/responses/webhooks/Configured.ts";
import * as Conversations from "./adapters/responses/conversations/Configured.ts";
import * as Containers from "./runs/Containers.ts";
import * as Files from "./runs/Files.ts";
import * as Sessions from "./adapters/sessions/Configured.ts";
import * as Skills from "./adapters/skills/Disk.ts";
import * as SnapshotStore from "./adapters/snapshots/Disk.ts";
import * as Combined from "./adapters/toolbox/Combined.ts";
import * as ToolsLibrary from "./adapters/toolsLibrary/Disk.ts";
import * as UsageLedger from "./adapters/usageLedger/Files.ts";
import * as Agent from "./agent/Agent.ts";
import * as LocalToolbox from "./agent/LocalToolbox.ts";
import { previewedToolbox } from "./agent/previewedToolbox.ts";
import * as Announce from "./announcements.ts";
import { egress, logs, logsBesideProtocol, sandbox, telemetry, webReader } from "./app/ground.ts";
import { loaded } from "./app/loaded.ts";
import { environment } from "./config/environment.ts";
import { ConfigurationRefused, Settings } from "./config.ts";
import * as Preview from "./http/preview/layer.ts";
import * as Api from "./http/server.ts";
import * as UnnamedSweep from "./runs/unnamedSweep.ts";
import * as Runs from "./runs/Runs.ts";
import type { Sandbox } from "./services/Sandbox.ts";
import { layer as keptSnapshots } from "./runs/snapshots/layer.ts";
import { watchedToolbox } from "./runs/snapshots/watchedToolbox.ts";
import { agent as measuredAgent } from "./telemetry/agent.ts";
import { limits as measuredLimits } from "./telemetry/limits.ts";
import { model as measuredModel } from "./telemetry/model.ts";
import { previews as measuredPreviews } from "./telemetry/previews.ts";
import { sandbox as measuredSandbox } from "./telemetry/sandbox.ts";
import { sessions as tracedSessions } from "./telemetry/sessions.ts";
import { toolbox as measuredToolbox } from "./telemetry/toolbox.ts";

export { egress, sandbox, settings } from "./app/ground.ts";

// Ports ------------------------------------------------------------------------------------------

/**
 * The Sessions port over the configured store. *Fails with* `SessionsUnavailable` when it cannot be
 * opened, `ConfigurationRefused`.
 */
export const sessions = Sessions.layer;

/** The ResponseStore port beside the configured store of sessions. *Fails with* `ConfigurationRefused`. */
export const responses = Responses.layer;

/** The ConversationStore port beside the configured store of sessions. *Fails with* `ConfigurationRefused`. */
export const conversations = Conversations.layer;
/** Containers of clients, in the store beside the sessions; needs the Sandbox port. */
export const containers = Containers.layer.pipe(
  Layer.provideMerge(ContainerStores.layer),
  // Containers are refused a network of their own where nothing could be said about it: behind a tool server, whose way
  // out is its own, and on a bridge, which goes past all that is said.
  Layer.provide(
    Layer.unwrap(
      Effect.map(
        Settings,
        ({ mcpServerUrl, sandboxNetwork }) =>
          Option.isNone(mcpServerUrl) && sandboxNetwork === "none" ? egress : Layer.empty,
      ),
    ),
  ),
);

const fileStores = Layer.merge(FileStores.layer, FileBytes.layer);

/** Files of `/v1/files`: records beside the sessions, bytes in the data directory. */
export const files = Layer.provide(Files.layer, fileStores);

/** The same with what sweeps bytes that a crash left. */
const filesSwept = Layer.merge(Files.layer, Files.sweeping).pipe(Layer.provide(fileStores));

/**
 * The Model port over every configured provider; the routing table names variables that hold keys.
 *
 * *Fails with* `ConfigurationRefused` when the table is wrong, or `.env` cannot be read.
 *
 * *Example* (work without any key):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { app, Model, Settings } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const model = yield* Model.Model;
 *   return { ids: (yield* model.list).map(({ id }) => id), defaultModel: yield* model.defaultModel };
 * });
 * const model = Layer.provide(app.model, Settings.layerWith());
 * const { ids, defaultModel } = await Effect.runPromise(Effect.provide(program, model));
 * assert.deepEqual(ids, ["caisson-offline"]);
 * assert.equal(defaultModel, "caisson-offline");
 * ```
 */
export const model = Layer.provide(Model.layer, environment);

/**
 * The Identity port over the configured credentials. *Fails with* `ConfigurationRefused` when they
 * contradict each other.
 */
export const identity = Identity.layer;

/** The Limits port: rates are shared through Redis when there is one. *Fails with* `ConfigurationRefused`. */
export const limits = Limits.layer;

/** The RunStore port beside the configured store of sessions. */
export const runStore = RunStore.layer;

/** The RunLedger port: shared through Redis when there is one. *Fails with* `ConfigurationRefused`. */
export const runLedger = RunLedger.layer;

/** The UsageLedger port: a line for each run in the data directory. */
export const usageLedger = UsageLedger.layer;

/** The SnapshotStore port: files of workspaces as they were, in the data directory. */
export const snapshotStore = SnapshotStore.layer;

/** Snapshots of workspaces around runs, as the settings say; needs the Sandbox port. */
export const snapshots = Layer.provideMerge(keptSnapshots, snapshotStore);

/** The Converter port. */
export const converter = OpenAiChunks.layer;

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
const previewed = <E, R>(sandboxes: Layer.Layer<Sandbox, E, R>) =>
  Layer.provideMerge(measuredPreviews(Preview.layer), sandboxes);

/** Sandboxes of this process, and links to their ports; every door of the process has the same. */
const workplace = previewed(measuredSandbox(sandbox));

/** Tools and sandboxes behind the server at a URL; the MCP client comes with them. */
const behindServer = (url: string) =>
  Layer.unwrap(
    Effect.map(
      loaded(() =>
        Promise.all([import("./adapters/sandbox/remote/Remote.ts"), import("./adapters/toolbox/McpClient.ts")])
      ),
      ([Remote, McpClient]) =>
        Layer.provideMerge(
          measuredToolbox(Combined.layer(previewedToolbox(McpClient.layer(url)))),
          previewed(measuredSandbox(Remote.layer(url))),
        ),
    ),
  );

/**
 * Tools and sandboxes together: in this process, or both behind the server of `MCP_SERVER_URL`, so that
 * this process needs no access to an engine at all.
 */
export const execution = Layer.unwrap(
  Effect.map(Settings, ({ mcpServerUrl }) =>
    Option.match(mcpServerUrl, {
      onNone: () => Layer.provideMerge(measuredToolbox(Combined.layer(toolbox)), workplace),
      onSome: behindServer,
    })),
);

/** The agent; needs the Model and Toolbox ports. */
export const agent = Agent.layer;

/**
 * Runs as a program starts them, with everything they need but a Model, a Sandbox and the settings: limits,
 * sessions, retries, files, and the tools in this process.
 */
export const runs = Runs.layer.pipe(
  Layer.provideMerge(agent),
  Layer.provide(toolbox),
  Layer.provideMerge(Layer.mergeAll(sessions, limits, runLedger)),
);

/** Every port of the agent API with the agent and its runs on top. */
export const services = Layer.mergeAll(Runs.layer, containers, filesSwept).pipe(
  Layer.provideMerge(measuredAgent(agent)),
  Layer.provideMerge(snapshots),
  Layer.provideMerge(
    Layer.mergeAll(
      measuredModel(model),
      watchedToolbox(execution),
      tracedSessions(sessions),
      runStore,
      responses,
      conversations,
      Webhooks.layer,
      identity,
      measuredLimits(limits),
      runLedger,
      usageLedger,
      converter,
      Skills.layer,
    ),
  ),
);

// Doors ------------------------------------------------------------------------------------------

/** Warns of settings that nobody reads, once lines are logged as the settings say. */
const announceSettings = Layer.effectDiscard(Effect.gen(function* () {
  const { models } = yield* Settings;
  const table = Option.isSome(models) ? yield* loadTable(models.value) : {};
  yield* Announce.warnOfUnknownSettings(Announce.keyVariables(table));
}));

/**
 * The agent API, listening until its scope closes.
 *
 * *Fails with* `ServeError` when the address is taken, `OpenDoorRefused` when it would serve strangers, and with
 * whatever a port beneath it fails to start with.
 *
 * *Example* (serve on a port of your choice, configured in code):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Layer } from "effect";
 * import { app, Settings } from "@caisson/caisson";
 *
 * const server = Layer.provide(app.agentApi, Settings.layerWith({ apiPort: 9000, sandbox: "embedded" }));
 * const main = Layer.launch(server); // `Effect.runPromise(main)` serves until it is interrupted
 * assert.ok(main);
 * ```
 */
export const agentApi = Layer.mergeAll(
  Announce.sandbox,
  Announce.models,
  UnnamedSweep.layer,
  Layer.provideMerge(Announce.door("agent API", Announce.askTheApi), Api.serve),
).pipe(
  Layer.provide(services),
  Layer.provide(telemetry),
  Layer.merge(announceSettings),
  Layer.provideMerge(logs),
);

/** What the MCP server needs: tools and sandboxes of its own process, whatever `MCP_SERVER_URL` says. */
const mcpServices = Layer.mergeAll(
  Layer.provideMerge(measuredToolbox(toolbox), workplace),
  identity,
  measuredLimits(limits),
  Skills.layer,
);

const mcpHttpDoor = Layer.unwrap(Effect.map(loaded(() => import("./mcp/http.ts")), ({ layer }) => layer));
const mcpStdioDoor = Layer.unwrap(Effect.map(loaded(() => import("./mcp/stdio.ts")), ({ layer }) => layer));

/** The MCP server over streamable HTTP, listening until its scope closes. */
export const mcpHttp = Layer.mergeAll(
  Announce.sandbox,
  Layer.provideMerge(Announce.door("MCP server", Announce.connectToMcp), mcpHttpDoor),
).pipe(
  Layer.provide(mcpServices),
  Layer.provide(telemetry),
  Layer.merge(announceSettings),
  Layer.provideMerge(logs),
);

/** The MCP server over standard streams, until the client goes. */
export const mcpStdio = Layer.mergeAll(Announce.sandbox, mcpStdioDoor).pipe(
  Layer.provide(mcpServices),
  Layer.provide(telemetry),
  Layer.merge(announceSettings),
  Layer.provideMerge(logsBesideProtocol),
);

/**
 * The agent API and the MCP server in one process, over the same sandboxes.
 *
 * *Fails with* what either fails with, and with `ConfigurationRefused` when `MCP_SERVER_URL` names another server.
 */
export const bothDoors = Layer.unwrap(
  Effect.flatMap(
    Settings,
    ({ mcpServerUrl }) =>
      Option.isNone(mcpServerUrl) ? Effect.succeed(Layer.merge(agentApi, mcpHttp)) : Effect.fail(
        new ConfigurationRefused({
          problems: ["MCP_SERVER_URL names an MCP server while --mcp opens one here: leave one of them out"],
        }),
      ),
  ),
);
