/**
 * Containers that clients make and name: each a sandbox of its own within its owner's, with files and a time to live.
 */
import { createHash, randomBytes } from "node:crypto";
import { Clock, Context, Effect, Layer, Option, Schedule, Schema, type Scope } from "effect";
import type { Settings } from "../config.ts";
import { ownerKey } from "../domain/ids.ts";
import type { Owner, OwnerKey } from "../domain/Owner.ts";
import { workspaceFolder } from "../domain/workspacePaths.ts";
import {
  type Container,
  type ContainerSkill,
  ContainerStore,
  type ContainerStoreService,
  expiryOf,
  type MemoryLimit,
} from "../services/ContainerStore.ts";
import {
  type FileEntry,
  Sandbox,
  type SandboxError,
  type SandboxHandle,
  type SandboxService,
} from "../services/Sandbox.ts";
import type { Sessions, SessionsUnavailable } from "../services/Sessions.ts";
import { type ContainerEgress, type ContainerNetwork, makeContainerEgress } from "./containerEgress.ts";

/** Random bytes of a container's id: it cannot be guessed. */
const idBytes = 20;
/** Hexadecimal digits of a file's id. */
const fileDigits = 32;
/** Files of one list. */
const filesMax = 10_000;
/** Time between two looks for containers whose time is over: their files stay no longer than that beyond it. */
const sweepEvery = "1 minute";
/** A use is not written down again within this time, in milliseconds. */
const touchMs = 5_000;
/** How often a use that lasts is written down: well within the shortest time that a container may be given. */
const touchEvery = "20 seconds";

/** Where clients of OpenAI's look for files; the very folder that is ours. */
const clientFolder = "/mnt/data";
/** What stands behind `/artifacts`. */
const artifactsFolder = `${clientFolder}/.caisson/artifacts`;

/** A path inside the sandbox as a client of containers knows it. */
export const clientPath = (path: string): string =>
  path.startsWith(`${workspaceFolder}/`)
    ? clientFolder + path.slice(workspaceFolder.length)
    : path.startsWith("/artifacts/")
    ? artifactsFolder + path.slice("/artifacts".length)
    : path;

/** The owner has no such container. */
export class ContainerNotFound extends Schema.TaggedError<ContainerNotFound>()("ContainerNotFound", {
  id: Schema.String,
}) {}

/** The container's time is over; its files are gone. */
export class ContainerExpired extends Schema.TaggedError<ContainerExpired>()("ContainerExpired", {
  id: Schema.String,
}) {}

/** A file of a container. */
export interface ContainerFile extends FileEntry {
  readonly id: string;
  /** As its client knows it. */
  readonly clientPath: string;
  readonly source: "user" | "assistant";
}

/** What a new container is asked for. */
export interface ContainerWish {
  readonly name: string;
  readonly idleMinutes: number;
  readonly memoryLimit: MemoryLimit;
  /** What it may reach; absent, nothing. */
  readonly network?: ContainerNetwork;
}

/** A container as it is now. */
export interface KnownContainer extends Container {
  readonly isExpired: boolean;
}

/** What containers offer; every operation *fails with* `SessionsUnavailable` when their store does not answer. */
export interface ContainersService {
  /** Makes a container; its sandbox starts with its first use. */
  readonly create: (keeper: Owner, wish: ContainerWish) => Effect.Effect<KnownContainer, SessionsUnavailable>;
  /** A container of this keeper, used thereby. *Fails with* `ContainerNotFound`. */
  readonly find: (
    keeper: Owner,
    id: string,
  ) => Effect.Effect<KnownContainer, ContainerNotFound | SessionsUnavailable>;
  /** As {@link find}, to work in. *Fails with* `ContainerExpired` as well. */
  readonly use: (
    keeper: Owner,
    id: string,
  ) => Effect.Effect<KnownContainer, ContainerNotFound | ContainerExpired | SessionsUnavailable>;
  /** Those of some names, written as rules of egress, that no container of this server may reach. */
  readonly beyond: (domains: ReadonlyArray<string>) => ReadonlyArray<string>;
  /** Whether a container was made for this very network, its secrets included. */
  readonly hasNetwork: (container: Container, network: ContainerNetwork) => Effect.Effect<boolean, SessionsUnavailable>;
  /** The containers of a keeper, those made last first; looking at them is no use of them. */
  readonly list: (keeper: Owner) => Effect.Effect<ReadonlyArray<KnownContainer>, SessionsUnavailable>;
  /** Destroys a container with its files. *Fails with* `ContainerNotFound`, `SandboxError`. */
  readonly remove: (
    keeper: Owner,
    id: string,
  ) => Effect.Effect<void, ContainerNotFound | SandboxError | SessionsUnavailable>;
  /** Keeps a container in use until the scope closes, however long nothing is asked of it. */
  readonly hold: (keeper: Owner, container: Container) => Effect.Effect<void, never, Scope.Scope>;
  /** Opens the sandbox of a container. *Fails with* `SandboxError`. */
  readonly open: (container: Container) => Effect.Effect<SandboxHandle, SandboxError, Scope.Scope>;
  /** The files that were made or changed since a time, the newest first. *Fails with* `SandboxError`. */
  readonly files: (
    container: Container,
    handle: SandboxHandle,
    sinceMs?: number,
  ) => Effect.Effect<ReadonlyArray<ContainerFile>, SandboxError>;
  /**
   * Notes that a file of a container was put there by its client, as a copy of one of `/v1/files` where that is named,
   * and gives the container as it is then.
   *
   * *Fails with* `ContainerNotFound` when it was deleted meanwhile.
   */
  readonly uploaded: (
    keeper: Owner,
    container: Container,
    path: string,
    stored?: string,
  ) => Effect.Effect<KnownContainer, ContainerNotFound | SessionsUnavailable>;
  /**
   * Notes that a container has a skill, in the place of one of its name, and gives the container as it is then.
   *
   * *Fails with* `ContainerNotFound` when it was deleted meanwhile.
   */
  readonly equipped: (
    keeper: Owner,
    container: Container,
    skill: ContainerSkill,
  ) => Effect.Effect<KnownContainer, ContainerNotFound | SessionsUnavailable>;
  /** Destroys every container of a keeper. *Fails with* `SandboxError`. */
  readonly erase: (keeper: Owner) => Effect.Effect<void, SandboxError | SessionsUnavailable>;
}

/** The containers of this server. */
export class Containers extends Context.Service<Containers, ContainersService>()("caisson/runs/Containers") {}

/** A file's id is its place: it stays when the file is changed, and needs to be kept nowhere. */
const fileId = (container: string, path: string): string =>
  `cfile_${createHash("sha256").update(JSON.stringify([container, path])).digest("hex").slice(0, fileDigits)}`;

const ownerOf = (keeper: Owner, id: string): Owner => ({
  principal: keeper.principal,
  user: JSON.stringify([keeper.user, id]),
  ephemeral: false,
});

const knownAt = (container: Container, nowMs: number): KnownContainer => ({
  ...container,
  isExpired: container.isEmptied || expiryOf(container) <= nowMs,
});

const filesOf: ContainersService["files"] = Effect.fnUntraced(function* (container, handle, sinceMs = 0) {
  const uploads = new Set(container.uploads);
  return (yield* handle.changedFiles(sinceMs, filesMax)).map((entry) => ({
    ...entry,
    id: fileId(container.id, entry.path),
    clientPath: clientPath(entry.path),
    source: uploads.has(entry.path) ? "user" : "assistant",
  }));
});

/** What containers are kept in. */
interface Parts {
  readonly store: ContainerStoreService;
  readonly sandbox: SandboxService;
  readonly egress: ContainerEgress;
}

/** Notes that a container is used; one whose time was over meanwhile stays so. */
const touch = Effect.fnUntraced(function* (store: ContainerStoreService, keeper: OwnerKey, id: string) {
  const nowMs = yield* Clock.currentTimeMillis;
  return yield* store.change(
    keeper,
    id,
    (container) => knownAt(container, nowMs).isExpired ? container : { ...container, lastActiveAtMs: nowMs },
  );
});

/** Takes the files of a container whose time is over; what cannot be removed now is tried again. */
const empty = Effect.fnUntraced(function* ({ store, sandbox, egress }: Parts, keeper: OwnerKey, { id }: Container) {
  const nowMs = yield* Clock.currentTimeMillis;
  // Said first, so that nobody begins to work in what is about to go; one that was used meanwhile stays.
  const claimed = yield* store.change(
    keeper,
    id,
    (container) => knownAt(container, nowMs).isExpired ? { ...container, isEmptied: true } : container,
  );
  if (Option.isNone(claimed) || !claimed.value.isEmptied) return;
  yield* Effect.onError(
    sandbox.reset(claimed.value.owner),
    () => Effect.ignore(store.change(keeper, id, (container) => ({ ...container, isEmptied: false }))),
  );
  yield* egress.release(claimed.value);
});

/** The container with a file that its client put there. */
const withUpload = (container: Container, path: string, stored: string | undefined): Container => ({
  ...container,
  uploads: [...new Set([...container.uploads, path])],
  ...(stored !== undefined && {
    storedFiles: [...(container.storedFiles ?? []).filter((file) => file.id !== stored), { id: stored, path }],
  }),
});

/** The container with a skill. */
const withSkill = (container: Container, skill: ContainerSkill): Container => ({
  ...container,
  skills: [...(container.skills ?? []).filter(({ name }) => name !== skill.name), skill],
});

/** Notes what has come into containers. */
const notingIn = (store: ContainerStoreService): Pick<ContainersService, "uploaded" | "equipped"> => {
  const noted = Effect.fnUntraced(function* (keeper: Owner, id: string, next: (container: Container) => Container) {
    const changed = yield* store.change(ownerKey(keeper), id, next);
    const nowMs = yield* Clock.currentTimeMillis;
    return Option.isNone(changed) ? yield* new ContainerNotFound({ id }) : knownAt(changed.value, nowMs);
  });
  return {
    uploaded: (keeper, { id }, path, stored) => noted(keeper, id, (container) => withUpload(container, path, stored)),
    equipped: (keeper, { id }, skill) => noted(keeper, id, (container) => withSkill(container, skill)),
  };
};

/** Empties every container whose time is over. */
const sweep = (parts: Parts) =>
  Effect.gen(function* () {
    for (const [keeper, container] of yield* parts.store.expired(yield* Clock.currentTimeMillis)) {
      yield* Effect.catch(
        empty(parts, keeper, container),
        (error) => Effect.logWarning("an expired container could not be emptied", error),
      );
    }
    yield* parts.egress.sweep(parts.store);
  }).pipe(Effect.catch((error) => Effect.logWarning("expired containers could not be looked for", error)));

const make = Effect.gen(function* () {
  const store = yield* ContainerStore;
  const sandbox = yield* Sandbox;
  const egress = yield* makeContainerEgress;

  const create = Effect.fnUntraced(function* (keeper: Owner, { network, ...wish }: ContainerWish) {
    const id = `cntr_${randomBytes(idBytes).toString("hex")}`;
    const nowMs = yield* Clock.currentTimeMillis;
    const owner = ownerOf(keeper, id);
    const container: Container = {
      ...wish,
      id,
      createdAtMs: nowMs,
      lastActiveAtMs: nowMs,
      owner,
      ...(network !== undefined && { network: yield* egress.sealed(owner, network) }),
      isEmptied: false,
      uploads: [],
    };
    yield* store.add(ownerKey(keeper), container);
    yield* egress.admit(ownerKey(keeper), container);
    return knownAt(container, nowMs);
  });

  const find = Effect.fnUntraced(function* (keeper: Owner, id: string) {
    const found = yield* store.find(ownerKey(keeper), id);
    if (Option.isNone(found)) return yield* new ContainerNotFound({ id });
    const nowMs = yield* Clock.currentTimeMillis;
    const known = knownAt(found.value, nowMs);
    if (!known.isExpired) yield* egress.admit(ownerKey(keeper), known);
    if (known.isExpired || nowMs - known.lastActiveAtMs < touchMs) return known;
    const used = yield* touch(store, ownerKey(keeper), id);
    return Option.isNone(used) ? yield* new ContainerNotFound({ id }) : knownAt(used.value, nowMs);
  });

  const use = Effect.fnUntraced(function* (keeper: Owner, id: string) {
    const known = yield* find(keeper, id);
    return known.isExpired ? yield* new ContainerExpired({ id }) : known;
  });

  const list = Effect.fnUntraced(function* (keeper: Owner) {
    const nowMs = yield* Clock.currentTimeMillis;
    return (yield* store.list(ownerKey(keeper))).map((container) => knownAt(container, nowMs));
  });

  const remove = Effect.fnUntraced(function* (keeper: Owner, id: string) {
    const found = yield* store.find(ownerKey(keeper), id);
    if (Option.isNone(found)) return yield* new ContainerNotFound({ id });
    yield* sandbox.reset(found.value.owner);
    yield* store.remove(ownerKey(keeper), id);
    yield* egress.release(found.value);
  });

  yield* sweep({ store, sandbox, egress }).pipe(Effect.schedule(Schedule.spaced(sweepEvery)), Effect.forkScoped);

  return Containers.of({
    create,
    find,
    use,
    beyond: egress.beyond,
    hasNetwork: egress.has,
    list,
    remove,
    hold: (keeper, { id }) =>
      touch(store, ownerKey(keeper), id).pipe(
        Effect.catch((error) => Effect.logWarning("the use of a container could not be noted", error)),
        Effect.schedule(Schedule.spaced(touchEvery)),
        Effect.forkScoped,
        Effect.asVoid,
      ),
    open: ({ owner }) => sandbox.open(owner),
    files: filesOf,
    ...notingIn(store),
    erase: Effect.fnUntraced(function* (keeper) {
      for (const { id } of yield* store.list(ownerKey(keeper))) {
        yield* Effect.catchTag(remove(keeper, id), "ContainerNotFound", () => Effect.void);
      }
    }),
  });
});

/** Containers over their store and the sandboxes; those whose time is over are emptied until the scope closes. */
export const layer: Layer.Layer<Containers, never, ContainerStore | Sandbox | Sessions | Settings> = Layer.effect(
  Containers,
  make,
);
