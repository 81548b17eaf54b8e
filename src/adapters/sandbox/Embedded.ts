/**
 * The Sandbox adapter for machines without a container engine, in two forms: bubblewrap where it
 * works, else WebAssembly. A probe at start decides; nothing ever runs in the server's own process.
 */
import { resolve } from "node:path";
import { Duration, Effect, Layer, Option, type Scope } from "effect";
import { Settings, type SettingsService, settingsTable } from "../../config.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";
import { ownerKey } from "../../domain/ids.ts";
import { Egress } from "../../services/Egress.ts";
import {
  notRunning,
  RuntimeUnavailable,
  Sandbox,
  SandboxError,
  type SandboxHandle,
  type SandboxInfo,
  type SandboxService,
} from "../../services/Sandbox.ts";
import { holdJobs } from "./owned/heldJobs.ts";
import { lookingAt, noteCommands, type Seen } from "./owned/looking.ts";
import type { LinkJobs } from "./supervisor/jobs.ts";
import type { SupervisorLink } from "./supervisor/SupervisorLink.ts";
import * as PerOwner from "./owned/PerOwner.ts";
import { emptyWorkspace, installSupervisor, probeBubblewrap, startBubblewrap } from "./bubblewrap/Bubblewrap.ts";
import { bubblewrapControls, bubblewrapNotes, uidOf } from "./bubblewrap/command.ts";
import { makePrepare, unheldPaths } from "./wasm/prepared.ts";
import { startWasm } from "./wasm/Wasm.ts";
import { wasmControls, wasmNotes } from "./wasm/info.ts";
import { closedToOthers } from "./local/passage.ts";
import { shownDirectories } from "./local/shownDirectories.ts";
import { makeWorkspaces, type Workspaces } from "./local/workspaces.ts";

const installed = (settings: Pick<SettingsService, "dataPath">) => resolve(settings.dataPath, "embedded");

/** What a form adds to the life cycle that both share. */
interface Form {
  readonly info: SandboxInfo;
  readonly workspaces: Workspaces;
  readonly start: (
    owner: Owner,
    key: OwnerKey,
  ) => Effect.Effect<
    & { readonly handle: SandboxHandle; readonly jobs?: LinkJobs; readonly seen: Seen }
    & Pick<SupervisorLink, "egressed">
    & PerOwner.Closable,
    SandboxError,
    Scope.Scope
  >;
  /** Programs in a sandbox can listen. */
  readonly hasPorts: boolean;
  /** What stands in the way of new sandboxes, as far as is known. */
  readonly trouble: () => string | undefined;
}

const makeService = Effect.fnUntraced(function* (
  settings: Pick<SettingsService, "sandboxIdleSeconds" | "sandboxesMax" | "sandboxesPerPrincipalMax">,
  form: Form,
): Effect.fn.Return<SandboxService, never, Scope.Scope> {
  yield* form.workspaces.sweep.pipe(
    Effect.catch((error) => Effect.logWarning(error.detail, error.cause)),
    Effect.forkScoped,
  );
  const sandboxes = yield* PerOwner.make({
    idle: Duration.seconds(settings.sandboxIdleSeconds),
    countMax: settings.sandboxesMax,
    countPerPrincipalMax: settings.sandboxesPerPrincipalMax,
    start: form.start,
  });
  const hold = yield* holdJobs(sandboxes.open);
  return {
    info: form.info,
    health: Effect.map(sandboxes.count, (open) => {
      const trouble = form.trouble();
      return { healthy: trouble === undefined, detail: trouble ?? form.info.why, open };
    }),
    open: (owner) =>
      Effect.map(
        sandboxes.open(owner),
        ({ handle, jobs }) => jobs === undefined ? handle : { ...handle, jobs: hold(owner, jobs) },
      ),
    reset: (owner) => sandboxes.reset(owner, form.workspaces.remove(ownerKey(owner))),
    ...lookingAt(sandboxes),
    egress: (owner) => Effect.map(sandboxes.running(owner), (running) => running?.egressed?.()),
    ...(form.hasPorts && {
      dial: (owner, port) =>
        Effect.flatMap(sandboxes.openRunning(owner), (running) => running?.handle.dial(port) ?? notRunning),
    }),
    stop: (owner) => sandboxes.reset(owner, Effect.void),
  };
});

/**
 * The WebAssembly form, whatever else the machine has; its packages are prepared in the background.
 *
 * *Details*: `why` is one sentence for the operator, `warnings` are wishes passed over on the way here.
 *
 * *Fails with* `SandboxError`, reason `RuntimeUnavailable`, for a directory whose name no permission of Deno can hold:
 * what a guest may read and write would be another one.
 */
export const layerWasm = (
  why: string,
  warnings: ReadonlyArray<string> = [],
): Layer.Layer<Sandbox, SandboxError, Settings> =>
  Layer.effect(
    Sandbox,
    Effect.gen(function* () {
      const settings = yield* Settings;
      const shown = yield* shownDirectories(settings);
      const [unheld] = unheldPaths([resolve(settings.dataPath), shown.tools, shown.skills]);
      if (unheld !== undefined) {
        return yield* new SandboxError({
          reason: new RuntimeUnavailable(),
          detail: `${unheld} has a comma, which Deno cannot hold in a permission: name another directory`,
        });
      }
      const prepare = makePrepare(installed(settings));
      // Not the directory of the other form: links that real bash made there are not ours to follow.
      const workspaces = makeWorkspaces(resolve(settings.dataPath, "workspaces-wasm"));
      const shared = { settings, prepare, workspaces, ...shown };
      let trouble: string | undefined;
      yield* prepare.pipe(
        Effect.catch((error) => {
          trouble = error.detail;
          return Effect.logWarning(error.detail, error.cause);
        }),
        Effect.forkScoped,
      );
      return yield* makeService(settings, {
        info: {
          kind: "embedded",
          why,
          controls: wasmControls(settings),
          notes: wasmNotes(settings),
          warnings: [...warnings, ...unheeded(settings), ...withoutEgress(settings), ...shown.warnings],
        },
        workspaces,
        hasPorts: false,
        start: (owner, key) =>
          Effect.map(startWasm(shared, owner, key), (handle) => {
            trouble = undefined;
            const { commands, ...noted } = noteCommands(handle);
            return {
              handle: { ...handle, ...noted },
              isClosed: Effect.succeed(false),
              seen: { commands, jobs: noJobs },
            };
          }),
        trouble: () => trouble,
      });
    }),
  );

/**
 * The bubblewrap form.
 *
 * *Fails with* `SandboxError`, reason `RuntimeUnavailable`, when a sandbox cannot be made on this
 * machine; its `detail` says why in words for people.
 */
export const layerBubblewrap = (
  why: string,
  warnings: ReadonlyArray<string> = [],
): Layer.Layer<Sandbox, SandboxError, Settings> =>
  Layer.effect(
    Sandbox,
    Effect.gen(function* () {
      const settings = yield* Settings;
      const supervisor = resolve(installed(settings), "supervisor");
      const { asRoot } = yield* installSupervisor(supervisor);
      // The user of a sandbox must get to what is bound into it.
      const closed = asRoot ? yield* closedToOthers(supervisor) : undefined;
      if (closed !== undefined) {
        return yield* new SandboxError({
          reason: new RuntimeUnavailable(),
          detail: `${settingsTable.dataPath.key} names ${settings.dataPath}, which ${closed}`,
        });
      }
      const shown = yield* shownDirectories(settings, asRoot ? closedToOthers : undefined);
      const { offer: egress } = yield* Egress;
      const places = { settings, supervisor, asRoot, egress, ...shown };
      const workspaces = makeWorkspaces(resolve(settings.dataPath, "workspaces"), {
        uidOf: asRoot ? uidOf : undefined,
        empty: (path) => emptyWorkspace(places, path),
      });
      const shared = { ...places, workspaces };
      yield* probeBubblewrap(shared);
      return yield* makeService(settings, {
        info: {
          kind: "embedded",
          why,
          controls: bubblewrapControls(settings, asRoot, egress),
          notes: bubblewrapNotes(settings, egress),
          warnings: [...warnings, ...unheeded(settings), ...shown.warnings],
          hasEgress: egress !== undefined,
        },
        workspaces,
        hasPorts: true,
        start: (owner, key) => startBubblewrap(shared, owner, key),
        trouble: () => undefined,
      });
    }),
  );

/** Programs in WebAssembly do not go on between calls. */
const noJobs = () => [];

/** Settings that only a container engine heeds, and that differ from their default. */
const unheeded = (settings: Pick<SettingsService, "dockerRuntime" | "executorImage" | "sandboxPoolSize">) => {
  const { dockerRuntime, executorImage, sandboxPoolSize } = settingsTable;
  const set = [
    ...(Option.isSome(settings.dockerRuntime) ? [dockerRuntime.key] : []),
    ...(settings.executorImage === executorImage.fallback ? [] : [executorImage.key]),
    ...(settings.sandboxPoolSize === sandboxPoolSize.fallback ? [] : [sandboxPoolSize.key]),
  ];
  return set.map((key) => `${key} is set and not heeded: only a container engine can`);
};

/** WebAssembly has no sockets to connect from. */
const withoutEgress = ({ egress }: Pick<SettingsService, "egress">): ReadonlyArray<string> =>
  egress === settingsTable.egress.fallback
    ? []
    : [`${settingsTable.egress.key} is set and not heeded: code in WebAssembly has no network at all`];

/** Whether a program is not on this machine, or this process was not granted to run it: nobody wished for it then. */
const isAbsent = ({ cause }: SandboxError): boolean =>
  cause instanceof Error &&
  (cause.cause instanceof Deno.errors.NotFound || cause.cause instanceof Deno.errors.NotCapable);

/**
 * The embedded sandbox: bubblewrap when a probe makes a sandbox with it, else WebAssembly.
 *
 * *Details*: where bubblewrap is installed and cannot be used, a warning says why, for the walls of
 * WebAssembly are others.
 */
export const layerWith = (warnings: ReadonlyArray<string>): Layer.Layer<Sandbox, SandboxError, Settings> =>
  layerBubblewrap("bubblewrap: real bash and the host's python3 in namespaces of their own", warnings).pipe(
    Layer.catch((error) =>
      layerWasm(
        `WebAssembly in a permissionless process, for bubblewrap cannot be used: ${error.detail}`,
        isAbsent(error)
          ? warnings
          : [...warnings, `bubblewrap is there and cannot be used, so code runs in WebAssembly: ${error.detail}`],
      )
    ),
  );

/** The embedded sandbox that was asked for. */
export const layer = layerWith([]);
