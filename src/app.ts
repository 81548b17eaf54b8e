/**
 * The composition: which adapter stands behind which port, as the settings say.
 *
 * Nothing else in the library knows an adapter. Every layer here is closed but for `Settings`, so a
 * program can take some, replace others and keep the rest.
 */
import { Effect, Layer, Option } from "effect";
import * as OpenAiChunks from "./adapters/converter/OpenAiChunks.ts";
import * as Model from "./adapters/model/Configured.ts";
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
import * as UsageLedger from "./adapters/usageLedger/Files.ts";
import * as Agent from "./agent/Agent.ts";
import { previewedToolbox } from "./agent/previewedToolbox.ts";
import * as Announce from "./announcements.ts";
import { egress, logs, telemetry } from "./app/ground.ts";
import { loaded } from "./app/loaded.ts";
import { mcpHttp } from "./app/mcp.ts";
import { announceSettings, identity, limits, previewed, toolbox, workplace } from "./app/tools.ts";
import { environment } from "./config/environment.ts";
import { ConfigurationRefused, Settings } from "./config.ts";
import * as Api from "./http/server.ts";
import * as UnnamedSweep from "./runs/unnamedSweep.ts";
import * as Runs from "./runs/Runs.ts";
import { layer as keptSnapshots } from "./runs/snapshots/layer.ts";
import { watchedToolbox } from "./runs/snapshots/watchedToolbox.ts";
import { agent as measuredAgent } from "./telemetry/agent.ts";
import { limits as measuredLimits } from "./telemetry/limits.ts";
import { model as measuredModel } from "./telemetry/model.ts";
import { sandbox as measuredSandbox } from "./telemetry/sandbox.ts";
import { sessions as tracedSessions } from "./telemetry/sessions.ts";
import { toolbox as measuredToolbox } from "./telemetry/toolbox.ts";

export { egress, sandbox, settings } from "./app/ground.ts";
export { mcpHttp, mcpStdio } from "./app/mcp.ts";
export { identity, limits, toolbox } from "./app/tools.ts";

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
