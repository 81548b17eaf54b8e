/**
 * The Sandbox port on a container engine: one hardened container per owner, commands over one stream.
 */
import { Context, Duration, Effect, Exit, Layer, Option, type Scope } from "effect";
import { Settings, type SettingsService, settingsTable } from "../../../config.ts";
import { ownerKey } from "../../../domain/ids.ts";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import { Egress } from "../../../services/Egress.ts";
import {
  notRunning,
  RuntimeUnavailable,
  Sandbox,
  SandboxError,
  type SandboxHealth,
  type SandboxInfo,
  type SandboxService,
} from "../../../services/Sandbox.ts";
import { shownDirectories } from "../local/shownDirectories.ts";
import { Deaths } from "../owned/deaths.ts";
import { holdJobs } from "../owned/heldJobs.ts";
import { lookingAt, measured, noteCommands, type UseBounds } from "../owned/looking.ts";
import * as PerOwner from "../owned/PerOwner.ts";
import { type LinkedSandbox, openReplaceable } from "../owned/replaceable.ts";
import * as StartLine from "../owned/startLine.ts";
import { attended } from "../egress/attended.ts";
import { boundedTree } from "../owned/boundedTree.ts";
import { watchJobs, watchWorkspace, type WorkspaceBounds } from "../owned/workspaceWatch.ts";
import type { SupervisorLink } from "../supervisor/SupervisorLink.ts";
import { type ContainerContext, type ContainerSettings, controlsOf, memorySizes } from "./container.ts";
import { contentsNotes } from "./contents.ts";
import { Engine, type EngineInfo, type EngineService } from "./Engine.ts";
import { toSandboxError } from "./EngineError.ts";
import { Image } from "./Image.ts";
import { Installation } from "./Installation.ts";
import * as Preparation from "./preparation.ts";
import { describe } from "./probe.ts";
import { reapAgainAndAgain, reapOnce } from "./reaper.ts";
import { removeVolume, type RunningSandbox } from "./sandbox.ts";
import * as Starting from "./starting.ts";
import { probeVolumeQuota } from "./volumes.ts";

export { type Probe, probe } from "./probe.ts";

/** An engine that is alive finds an image in a millisecond. */
const healthMsMax = 2_000;

/** The settings that this adapter knows. */
type DockerSettings =
  & ContainerSettings
  & Pick<
    SettingsService,
    | "sandboxIdleSeconds"
    | "sandboxesMax"
    | "sandboxesPerPrincipalMax"
    | "sandboxPoolSize"
    | "skillsPath"
    | "toolsPath"
  >;

const requireRuntime = (runtime: Option.Option<string>, info: EngineInfo): Effect.Effect<void, SandboxError> => {
  const known = Object.keys(info.Runtimes ?? {});
  return Option.isNone(runtime) || known.includes(runtime.value) ? Effect.void : Effect.fail(
    new SandboxError({
      reason: new RuntimeUnavailable(),
      detail: `CAISSON_DOCKER_RUNTIME is ${JSON.stringify(runtime.value)}, and the engine has ${known.join(", ")}`,
    }),
  );
};

const boundedLink = Effect.fnUntraced(function* (link: SupervisorLink, bounds: WorkspaceBounds) {
  const watched = yield* watchWorkspace(link, bounds);
  const tree = boundedTree(link, bounds);
  return { ...link, ...watched, tree, jobs: yield* watchJobs(watched, link.jobs) };
});

/** A running container as its owner's, for the scope: its death is noted and its workspace measured. */
const owned = Effect.fnUntraced(function* (
  running: RunningSandbox,
  options: {
    readonly owner: Owner;
    readonly onDeath: () => void;
    /** What the workspace may hold where nothing beneath it bounds that. */
    readonly bounds: WorkspaceBounds | undefined;
    /** What all of it may use. */
    readonly uses: UseBounds;
  },
): Effect.fn.Return<LinkedSandbox, never, Scope.Scope> {
  let released = false;
  yield* running.link.closed.pipe(
    Effect.flatMap((error) => {
      if (released) return Effect.void;
      options.onDeath();
      return Effect.logWarning(`sandbox ${running.id} died: ${error.detail}`);
    }),
    Effect.forkScoped,
  );
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      released = true;
    })
  );
  const served = yield* attended(running.link, options.owner);
  const bounded = options.bounds === undefined ? served : yield* boundedLink(served, options.bounds);
  const { commands, ...noted } = noteCommands(bounded);
  return {
    id: running.id,
    link: { ...bounded, ...noted },
    isClosed: Effect.sync(running.link.isClosed),
    seen: { commands, jobs: bounded.jobs.listed, use: measured(running.link.usage, options.uses) },
  };
});

/** Removes an owner's workspace and the record of it. */
const destroyWorkspace = Effect.fnUntraced(function* (key: OwnerKey) {
  const installation = yield* Installation;
  const known = yield* installation.workspaceOf(key);
  if (Option.isNone(known)) return;
  yield* removeVolume(known.value);
  yield* installation.forgetWorkspace(key);
});

/** What `/health` shows: whether the engine answers and has the image, and what waits in front of a start. */
const healthOf = Effect.fnUntraced(function* (
  engine: EngineService,
  imageName: string,
  state: { readonly open: number; readonly pooled: number; readonly poolSize: number; readonly isReady: boolean },
): Effect.fn.Return<SandboxHealth> {
  const found = yield* Effect.exit(Effect.timeout(engine.inspectImage(imageName), healthMsMax));
  const pooled = state.poolSize === 0 ? "" : `, ${state.pooled} of ${state.poolSize} pooled`;
  const image = state.isReady ? "ready" : "not ready yet";
  if (Exit.isFailure(found)) {
    return { healthy: false, detail: "the container engine does not answer", open: state.open };
  }
  return Option.isSome(found.value)
    ? { healthy: true, detail: `${describe(engine.version)}, image ${image}${pooled}`, open: state.open }
    : { healthy: false, detail: `the engine has no image ${imageName}, or it is still being built`, open: state.open };
});

const infoOf = (context: ContainerContext, engine: EngineService, warnings: ReadonlyArray<string>): SandboxInfo => ({
  kind: "docker",
  why: `${describe(engine.version)} answers at ${engine.socketPath}`,
  controls: controlsOf(context),
  notes: notesOf(context),
  warnings: [...warnings, ...networkWarnings(context)],
  hasEgress: context.egress !== undefined,
});

const make = Effect.gen(function* (): Effect.gen.Return<
  SandboxService,
  SandboxError,
  Engine | Image | Installation | Settings | Scope.Scope
> {
  const settings: DockerSettings = yield* Settings;
  const engine = yield* Engine;
  const { offer: egress } = yield* Egress;
  // Only these: the whole context would carry the server's scope into every sandbox's own.
  const services = Context.make(Engine, engine).pipe(Context.add(Installation, yield* Installation));

  const engineInfo = yield* Effect.mapError(engine.info, toSandboxError);
  yield* requireRuntime(settings.dockerRuntime, engineInfo);
  yield* reapOnce;
  yield* Effect.forkScoped(reapAgainAndAgain);

  const volumeQuota = yield* probeVolumeQuota(settings.sandboxWorkspaceMb);
  const context: ContainerContext = {
    settings,
    engine: engineInfo,
    version: engine.version,
    volumeQuota,
    readOnlyMounts: [],
    egress,
  };
  const preparation = yield* Preparation.make(context, { tools: settings.toolsPath, skills: settings.skillsPath });
  // Begun before anyone asks, because the first build of the image takes a minute.
  yield* preparation.get.pipe(
    Effect.catch((error) => Effect.logWarning(`no sandbox can be started yet: ${error.detail}`)),
    Effect.forkScoped,
  );
  // A start takes a whole core of the engine's machine: one stays for those who are there.
  const line = yield* StartLine.make(engineInfo.NCPU - 1);
  const starting = yield* Starting.make(preparation, line, settings.sandboxPoolSize, services);

  const deaths = new Deaths();
  const start = Effect.fnUntraced(function* (owner: Owner, key: OwnerKey) {
    const running = yield* starting.start(owner, key);
    return yield* owned(running, {
      owner,
      onDeath: () => deaths.remember(owner, key),
      bounds: owner.ephemeral ? undefined : {
        entries: settings.sandboxEntriesMax,
        ...(!volumeQuota && { mb: settings.sandboxWorkspaceMb }),
      },
      uses: usesOf(settings, owner),
    });
  });
  const owners = yield* PerOwner.make<LinkedSandbox>({
    idle: Duration.seconds(settings.sandboxIdleSeconds),
    countMax: settings.sandboxesMax,
    countPerPrincipalMax: settings.sandboxesPerPrincipalMax,
    start: (owner, key) => Effect.provideContext(start(owner, key), services),
  });
  const hold = yield* holdJobs(owners.open);

  return {
    info: infoOf(context, engine, (yield* shownDirectories(settings)).warnings),
    health: Effect.all({ open: owners.count, pooled: starting.pooled }).pipe(
      Effect.flatMap((counts) =>
        healthOf(engine, settings.executorImage, {
          ...counts,
          poolSize: settings.sandboxPoolSize,
          isReady: preparation.isReady(),
        })
      ),
    ),
    open: (owner) => openReplaceable(owners, deaths, hold, owner),
    ...lookingAt(owners),
    egress: (owner) => Effect.map(owners.running(owner), (running) => running?.link.egressed?.()),
    dial: (owner, port) =>
      Effect.flatMap(owners.openRunning(owner), (running) => running?.link.dial(port) ?? notRunning),
    stop: (owner) => owners.reset(owner, Effect.void),
    reset: (owner) => {
      const key = ownerKey(owner);
      const destroy = Effect.andThen(Effect.sync(() => deaths.forget(key)), destroyWorkspace(key));
      return Effect.provideContext(owners.reset(owner, destroy), services);
    },
  };
});

/** What the sandbox of an owner may use in all; one who is ephemeral works in memory. */
const usesOf = (settings: ContainerSettings, { ephemeral }: Owner): UseBounds => ({
  memoryMb: settings.sandboxMemoryMb,
  diskMb: ephemeral ? memorySizes(settings).workspace : settings.sandboxWorkspaceMb,
  entries: settings.sandboxEntriesMax,
});

/** What an operator must weigh of a network that nobody judges. */
const networkWarnings = ({ settings, egress }: ContainerContext): ReadonlyArray<string> =>
  settings.sandboxNetwork === "none" ? [] : [
    `${settingsTable.sandboxNetwork.key}=bridge lets code reach all that this machine reaches, its own services and ` +
    `the addresses where clouds keep credentials included; ${settingsTable.egress.key} decides for each connection` +
    (egress === undefined ? "" : ", and code that does not ask it goes past it over the bridge"),
  ];

/** What the model must know of these sandboxes. */
const notesOf = ({ settings, egress }: ContainerContext): ReadonlyArray<string> => [
  ...(settings.sandboxNetwork === "bridge"
    ? ["The network can be reached."]
    : egress?.notes ?? ["There is no network: nothing can be downloaded or installed."]),
  `Memory is bounded at ${settings.sandboxMemoryMb} MiB, CPU at ${settings.sandboxCpus}, processes at ` +
  `${settings.sandboxPidsMax}, one file at ${settings.sandboxFileMb} MiB.`,
  "Only /workspace, /artifacts and /tmp can be written; /tmp is small and in memory.",
  ...contentsNotes(settings.executorImage),
];

const engineLayer = Layer.catchTag(
  Engine.layer,
  "EngineError",
  (error) => Layer.effect(Engine, Effect.fail(toSandboxError(error))),
);

/**
 * The Docker sandbox on the engine of `DOCKER_HOST`, or the first that answers at the usual sockets.
 *
 * *Details*: building the layer connects and removes what dead servers left; the image is looked for or
 * built in the background. Closing it stops every sandbox at once and keeps the workspaces.
 *
 * *Fails with* `SandboxError`, reason `RuntimeUnavailable`, when no engine answers, the wanted runtime is
 * missing or the data directory cannot be used.
 */
export const layer: Layer.Layer<Sandbox, SandboxError, Settings> = Layer.effect(Sandbox, make).pipe(
  Layer.provide(Image.layer),
  Layer.provide(Installation.layer),
  Layer.provide(engineLayer),
);
