/**
 * `/tools` and `/skills`: the server's directories, read-only in every sandbox.
 *
 * A server on the engine's own machine binds them, so an edit is seen at once. A server that itself
 * runs in a container has paths the engine does not know; it copies them into a volume at start.
 */
// @ts-types="@types/dockerode"
import type Dockerode from "dockerode";
import { Effect, Option } from "effect";
import { Tar } from "effect/encoding";
import { SandboxError, StartFailed } from "../../../services/Sandbox.ts";
import { sandboxUid } from "./container.ts";
import { Engine } from "./Engine.ts";
import { EngineError, toSandboxError } from "./EngineError.ts";
import { Installation } from "./Installation.ts";
import { labelsOf, removeVolume } from "./sandbox.ts";
import { tarArchive } from "./tarArchive.ts";

/** What may be copied into a volume; tools and skills are text, and the copy is held in memory once. */
const copiedBytesMax = 64 * 1024 * 1024;

interface Entry {
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
}

const realDirectory = (path: string) =>
  Effect.option(Effect.tryPromise(async () => {
    const real = await Deno.realPath(path);
    if (!(await Deno.stat(real)).isDirectory) throw new Error("not a directory");
    return real;
  }));

const readTree = async (directory: string): Promise<ReadonlyArray<Entry>> => {
  const entries: Array<Entry> = [];
  let bytes = 0;
  const walk = async (path: string, prefix: string): Promise<void> => {
    for await (const entry of Deno.readDir(path)) {
      const [from, to] = [`${path}/${entry.name}`, `${prefix}${entry.name}`];
      if (entry.isDirectory) await walk(from, `${to}/`);
      if (!entry.isFile) continue;
      const content = await Deno.readFile(from);
      bytes += content.length;
      if (bytes > copiedBytesMax) throw new Error(`${directory} holds more than ${copiedBytesMax} bytes`);
      entries.push({ path: to, content, mode: ((await Deno.stat(from)).mode ?? 0o644) & 0o100 ? 0o755 : 0o644 });
    }
  };
  await walk(directory, "");
  return entries.sort((left, right) => (left.path < right.path ? -1 : 1));
};

/** Copies a directory into a volume of this server, through a container that is never started. */
const copyToVolume = Effect.fnUntraced(function* (directory: string, target: string, image: string) {
  const engine = yield* Engine;
  const installation = yield* Installation;
  const entries = yield* Effect.tryPromise({
    try: () => readTree(directory),
    catch: (thrown) => new EngineError({ operation: "read", kind: "Refused", detail: String(thrown) }),
  });
  const name = `caisson-${installation.instance}${target.replaceAll("/", "-")}`;
  const labels = yield* labelsOf(undefined);
  yield* Effect.acquireRelease(
    engine.createVolume({ Name: name, Labels: labels }),
    () => Effect.catch(removeVolume(name), (error) => Effect.logWarning(`a volume was not removed: ${error.detail}`)),
  );
  const tar = yield* tarArchive(
    entries.map(({ path, content, mode }) => Tar.file(path, content, { mode, uid: sandboxUid, gid: sandboxUid })),
  );
  yield* Effect.acquireUseRelease(
    engine.createContainer({
      Image: image,
      Labels: labels,
      HostConfig: { NetworkMode: "none", Mounts: [{ Type: "volume", Source: name, Target: "/seed" }] },
    }),
    (id) => engine.putArchive(id, tar, "/seed"),
    (id) => Effect.ignore(engine.removeContainer(id)),
  );
  return name;
});

/**
 * Whether the engine sees this process's files under the paths it has for them.
 *
 * *Details*: asks it to create a container, never started, that binds a file of ours whose name is
 * random; an engine elsewhere, or one whose client sits in a container, refuses.
 */
export const engineSees = Effect.fnUntraced(function* (image: string, paths: ReadonlyArray<string>) {
  const engine = yield* Engine;
  const installation = yield* Installation;
  const directories = yield* Effect.forEach(paths, realDirectory);
  const sources = [installation.markPath, ...directories.flatMap(Option.toArray)];
  return yield* Effect.acquireUseRelease(
    engine.createContainer({
      Image: image,
      Labels: yield* labelsOf(undefined),
      HostConfig: {
        NetworkMode: "none",
        Mounts: sources.map((Source, index) => ({ Type: "bind", Source, Target: `/seen/${index}`, ReadOnly: true })),
      },
    }),
    () => Effect.succeed(true),
    (id) =>
      Effect.catch(
        engine.removeContainer(id),
        (error) => Effect.logWarning(`a probe was not removed: ${error.message}`),
      ),
  ).pipe(
    Effect.catch((error) => Effect.as(Effect.logDebug(`the engine does not see our files: ${error.message}`), false)),
  );
});

/**
 * The mounts for the directories that exist; one that does not is the image's own empty directory.
 *
 * *Details*: `copied` chooses volumes that end with the scope instead of binds.
 *
 * *Fails with* `SandboxError` when a directory exists and cannot be handed over.
 */
export const readOnlyMounts = Effect.fnUntraced(
  function* (paths: { readonly tools: string; readonly skills: string }, image: string, copied: boolean) {
    const mounts: Array<Dockerode.MountSettings> = [];
    for (const [target, path] of [["/tools", paths.tools], ["/skills", paths.skills]] as const) {
      const directory = yield* realDirectory(path);
      if (Option.isNone(directory)) {
        yield* Effect.logDebug(`${path} is no directory; ${target} is empty`);
        continue;
      }
      mounts.push(
        copied
          ? {
            Type: "volume",
            Source: yield* copyToVolume(directory.value, target, image),
            Target: target,
            ReadOnly: true,
          }
          : { Type: "bind", Source: directory.value, Target: target, ReadOnly: true },
      );
    }
    return mounts;
  },
  Effect.catchTag("EngineError", (error) =>
    Effect.fail(
      error.operation === "read"
        ? new SandboxError({ reason: new StartFailed(), detail: error.message })
        : toSandboxError(error),
    )),
);
