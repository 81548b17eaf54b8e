/**
 * The whole HTTP application as a function from request to response: real agent, converter, sessions
 * and identity; a scripted model and a fake sandbox; no sockets.
 */
import { Context, Layer, Logger } from "effect";
import { HttpRouter, HttpServer } from "effect/http";
import * as OpenAiChunks from "../../src/adapters/converter/OpenAiChunks.ts";
import * as Configured from "../../src/adapters/identity/Configured.ts";
import * as Limits from "../../src/adapters/limits/Configured.ts";
import * as RunLedger from "../../src/adapters/runs/Configured.ts";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import * as MemoryContainers from "../../src/adapters/containers/Memory.ts";
import * as FileBytes from "../../src/adapters/files/Disk.ts";
import * as MemoryFiles from "../../src/adapters/files/Memory.ts";
import * as Files from "../../src/runs/Files.ts";
import * as Containers from "../../src/runs/Containers.ts";
import * as MemoryResponses from "../../src/adapters/responses/Memory.ts";
import * as MemoryWebhooks from "../../src/adapters/responses/webhooks/Memory.ts";
import * as MemoryConversations from "../../src/adapters/responses/conversations/Memory.ts";
import * as MemoryRuns from "../../src/adapters/runStore/Memory.ts";
import * as Memory from "../../src/adapters/sessions/Memory.ts";
import * as MemorySnapshots from "../../src/adapters/snapshots/Memory.ts";
import { granted } from "../../src/adapters/sandbox/egress/granted.ts";
import { layer as agentLayer } from "../../src/agent/Agent.ts";
import * as LocalToolbox from "../../src/agent/LocalToolbox.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { UsageLedger, type UsageLedgerService } from "../../src/services/UsageLedger.ts";
import type { Model } from "../../src/services/Model.ts";
import type { ResponseStore } from "../../src/services/ResponseStore.ts";
import { Skills, type SkillsService } from "../../src/services/Skills.ts";
import { agent as observedAgent } from "../../src/telemetry/agent.ts";
import { limits as observedLimits } from "../../src/telemetry/limits.ts";
import { model as observedModel } from "../../src/telemetry/model.ts";
import { sessions as observedSessions } from "../../src/telemetry/sessions.ts";
import * as Preview from "../../src/http/preview/layer.ts";
import * as Router from "../../src/http/router.ts";
import * as Runs from "../../src/runs/Runs.ts";
import { layer as snapshots } from "../../src/runs/snapshots/layer.ts";
import { watchedToolbox } from "../../src/runs/snapshots/watchedToolbox.ts";
import { type FakeSandbox, fakeSandbox } from "./fakeSandbox.ts";

/** What a test chooses of the application. */
export interface AppOptions {
  readonly steps?: ReadonlyArray<Scripted.Step>;
  readonly settings?: Partial<SettingsService>;
  readonly sandbox?: Pick<FakeSandbox, "layer">;
  /** There are previews, on a free port. */
  readonly previews?: boolean;
  /** Instead of the script. */
  readonly model?: Layer.Layer<Model>;
  /** By default they are kept in memory. */
  readonly responses?: Layer.Layer<ResponseStore, unknown, Settings>;
  /** The ports are measured and traced where a meter or tracing is provided, as in the composition that users have. */
  readonly isObserved?: boolean;
  /** By default nothing is kept. */
  readonly usageLedger?: UsageLedgerService;
  /** What programs in sandboxes may reach; by default nothing. */
  readonly egress?: Layer.Layer<never, unknown, Settings>;
  /** The operator's; by default there are none. */
  readonly skills?: SkillsService;
  /** Receives every log line; by default none is written. */
  readonly logger?: Logger.Logger<unknown, unknown>;
}

/** The ports behind the application. */
export const services = (
  {
    steps = [],
    settings = {},
    sandbox = fakeSandbox(),
    model = Scripted.layer(steps),
    responses = MemoryResponses.layer,
    usageLedger,
    egress = Layer.empty,
    isObserved = false,
    previews = false,
    skills,
  }: AppOptions,
) => {
  // One for all that ask it.
  const wayOut = Layer.orDie(egress);
  const configured = Settings.layerWith({ keepAliveSeconds: 15, ...settings });
  const ports = Layer.mergeAll(
    OpenAiChunks.layer,
    Configured.layer,
    isObserved ? observedLimits(Limits.layer) : Limits.layer,
    RunLedger.layer,
    isObserved ? observedSessions(Memory.layer) : Memory.layer,
    MemoryRuns.layer,
    Layer.orDie(responses),
    MemoryConversations.layer,
    isObserved ? observedModel(model) : model,
    MemoryWebhooks.layer,
    Layer.provide(granted(sandbox.layer), wayOut),
    usageLedger === undefined ? Layer.empty : Layer.succeed(UsageLedger, usageLedger),
    skills === undefined ? Layer.empty : Layer.succeed(Skills, skills),
  ).pipe(Layer.provideMerge(configured));
  return Layer.mergeAll(
    Runs.layer,
    Containers.layer.pipe(Layer.provide(MemoryContainers.layer), Layer.provide(wayOut)),
    Files.layer.pipe(Layer.provide([MemoryFiles.layer, FileBytes.layer])),
  ).pipe(
    Layer.provideMerge(isObserved ? observedAgent(agentLayer) : agentLayer),
    Layer.provideMerge(watchedToolbox(Layer.provide(LocalToolbox.layer, wayOut))),
    Layer.provideMerge(previews ? Layer.orDie(Preview.layer) : Layer.empty),
    Layer.provideMerge(snapshots),
    Layer.provideMerge(MemorySnapshots.layer),
    Layer.provideMerge(ports),
  );
};

/** A running application. */
export interface App {
  readonly send: (request: Request) => Promise<Response>;
  /** Posts a chat completion. */
  readonly chat: (body: unknown, headers?: Readonly<Record<string, string>>, signal?: AbortSignal) => Promise<Response>;
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>;
  readonly dispose: () => Promise<void>;
}

const base = "http://caisson.test";

/** Builds the application; the caller disposes of it. */
export const makeApp = (options: AppOptions = {}): App => {
  const { logger } = options;
  const { handler, dispose } = HttpRouter.toWebHandler(
    Router.layer.pipe(
      Layer.provide(services(options)),
      Layer.provide(HttpServer.layerServices),
      Layer.provideMerge(Logger.layer(logger === undefined ? [] : [logger])),
    ),
    { disableLogger: true, routerConfig: Router.routerConfig },
  );
  const send = (request: Request) => handler(request, Context.empty());
  return {
    send,
    get: (path, headers = {}) => send(new Request(`${base}${path}`, { headers })),
    chat: (body, headers = {}, signal) =>
      send(
        new Request(`${base}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: typeof body === "string" ? body : JSON.stringify(body),
          ...(signal === undefined ? {} : { signal }),
        }),
      ),
    dispose,
  };
};

/** Runs a test body against an application and disposes of it afterwards. */
export const withApp = async (options: AppOptions, body: (app: App) => Promise<void>): Promise<void> => {
  const app = makeApp(options);
  try {
    await body(app);
  } finally {
    await app.dispose();
  }
};
