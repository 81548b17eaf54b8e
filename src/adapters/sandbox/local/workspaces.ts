/**
 * Directories of the host that are an owner's workspace.
 */
import { dirname, resolve } from "node:path";
import { Clock, Effect, type Scope } from "effect";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import { SandboxError, StartFailed } from "../../../services/Sandbox.ts";
import { flattenTree, removeFlat } from "./removeTree.ts";

/** Turns trouble with the host's disk into a sandbox that did not come up. */
const onDisk = <A>(what: string, act: () => Promise<A>): Effect.Effect<A, SandboxError> =>
  Effect.tryPromise({
    try: act,
    catch: (cause) => new SandboxError({ reason: new StartFailed(), detail: `${what} failed`, cause }),
  });

/** Only the server's user, and the sandbox's where it is another, may see what an owner keeps. */
const privateMode = 0o700;
/** A directory of workspaces lets the users of sandboxes through, each to its own. */
const passageMode = 0o711;

const makeDirectory = (path: string, uid: number | undefined) =>
  onDisk(`making ${path}`, async () => {
    await Deno.mkdir(dirname(path), { recursive: true, mode: uid === undefined ? privateMode : passageMode });
    await Deno.mkdir(path, { mode: privateMode }).catch((error) => {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    });
    // A program may have closed it to its own user, and nothing could start in it.
    await Deno.chmod(path, privateMode);
    if (uid !== undefined) await Deno.chown(path, uid, uid);
    return await Deno.realPath(path);
  });

/** Takes everything out of a directory, whatever its names are. *Fails with* why it cannot, in words for the log. */
export type EmptyDirectory = (path: string) => Effect.Effect<void, Error>;

/** Whether something was there. */
const unlessGone = async (act: () => Promise<boolean>): Promise<boolean | "gone"> => {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "gone";
    throw error;
  }
};

const removeDirectory = Effect.fnUntraced(function* (path: string, empty: EmptyDirectory | undefined) {
  const what = `removing ${path}`;
  const isFlat = yield* onDisk(what, () => unlessGone(() => flattenTree(path)));
  if (isFlat === "gone") return;
  if (!isFlat && empty !== undefined) {
    yield* Effect.mapError(
      empty(path),
      (cause) => new SandboxError({ reason: new StartFailed(), detail: `${what} failed`, cause }),
    );
  }
  yield* onDisk(what, () => removeFlat(path));
});

/** What only a scope keeps is named so; after a crash nobody else removes it. */
const scopedPrefix = "scoped-";
/** No request is this old, so a scoped directory that is belongs to a server that is gone. */
const abandonedMs = 24 * 60 * 60 * 1000;

/** The workspaces of one form of the sandbox, below one directory. */
export interface Workspaces {
  /** Makes sure the owner's workspace exists; an ephemeral owner's goes when the scope closes. */
  readonly open: (owner: Owner, key: OwnerKey) => Effect.Effect<string, SandboxError, Scope.Scope>;
  /** A directory that lives as long as the scope. */
  readonly temporary: Effect.Effect<string, SandboxError, Scope.Scope>;
  readonly remove: (key: OwnerKey) => Effect.Effect<void, SandboxError>;
  /** Removes what crashed servers left of scopes. */
  readonly sweep: Effect.Effect<void, SandboxError>;
}

/** What workspaces of real programs need beside a directory. */
export interface WorkspacesOptions {
  /** Says which host user owns each, if not the server's. */
  readonly uidOf?: ((key: OwnerKey) => number) | undefined;
  /** Takes everything out of one whose names Deno cannot tell. */
  readonly empty?: EmptyDirectory;
}

/** Keeps workspaces in `root`, which is made when first needed. */
export const makeWorkspaces = (root: string, { uidOf, empty }: WorkspacesOptions = {}): Workspaces => {
  const pathOf = (name: string) => resolve(root, name);
  const removed = (path: string) => removeDirectory(path, empty);
  const scoped = (name: string, uid?: number) =>
    Effect.acquireRelease(
      makeDirectory(pathOf(name), uid),
      () => removed(pathOf(name)).pipe(Effect.catch((error) => Effect.logWarning(error.detail, error.cause))),
    );
  const sweep = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis;
    const abandoned = yield* onDisk(`listing ${root}`, async () => {
      const paths: Array<string> = [];
      try {
        for await (const { name } of Deno.readDir(root)) {
          if (!name.startsWith(scopedPrefix)) continue;
          const made = (await Deno.stat(pathOf(name))).mtime?.getTime() ?? now;
          if (now - made > abandonedMs) paths.push(pathOf(name));
        }
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      return paths;
    });
    yield* Effect.forEach(abandoned, removed, { discard: true });
  });
  return {
    sweep,
    open: (owner, key) =>
      owner.ephemeral ? scoped(scopedPrefix + key, uidOf?.(key)) : makeDirectory(pathOf(key), uidOf?.(key)),
    temporary: Effect.suspend(() => scoped(scopedPrefix + crypto.randomUUID())),
    remove: (key) => removed(pathOf(key)),
  };
};
