/**
 * The embedded sandbox on Linux machines with bubblewrap: real bash and the host's python3 in
 * namespaces of their own, one long-lived sandbox per owner.
 */
import { Duration, Effect, type Scope } from "effect";
import { workspaceFolder } from "../../../domain/workspacePaths.ts";
import { root } from "../../../root.ts";
import type { SettingsService } from "../../../config.ts";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import { makeId, ownerKey } from "../../../domain/ids.ts";
import { Egress } from "../../../services/Egress.ts";
import { RuntimeUnavailable, SandboxError, type SandboxHandle, StartFailed } from "../../../services/Sandbox.ts";
import { SandboxAsked } from "../../../services/SandboxAsked.ts";
import type { LinkJobs } from "../supervisor/jobs.ts";
import { connect, type SupervisorLink } from "../supervisor/SupervisorLink.ts";
import { bubblewrapArgs, type BubblewrapPlaces, type BubblewrapSettings, uidOf } from "./command.ts";
import { runToEnd, spawn } from "../local/childProcess.ts";
import { fromChild } from "./webChannel.ts";
import { attended } from "../egress/attended.ts";
import { measured, noteCommands, type Seen } from "../owned/looking.ts";
import { boundedTree } from "../owned/boundedTree.ts";
import { watchJobs, watchWorkspace } from "../owned/workspaceWatch.ts";
import type { Workspaces } from "../local/workspaces.ts";

const supervisorSource = new URL("image/supervisor/", root);
/** Namespaces and Python take a tenth of a second; a busy machine gets much longer. */
const startTimeout = Duration.seconds(20);
const probeTimeout = Duration.seconds(10);
/** The supervisor's language level. */
const probeCommand = "exec /usr/bin/python3 -IS -c 'import sys; sys.exit(sys.version_info < (3, 11))'";

/** What every owner's sandbox shares. */
export interface BubblewrapShared extends Omit<BubblewrapPlaces, "workspace"> {
  readonly settings: BubblewrapSettings & Pick<SettingsService, "sandboxOutputBytesMax">;
  readonly workspaces: Workspaces;
  /** The server is root: each owner's sandbox then runs as a user of its own. */
  readonly asRoot: boolean;
}

const identity = (asRoot: boolean, key: OwnerKey) => asRoot ? { uid: uidOf(key), gid: uidOf(key) } : {};

/** Nothing of the server's environment: process 1 of a sandbox can be read by everything in it. */
const bareEnvironment = { clearEnv: true, env: { PATH: "/usr/bin:/bin" } };

/** Copies a file of the supervisor's program and tells whose the copy is. */
const copySupervisorFile = async (directory: string, name: string): Promise<number | null> => {
  const path = `${directory}/${name}`;
  const temporary = `${path}.${crypto.randomUUID()}`;
  await Deno.writeFile(temporary, await Deno.readFile(new URL(name, supervisorSource)), { mode: 0o644 });
  const { uid } = await Deno.stat(temporary);
  // Another server on the same data directory may be reading the old one.
  await Deno.rename(temporary, path);
  return uid;
};

/**
 * Copies the supervisor's program to where sandboxes can read it, whoever may read this source tree, and
 * tells whether the server is root: what it makes then belongs to user 0.
 *
 * *Fails with* `SandboxError`, reason `RuntimeUnavailable`.
 */
export const installSupervisor = (
  directory: string,
): Effect.Effect<{ readonly asRoot: boolean }, SandboxError> =>
  Effect.tryPromise({
    try: async () => {
      await Deno.mkdir(directory, { recursive: true, mode: 0o755 });
      const files = [...Deno.readDirSync(supervisorSource)].filter(({ name, isFile }) =>
        isFile && /\.(py|cjs)$/.test(name)
      );
      // All at once, for a start waits for them.
      const users = await Promise.all(files.map(({ name }) => copySupervisorFile(directory, name)));
      return { asRoot: users.includes(0) };
    },
    catch: (cause) =>
      new SandboxError({ reason: new RuntimeUnavailable(), detail: "the supervisor cannot be installed", cause }),
  });

/**
 * Makes one throw-away sandbox exactly as an owner would get it.
 *
 * *Fails with* the reason, in words for people, why bubblewrap cannot be used here.
 */
export const probeBubblewrap = (shared: BubblewrapShared): Effect.Effect<void, SandboxError> =>
  Effect.gen(function* () {
    const probe: Owner = { principal: "probe", user: crypto.randomUUID(), ephemeral: true };
    const key = ownerKey(probe);
    const workspace = yield* shared.workspaces.open(probe, key);
    const probing = runToEnd("bwrap", {
      ...bareEnvironment,
      ...identity(shared.asRoot, key),
      args: bubblewrapArgs(shared.settings, { ...shared, workspace }, probeCommand),
    }).pipe(
      Effect.timeout(probeTimeout),
      Effect.mapError((cause) => new SandboxError({ reason: new RuntimeUnavailable(), detail: cause.message, cause })),
    );
    // In this order: the program is started before anybody who waited for that is let on.
    yield* Effect.all([probing, yield* SandboxAsked], { concurrency: 2, discard: true });
  }).pipe(Effect.scoped);

/** Gives back what programs took from their own user, and removes everything. */
const emptyCommand =
  `chmod -R u+rwx ${workspaceFolder} 2>/dev/null; find ${workspaceFolder} -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +`;

/**
 * Takes everything out of a workspace in which nothing runs any more, with programs in a sandbox of its own user: they
 * go down to any depth, and know names as bytes.
 *
 * *Fails with* the reason, in words for the log.
 */
export const emptyWorkspace = (
  { asRoot, ...places }: Omit<BubblewrapShared, "workspaces">,
  workspace: string,
): Effect.Effect<void, Error> =>
  Effect.gen(function* () {
    const { uid, gid } = yield* Effect.tryPromise({
      try: () => Deno.stat(workspace),
      catch: (cause) => new Error("its user cannot be told", { cause }),
    });
    yield* runToEnd("bwrap", {
      ...bareEnvironment,
      ...(asRoot && uid !== null && gid !== null ? { uid, gid } : {}),
      args: bubblewrapArgs(places.settings, { ...places, workspace }, emptyCommand),
    });
  });

/** A running sandbox and whether it still runs. */
export interface BubblewrapSandbox extends Pick<SupervisorLink, "egressed"> {
  readonly handle: SandboxHandle;
  readonly isClosed: Effect.Effect<boolean>;
  readonly jobs: LinkJobs;
  readonly seen: Seen;
}

/** Starts an owner's sandbox; closing the scope kills everything in it. */
export const startBubblewrap = Effect.fnUntraced(
  function* (
    shared: BubblewrapShared,
    owner: Owner,
    key: OwnerKey,
  ): Effect.fn.Return<BubblewrapSandbox, SandboxError, Scope.Scope> {
    const workspace = yield* shared.workspaces.open(owner, key);
    const egress = (yield* (yield* Egress).ownOffer(owner)) ?? shared.egress;
    const child = yield* spawn("bwrap", {
      ...bareEnvironment,
      ...identity(shared.asRoot, key),
      args: bubblewrapArgs(shared.settings, { ...shared, workspace, egress }),
    }).pipe(
      Effect.mapError((cause) => new SandboxError({ reason: new StartFailed(), detail: "bwrap cannot be run", cause })),
    );
    const link = yield* connect(fromChild(child.process.stdout, child.process.stdin), {
      outputBytesMax: shared.settings.sandboxOutputBytesMax,
      startTimeout,
    }).pipe(
      Effect.mapError((error) =>
        new SandboxError({
          reason: error.reason,
          detail: `${error.detail}; bwrap said: ${child.lastWords().trim()}`,
          cause: error,
        })
      ),
    );
    const served = yield* attended(link, owner);
    const bounds = { mb: shared.settings.sandboxWorkspaceMb, entries: shared.settings.sandboxEntriesMax };
    const watched = yield* watchWorkspace(served, bounds);
    const tree = boundedTree(served, bounds);
    const jobs = yield* watchJobs(watched, served.jobs);
    const { commands, ...noted } = noteCommands({ ...served, ...watched });
    const { sandboxWorkspaceMb: diskMb, sandboxEntriesMax: entries } = shared.settings;
    return {
      handle: { ...served, ...watched, ...noted, tree, jobs, id: makeId("bwrap") },
      isClosed: Effect.sync(link.isClosed),
      jobs,
      ...(served.egressed !== undefined && { egressed: served.egressed }),
      // Memory is bounded for each process, not on the whole.
      seen: { commands, jobs: jobs.listed, use: measured(link.usage, { diskMb, entries }) },
    };
  },
);
