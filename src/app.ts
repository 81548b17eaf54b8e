/**
 * The composition: which adapter stands behind which port, as the settings say.
 *
 * Nothing else in the library knows an adapter. Every layer here is closed but for `Settings`, so a
 * program can take some, replace others and keep the rest.
 */
import process from "node:process";
import { Effect, Layer, Option } from "effect";
import * as OpenAiChunks from "./adapters/converter/OpenAiChunks.ts";
import * as Egress from "./adapters/egress/Configured.ts";
import * as Identity from "./adapters/identity/Configured.ts";
import * as Limits from "./adapters/limits/Configured.ts";
import * as Model from "./adapters/model/Configured.ts";
import { loadTable } from "./adapters/model/modelTable.ts";
import * as PromptTexts from "./adapters/promptTexts/Files.ts";
import * as RunStore from "./adapters/runStore/Configured.ts";
import * as FileBytes from "./adapters/files/Disk.ts";
import * as FileStores from "./adapters/files/Configured.ts";
import * as RunLedger from "./adapters/runs/Configured.ts";
import * as SandboxChoice from "./adapters/sandbox/choice.ts";
import { granted } from "./adapters/sandbox/egress/granted.ts";
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
import { attended } from "./adapters/web/attended.ts";
import * as WebReader from "./adapters/web/Configured.ts";
import * as UsageLedger from "./adapters/usageLedger/Files.ts";
import * as Agent from "./agent/Agent.ts";
import * as LocalToolbox from "./agent/LocalToolbox.ts";
import { previewedToolbox } from "./agent/previewedToolbox.ts";
import * as Announce from "./announcements.ts";
import { environment } from "./config/environment.ts";
import { ConfigurationRefused, Settings } from "./config.ts";
import * as Preview from "./http/preview/layer.ts";
import * as Api from "./http/server.ts";
import * as LibraryLines from "./libraryLines.ts";
import * as Logging from "./logging.ts";
import * as UnnamedSweep from "./runs/unnamedSweep.ts";
import * as Runs from "./runs/Runs.ts";
import type { Sandbox } from "./services/Sandbox.ts";
import { layer as keptSnapshots } from "./runs/snapshots/layer.ts";
import { watchedToolbox } from "./runs/snapshots/watchedToolbox.ts";
import { agent as measuredAgent } from "./telemetry/agent.ts";
import { egress as measuredEgress } from "./telemetry/egress.ts";
import { limits as measuredLimits } from "./telemetry/limits.ts";
import * as Meter from "./telemetry/Meter.ts";
import * as Otlp from "./telemetry/endpoints.ts";
import { model as measuredModel } from "./telemetry/model.ts";
import { byNameOnly } from "./telemetry/propagation.ts";
import { previews as measuredPreviews } from "./telemetry/previews.ts";
import { sandbox as measuredSandbox } from "./telemetry/sandbox.ts";
import { sessions as tracedSessions } from "./telemetry/sessions.ts";
import { toolbox as measuredToolbox } from "./telemetry/toolbox.ts";
import { webReader as measuredWebReader } from "./telemetry/webReader.ts";

// Settings and logs ------------------------------------------------------------------------------

/**
 * The settings of this process.
 *
 * *Fails with* `ConfigurationRefused`, naming every wrong key, or saying why `.env` cannot be read.
 *
 * *Example* (read the settings of this process):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect } from "effect";
 * import { app, Settings } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const { toolView } = yield* Settings;
 *   return toolView;
 * });
 * const view = await Effect.runPromise(
 *   program.pipe(Effect.provide(app.settings), Effect.catchTag("ConfigurationRefused", () => Effect.succeed("text"))),
 * );
 * assert.equal(typeof view, "string");
 * ```
 */
export const settings = Settings.layer.pipe(Layer.provide(environment));

/** Loads a module when a layer of it is built: what a process does not use costs it neither time nor memory. */
const loaded = <M>(load: () => Promise<M>) => Effect.promise(load);

const logging = (toStderr: boolean) =>
  Layer.unwrap(Effect.gen(function* () {
    const settings = yield* Settings;
    const further = Option.isNone(Otlp.endpointOf(settings, "logs")) ? Option.none() : yield* Effect.flatMap(
      loaded(() => import("./telemetry/otlp.ts")),
      ({ logger }) => logger,
    );
    const lines = Logging.layer(settings.logLevel, {
      isTerminal: (toStderr ? process.stderr : process.stdout).isTTY === true,
      toStderr,
      tellsContent: settings.captureContent,
      ...(Option.isSome(further) && { further: further.value }),
    });
    return Layer.provideMerge(LibraryLines.logged, lines);
  }));

/** Measurements, where the settings ask for them; without them the measured form of a port is the port itself. */
const measurements = Layer.merge(
  Layer.unwrap(
    Effect.map(
      Settings,
      (settings) => settings.metrics || Option.isSome(Otlp.endpointOf(settings, "metrics")) ? Meter.layer : Layer.empty,
    ),
  ),
  byNameOnly,
);

/** Spans, where the settings send them somewhere. */
const tracing = Layer.unwrap(
  Effect.flatMap(
    Settings,
    (settings) =>
      Otlp.isSent(settings)
        ? Effect.map(loaded(() => import("./telemetry/otlp.ts")), ({ layer }) => layer)
        : Effect.succeed(Layer.empty),
  ),
);

const telemetry = Layer.provideMerge(tracing, measurements);

// Ports ------------------------------------------------------------------------------------------

/** The Egress port: what programs in sandboxes may reach. *Fails with* `ConfigurationRefused`. */
export const egress = measuredEgress(Egress.layer);

/** What the server reads of the web; one for the tools and for what sandboxes tell of it. */
const webReader = measuredWebReader(WebReader.layer);

/**
 * The Sandbox port: Docker when the settings say so, or when they leave the choice and an engine
 * answers; the embedded sandbox otherwise. Closing it stops every sandbox.
 *
 * *Fails with* `SandboxError` when the chosen runtime cannot be used, or an engine that is named;
 * `ConfigurationRefused` when the certificates of egress cannot be read.
 */
export const sandbox = granted(attended(SandboxChoice.layer)).pipe(Layer.provide([egress, webReader]));

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
  Layer.provideMerge(logging(false)),
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
  Layer.provideMerge(logging(false)),
);

/** The MCP server over standard streams, until the client goes. */
export const mcpStdio = Layer.mergeAll(Announce.sandbox, mcpStdioDoor).pipe(
  Layer.provide(mcpServices),
  Layer.provide(telemetry),
  Layer.merge(announceSettings),
  Layer.provideMerge(logging(true)),
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
