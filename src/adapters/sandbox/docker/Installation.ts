/**
 * Which servers share an engine, which of them are alive, and whose workspace lies in which volume.
 *
 * An installation is one data directory. Servers of other installations are strangers: nothing of
 * theirs is ever touched. Servers of the same one tell each other apart by a locked file each, which
 * the kernel unlocks when its process dies in whatever way.
 */
import { Context, Effect, Layer, Option } from "effect";
import { randomBytes } from "node:crypto";
import { Settings } from "../../../config.ts";
import type { OwnerKey } from "../../../domain/Owner.ts";
import { RuntimeUnavailable, SandboxError } from "../../../services/Sandbox.ts";

export interface InstallationService {
  /** The name of the data directory on the engine. */
  readonly id: string;
  /** The name of this server process on the engine. */
  readonly instance: string;
  /** A file of this server, by an absolute path that no other machine has. */
  readonly markPath: string;
  /** Whether a server of this installation is alive; names nobody holds are dead. */
  readonly isAlive: (instance: string) => Effect.Effect<boolean, SandboxError>;
  /** Forgets a dead server. */
  readonly forgetInstance: (instance: string) => Effect.Effect<void, SandboxError>;
  /** The servers of this installation that left a trace, dead or alive, this one included. */
  readonly instances: Effect.Effect<ReadonlyArray<string>, SandboxError>;
  /** The volume that holds the owner's workspace. */
  readonly workspaceOf: (key: OwnerKey) => Effect.Effect<Option.Option<string>, SandboxError>;
  /**
   * Records a volume as the owner's workspace and returns the one that is on record: another server
   * may have been quicker, and then its volume is the owner's.
   */
  readonly recordWorkspace: (key: OwnerKey, volume: string) => Effect.Effect<string, SandboxError>;
  readonly forgetWorkspace: (key: OwnerKey) => Effect.Effect<void, SandboxError>;
  /** Every volume on record. */
  readonly workspaces: Effect.Effect<ReadonlySet<string>, SandboxError>;
}

const idBytes = 8;
const namePattern = /^[0-9a-f]{16}$/;
const makeName = () => randomBytes(idBytes).toString("hex");

const failed = (operation: string) => (thrown: unknown) =>
  new SandboxError({
    reason: new RuntimeUnavailable(),
    detail: `data directory: ${operation}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
  });

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, SandboxError> =>
  Effect.tryPromise({ try: run, catch: failed(operation) });

/** Runs a file operation whose file may be absent. */
const ifPresent = <A>(operation: string, run: () => Promise<A>): Effect.Effect<Option.Option<A>, SandboxError> =>
  attempt(operation, async () => {
    try {
      return Option.some(await run());
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return Option.none<A>();
      throw thrown;
    }
  });

const listFiles = (operation: string, directory: string) =>
  attempt(operation, async () => {
    const names: Array<string> = [];
    for await (const entry of Deno.readDir(directory)) if (entry.isFile) names.push(entry.name);
    return names;
  });

/** Writes a file that must not exist yet; answers whether it was this call that made it. */
const createFile = (operation: string, path: string, text: string) =>
  attempt(operation, async () => {
    try {
      await Deno.writeTextFile(path, text, { createNew: true });
      return true;
    } catch (thrown) {
      if (thrown instanceof Deno.errors.AlreadyExists) return false;
      throw thrown;
    }
  });

/** The installation of `CAISSON_DATA_PATH`. */
export class Installation extends Context.Service<Installation, InstallationService>()(
  "caisson/adapters/sandbox/docker/Installation",
) {
  /**
   * Claims a name for this server until the scope closes. *Fails with* `SandboxError` when the directory
   * cannot be used.
   */
  static readonly layer: Layer.Layer<Installation, SandboxError, Settings> = Layer.effect(
    Installation,
    Effect.gen(function* () {
      const { dataPath } = yield* Settings;
      const directory = `${dataPath}/sandbox`;
      const [instancesPath, workspacesPath] = [`${directory}/instances`, `${directory}/workspaces`];
      yield* attempt("create", async () => {
        await Deno.mkdir(instancesPath, { recursive: true });
        await Deno.mkdir(workspacesPath, { recursive: true });
      });
      const idPath = `${directory}/installation`;
      yield* createFile("name", idPath, makeName());
      const id = yield* attempt("name", () => Deno.readTextFile(idPath));

      const instance = makeName();
      const lockPath = (name: string) => `${instancesPath}/${name}`;
      yield* Effect.acquireRelease(
        attempt("lock", async () => {
          // Locked before it gets its name, so nobody can find it unlocked and think its server dead.
          const pending = `${directory}/${instance}.pending`;
          const file = await Deno.open(pending, { createNew: true, write: true });
          await file.lock(true);
          await Deno.rename(pending, lockPath(instance));
          return file;
        }),
        (file) =>
          Effect.promise(async () => {
            await Deno.remove(lockPath(instance)).catch(() => undefined);
            file.close();
          }),
      );

      const markPath = yield* attempt("find", () => Deno.realPath(lockPath(instance)));

      const isAlive = Effect.fnUntraced(function* (name: string) {
        if (name === instance) return true;
        // What a label says stands in a path, so only names of our own making are looked for.
        if (!namePattern.test(name)) return false;
        const locked = yield* ifPresent("inspect", async () => {
          using file = await Deno.open(lockPath(name), { write: true });
          return !(await file.tryLock(true));
        });
        return Option.getOrElse(locked, () => false);
      });

      const workspacePath = (key: OwnerKey) => `${workspacesPath}/${key}`;
      const workspaceOf = (key: OwnerKey) =>
        Effect.map(
          ifPresent("read", () => Deno.readTextFile(workspacePath(key))),
          // Empty: a server died between making the record and writing it.
          Option.filter((volume) => volume !== ""),
        );
      const recordWorkspace = Effect.fnUntraced(function* (key: OwnerKey, volume: string) {
        if (yield* createFile("record", workspacePath(key), volume)) return volume;
        const present = yield* workspaceOf(key);
        if (Option.isSome(present)) return present.value;
        yield* attempt("record", () => Deno.writeTextFile(workspacePath(key), volume));
        return volume;
      });

      return Installation.of({
        id,
        instance,
        markPath,
        isAlive,
        forgetInstance: (name) => Effect.asVoid(ifPresent("forget", () => Deno.remove(lockPath(name)))),
        instances: listFiles("list", instancesPath),
        workspaceOf,
        recordWorkspace,
        forgetWorkspace: (key) => Effect.asVoid(ifPresent("forget", () => Deno.remove(workspacePath(key)))),
        workspaces: Effect.gen(function* () {
          const names = yield* listFiles("list", workspacesPath);
          const volumes = yield* Effect.forEach(
            names,
            (name) => ifPresent("read", () => Deno.readTextFile(`${workspacesPath}/${name}`)),
            { concurrency: 8 },
          );
          return new Set(volumes.flatMap(Option.toArray));
        }),
      });
    }),
  );
}
