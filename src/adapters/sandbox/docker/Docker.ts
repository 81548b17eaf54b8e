/**
 * The Sandbox port on a container engine: one hardened container per owner, commands over one stream.
 */
import { Context, Duration, Effect, Exit, Layer, Option, PartitionedSemaphore, Scope, Semaphore, Stream } from "effect";
import { Settings, type SettingsService } from "../../../config.ts";
import type { ExecutionOutcome } from "../../../domain/Execution.ts";
import { ownerKey } from "../../../domain/ids.ts";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import {
  RuntimeUnavailable,
  Sandbox,
  SandboxError,
  type SandboxHandle,
  type SandboxService,
  StartFailed,
} from "../../../services/Sandbox.ts";
import * as PerOwner from "../owned/PerOwner.ts";
import type { SupervisorLink } from "../supervisor/SupervisorLink.ts";
import { type ContainerContext, controlsOf, type Workspace } from "./container.ts";
import { Engine } from "./Engine.ts";
import { toSandboxError } from "./EngineError.ts";
import { Image } from "./Image.ts";
import { Installation } from "./Installation.ts";
import { engineSees, readOnlyMounts } from "./mounts.ts";
import * as Pool from "../owned/Pool.ts";
import { describe, isPodman } from "./probe.ts";
import { reapAgainAndAgain, reapOnce } from "./reaper.ts";
import { labelsOf, randomName, removeVolume, type RunningSandbox, startSandbox } from "./sandbox.ts";
import { watchWorkspace } from "../owned/workspaceWatch.ts";

export { type Probe, probe } from "./probe.ts";

/** An engine that is alive answers a ping in a millisecond. */
const healthMsMax = 2_000;
/** Wait before a container from the pool gets its owner's name, so that the first command need not share the engine. */
const renamePauseMs = 1_000;
/** A hundred starts on one core take half a minute; who waits longer is better told so. */
const lineMsMax = 60_000;
/** Deaths whose owners have not been told yet; the oldest is forgotten first. */
const deathNotesMax = 1_000;

/** An owner's running sandbox as the port's operations see it. */
interface OwnedSandbox extends PerOwner.Closable {
  readonly id: string;
  readonly link: SupervisorLink;
}

/** A ready container on a fresh volume that becomes the workspace of whoever takes it. */
interface PooledSandbox extends Pool.PoolMember, RunningSandbox {
  readonly volume: string;
  /** Whether the volume is somebody's workspace now and outlives the container. */
  readonly fate: { keep: boolean };
}

/** Whether the engine bounds the size of a volume; it says so only when one is made. */
const probeVolumeQuota = Effect.gen(function* () {
  const engine = yield* Engine;
  // Podman takes any option and fails when the volume is mounted.
  if (isPodman(engine.version)) return false;
  const { sandboxWorkspaceMb } = yield* Settings;
  const Name = randomName("quota");
  return yield* engine.createVolume({
    Name,
    Labels: yield* labelsOf(undefined),
    DriverOpts: { size: `${sandboxWorkspaceMb}m` },
  }).pipe(
    Effect.as(true),
    Effect.catch((error) => Effect.as(Effect.logDebug(`no quota on volumes: ${error.message}`), false)),
    // Also after a failure or an interruption, which do not say that the engine made none.
    Effect.ensuring(
      Effect.catch(removeVolume(Name), (error) => Effect.logWarning(`a volume was not removed: ${error.detail}`)),
    ),
  );
});

const make = Effect.gen(function* (): Effect.gen.Return<
  SandboxService,
  SandboxError,
  Engine | Image | Installation | Settings | Scope.Scope
> {
  const settings = yield* Settings;
  const engine = yield* Engine;
  const image = yield* Image;
  const installation = yield* Installation;
  // Only these: the whole context would carry the server's scope into every sandbox's own.
  const services = Context.make(Engine, engine).pipe(Context.add(Installation, installation));
  // Opened before anything that starts containers, and so closed after the last of them is gone.
  const mountsScope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void));

  const engineInfo = yield* Effect.mapError(engine.info, toSandboxError);
  const runtime = settings.dockerRuntime;
  if (Option.isSome(runtime) && !Object.hasOwn(engineInfo.Runtimes ?? {}, runtime.value)) {
    return yield* new SandboxError({
      reason: new RuntimeUnavailable(),
      detail: `the engine has no runtime ${JSON.stringify(runtime.value)}; it has ${
        Object.keys(engineInfo.Runtimes ?? {}).join(", ")
      }`,
    });
  }

  yield* reapOnce;
  yield* Effect.forkScoped(reapAgainAndAgain);

  const baseContext: ContainerContext = {
    settings,
    engine: engineInfo,
    version: engine.version,
    volumeQuota: yield* probeVolumeQuota,
    readOnlyMounts: [],
  };
  const controls = controlsOf(baseContext);

  // Starting ---------------------------------------------------------------------------------------

  // Engines start containers no faster in parallel than they have cores; more only wait in the engine.
  // Waiting here is fair between principals.
  const starts = yield* PartitionedSemaphore.make<string>({ permits: Math.max(1, engineInfo.NCPU) });
  /** Waits for a turn to start a container and holds it until the scope closes. */
  const inLine = (principal: string) =>
    Effect.acquireRelease(
      starts.take(principal, 1),
      () => starts.release(1),
      { interruptible: true },
    ).pipe(
      Effect.timeoutOrElse({
        duration: lineMsMax,
        orElse: () =>
          Effect.fail(
            new SandboxError({ reason: new StartFailed(), detail: `no turn to start within ${lineMsMax} ms` }),
          ),
      }),
    );

  // What every start needs and no start should pay for twice; a failure is not kept.
  const preparing = yield* Semaphore.make(1);
  let ready: { readonly reference: string; readonly context: ContainerContext } | undefined;
  const prepared = preparing.withPermits(1)(Effect.gen(function* () {
    if (ready !== undefined) return ready;
    const reference = yield* image.ensure;
    const { toolsPath: tools, skillsPath: skills } = settings;
    const copied = !(yield* engineSees(reference, [tools, skills]));
    const mounts = yield* readOnlyMounts({ tools, skills }, reference, copied).pipe(
      Scope.provide(mountsScope),
    );
    ready = { reference, context: { ...baseContext, readOnlyMounts: mounts } };
    return ready;
  }));
  // Begun before anyone asks, because the first build of the image takes a minute.
  yield* prepared.pipe(
    Effect.catch((error) => Effect.logWarning(`no sandbox can be started yet: ${error.detail}`)),
    Effect.forkScoped,
  );

  // Docker makes the volume with the container that mounts it; Podman would make one without labels.
  const createWorkspace = Effect.fnUntraced(function* (name: string, owner: OwnerKey | undefined) {
    if (!isPodman(engine.version)) return;
    yield* engine.createVolume({ Name: name, Labels: yield* labelsOf(owner) }).pipe(Effect.mapError(toSandboxError));
  });

  const startOn = Effect.fnUntraced(function* (workspace: Workspace, principal: string, owner: OwnerKey | undefined) {
    const scope = yield* Effect.scope;
    const start = Effect.flatMap(prepared, ({ reference, context }) =>
      // The turn ends when the sandbox is up; the sandbox lives on in the caller's scope.
      Effect.scoped(Effect.andThen(
        inLine(principal),
        Scope.provide(startSandbox(context, reference, workspace, owner), scope),
      )));
    return yield* start.pipe(
      // Somebody removed the image since it was found: look, or build, again.
      Effect.catchIf((error) => error.reason._tag === "ImageMissing" && ready !== undefined, () => {
        ready = undefined;
        return start;
      }),
    );
  });

  const pool = yield* Pool.make<PooledSandbox>(
    settings.sandboxPoolSize,
    Effect.gen(function* () {
      const volume = randomName("ws");
      const fate = { keep: false };
      yield* Effect.acquireRelease(
        createWorkspace(volume, undefined),
        () =>
          fate.keep
            ? Effect.void
            : Effect.catch(removeVolume(volume), (error) =>
              Effect.logWarning(`a volume was not removed: ${error.detail}`)),
      );
      // The pool waits in line as one principal among the others.
      const running = yield* startOn({ _tag: "Volume", name: volume }, "", undefined);
      return { ...running, volume, fate, isClosed: running.link.isClosed, closed: running.link.closed };
    }).pipe(Effect.provideContext(services)),
  );

  const startDurable = Effect.fnUntraced(function* (owner: Owner, key: OwnerKey) {
    const known = yield* installation.workspaceOf(key);
    if (Option.isNone(known)) {
      const member = yield* pool.take;
      if (member !== undefined) {
        const recorded = yield* installation.recordWorkspace(key, member.volume);
        if (recorded === member.volume) {
          member.fate.keep = true;
          // Labels cannot change after creation; the name tells people whose container it is now.
          yield* engine.rename(member.id, randomName(key.slice(0, 12))).pipe(
            Effect.delay(renamePauseMs),
            Effect.catch((error) => Effect.logDebug(error.message)),
            Effect.forkScoped,
          );
          return member;
        }
      }
    }
    // On record before it exists, so that no volume is ever without an owner.
    const name = Option.isSome(known) ? known.value : yield* installation.recordWorkspace(key, randomName("ws"));
    yield* createWorkspace(name, key);
    return yield* startOn({ _tag: "Volume", name }, owner.principal, key);
  });

  const startEphemeral = Effect.fnUntraced(function* (owner: Owner, key: OwnerKey) {
    const member = yield* pool.take;
    return member ?? (yield* startOn({ _tag: "Memory" }, owner.principal, key));
  });

  // Owners -----------------------------------------------------------------------------------------

  const deaths = new Map<OwnerKey, string>();
  const rememberDeath = (owner: Owner, key: OwnerKey) => {
    const oldest = deaths.keys().next();
    if (deaths.size >= deathNotesMax && oldest.done !== true) deaths.delete(oldest.value);
    deaths.set(
      key,
      `The sandbox died and was started anew: its processes and /tmp are gone, ${
        owner.ephemeral ? "and so are the files in /workspace" : "the files in /workspace are kept"
      }.`,
    );
  };

  const owners = yield* PerOwner.make<OwnedSandbox>({
    idle: Duration.seconds(settings.sandboxIdleSeconds),
    countMax: settings.sandboxesMax,
    countPerPrincipalMax: settings.sandboxesPerPrincipalMax,
    start: Effect.fnUntraced(function* (owner, key) {
      const running = yield* Effect.provideContext(
        owner.ephemeral ? startEphemeral(owner, key) : startDurable(owner, key),
        services,
      );
      let released = false;
      yield* running.link.closed.pipe(
        Effect.flatMap((error) => {
          if (released) return Effect.void;
          rememberDeath(owner, key);
          return Effect.logWarning(`sandbox ${running.id} died: ${error.detail}`);
        }),
        Effect.forkScoped,
      );
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          released = true;
        })
      );
      const link = baseContext.volumeQuota || owner.ephemeral
        ? running.link
        : { ...running.link, ...(yield* watchWorkspace(running.link, settings.sandboxWorkspaceMb)) };
      return { id: running.id, link, isClosed: Effect.sync(running.link.isClosed) };
    }),
  });

  const open = Effect.fnUntraced(function* (owner: Owner) {
    const scope = yield* Effect.scope;
    const key = ownerKey(owner);
    let current = yield* owners.open(owner);
    // A sandbox that died between two uses of one handle is replaced at the next.
    const live: Effect.Effect<SupervisorLink, SandboxError> = Effect.suspend(() =>
      current.link.isClosed()
        ? Effect.map(Scope.provide(owners.open(owner), scope), (next) => {
          current = next;
          return next.link;
        })
        : Effect.succeed(current.link)
    );
    const withDeath = (outcome: ExecutionOutcome): ExecutionOutcome => {
      const death = deaths.get(key);
      if (death === undefined) return outcome;
      deaths.delete(key);
      return { ...outcome, note: outcome.note === undefined ? death : `${death} ${outcome.note}` };
    };
    const handle: SandboxHandle = {
      get id() {
        return current.id;
      },
      execute: (request) => Effect.map(Effect.flatMap(live, (link) => link.execute(request)), withDeath),
      writeFile: (path, content) => Effect.flatMap(live, (link) => link.writeFile(path, content)),
      readText: (path, options) => Effect.flatMap(live, (link) => link.readText(path, options)),
      readBytes: (path, range) => Stream.unwrap(Effect.map(live, (link) => link.readBytes(path, range))),
      readDocstring: (path, name) => Effect.flatMap(live, (link) => link.readDocstring(path, name)),
      changedFiles: (sinceMs, limit) => Effect.flatMap(live, (link) => link.changedFiles(sinceMs, limit)),
    };
    return handle;
  });

  const destroyWorkspace = Effect.fnUntraced(function* (key: OwnerKey) {
    deaths.delete(key);
    const known = yield* installation.workspaceOf(key);
    if (Option.isNone(known)) return;
    yield* removeVolume(known.value);
    yield* installation.forgetWorkspace(key);
  });

  const summary = describe(engine.version);
  return {
    info: {
      kind: "docker" as const,
      why: `${summary} answers at ${engine.socketPath}`,
      controls,
      notes: notesOf(settings),
    },
    health: Effect.gen(function* () {
      const alive = yield* Effect.exit(Effect.timeout(engine.ping, healthMsMax));
      const open = yield* owners.count;
      const healthy = Exit.isSuccess(alive);
      const waiting = settings.sandboxPoolSize === 0
        ? ""
        : `, ${yield* pool.ready} of ${settings.sandboxPoolSize} pooled`;
      return {
        healthy,
        detail: healthy
          ? `${summary}, image ${ready === undefined ? "not ready yet" : "ready"}${waiting}`
          : "the container engine does not answer",
        open,
      };
    }),
    open,
    reset: (owner) => Effect.provideContext(owners.reset(owner, destroyWorkspace(ownerKey(owner))), services),
  };
});

/** What the model must know of these sandboxes. */
const notesOf = (settings: SettingsService): ReadonlyArray<string> => [
  settings.sandboxNetwork === "none"
    ? "There is no network: nothing can be downloaded or installed."
    : "The network can be reached.",
  `Memory is bounded at ${settings.sandboxMemoryMb} MiB, CPU at ${settings.sandboxCpus}, processes at ` +
  `${settings.sandboxPidsMax}, one file at ${settings.sandboxFileMb} MiB.`,
  "Only /workspace, /artifacts and /tmp can be written; /tmp is small and in memory.",
  "Python 3 has numpy, pandas, scipy, matplotlib (saving to files), sympy, openpyxl, lxml, Pillow and requests.",
  "There are bash, git, jq, ripgrep, sqlite3, curl, zip and the usual Unix tools, and no compiler.",
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
