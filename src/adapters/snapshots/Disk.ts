/**
 * Snapshots in the data directory: `snapshots/OWNER/` with `chunks/`, `manifests/` and `state.json`.
 *
 * Everything is written beside its place and takes it whole; a crash leaves pieces that nothing leads to, which the
 * next sweep removes. Readable by the server's own user only.
 */
import { statfs } from "node:fs/promises";
import { Effect, Layer, Schema } from "effect";
import { Settings } from "../../config.ts";
import { makeToken } from "../../domain/ids.ts";
import { OwnerKey } from "../../domain/Owner.ts";
import { manifestsOf, noSnapshots, SnapshotState } from "../../domain/Snapshot.ts";
import { SnapshotStore, type SnapshotStoreService, SnapshotsUnavailable } from "../../services/SnapshotStore.ts";
import { checked, damaged, decode, encode, nameOf } from "./contents.ts";

const folder = "snapshots";
const folderMode = 0o700;
const fileMode = 0o600;
/** Files that are looked at or removed at the same time. */
const concurrency = 16;
/** Of the disk what snapshots leave free, for sessions, runs and logs: a twentieth, at most a gibibyte. */
const reservedShare = 1 / 20;
const reservedBytesMax = 1024 * 1024 * 1024;

const decodeState = Schema.decodeUnknownEffect(Schema.fromJsonString(SnapshotState));
const isOwnerKey = Schema.is(OwnerKey);
const isName = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

const unavailable = (cause: unknown) =>
  new SnapshotsUnavailable({
    reason: cause instanceof Error && "code" in cause && (cause.code === "ENOSPC" || cause.code === "EDQUOT")
      ? "NoSpace"
      : "Failed",
    detail: cause instanceof Error ? cause.message : String(cause),
    cause,
  });

const attempt = <A>(work: () => Promise<A>) => Effect.tryPromise({ try: work, catch: unavailable });

/** The answer of a file system for what is not there. */
const unlessMissing = <A, B>(work: () => Promise<A>, missing: B) =>
  attempt<A | B>(() =>
    work().catch((problem) => {
      if (problem instanceof Deno.errors.NotFound) return missing;
      throw problem;
    })
  );

/** Writes a file beside its place and puts it there whole. */
const writeWhole = (directory: string, name: string, bytes: Uint8Array) =>
  attempt(async () => {
    const part = `${directory}/${name}.${makeToken()}.part`;
    await Deno.mkdir(directory, { recursive: true, mode: folderMode });
    try {
      await Deno.writeFile(part, bytes, { mode: fileMode });
      await Deno.rename(part, `${directory}/${name}`);
    } catch (problem) {
      await Deno.remove(part).catch(() => undefined); // What could not be written may not be there.
      throw problem;
    }
  });

/** Bytes of the disk that snapshots may take, without those that are left to others. */
const roomOn = (root: string) =>
  attempt(async () => {
    await Deno.mkdir(root, { recursive: true, mode: folderMode });
    try {
      const { bavail, blocks, bsize } = await statfs(root);
      return Math.max(0, bavail * bsize - Math.min(reservedBytesMax, blocks * bsize * reservedShare));
    } catch (problem) {
      // A program that may not ask for it learns of a full disk by writing to it.
      if (problem instanceof Deno.errors.NotCapable) return Number.POSITIVE_INFINITY;
      throw problem;
    }
  });

/** Names in a folder, none when it is not there. */
const namesIn = (directory: string) =>
  unlessMissing(async () => {
    const names: Array<string> = [];
    for await (const { name } of Deno.readDir(directory)) names.push(name);
    return names;
  }, [] as ReadonlyArray<string>);

/** Removes what is not wanted of files in a folder; returns the bytes of the others. */
const sweepFolder = Effect.fnUntraced(function* (directory: string, isWanted: (name: string) => boolean) {
  const sizes = yield* Effect.forEach(yield* namesIn(directory), (name) => {
    const path = `${directory}/${name}`;
    return isWanted(name)
      ? unlessMissing(async () => (await Deno.stat(path)).size, 0)
      : Effect.as(unlessMissing(() => Deno.remove(path), undefined), 0);
  }, { concurrency });
  return sizes.reduce((sum, size) => sum + size, 0);
});

/** Makes a store in a directory, which is made with the first snapshot. */
export const make = (root: string): SnapshotStoreService => {
  const at = (owner: OwnerKey) => `${root}/${owner}`;
  const manifestsAt = (owner: OwnerKey) => `${at(owner)}/manifests`;
  const chunksAt = (owner: OwnerKey, name: string) => `${at(owner)}/chunks/${name.slice(0, 2)}`;
  const put = (directory: (name: string) => string, bytes: Uint8Array) =>
    Effect.gen(function* () {
      const name = yield* nameOf(bytes);
      const there = yield* unlessMissing(() => Deno.stat(`${directory(name)}/${name}`), undefined);
      if (there?.size !== bytes.length) yield* writeWhole(directory(name), name, bytes);
      return name;
    });
  const read = (directory: string, name: string) =>
    Effect.flatMap(
      isName(name) ? unlessMissing(() => Deno.readFile(`${directory}/${name}`), undefined) : Effect.succeed(undefined),
      (bytes) => bytes === undefined ? Effect.fail(damaged(name)) : checked(name, bytes),
    );
  const manifest = (owner: OwnerKey, name: string) =>
    Effect.flatMap(read(manifestsAt(owner), name), (bytes) => decode(name, bytes));
  const load = (owner: OwnerKey) =>
    Effect.flatMap(
      unlessMissing(() => Deno.readTextFile(`${at(owner)}/state.json`), undefined),
      (text) =>
        text === undefined
          ? Effect.succeed(noSnapshots)
          : Effect.mapError(decodeState(text), () => damaged("the state of an owner")),
    );
  return {
    putChunk: (owner, bytes) => put((name) => chunksAt(owner, name), bytes),
    chunk: (owner, name) => read(chunksAt(owner, name), name),
    room: roomOn(root),
    putManifest: (owner, made) => put(() => manifestsAt(owner), encode(made)),
    manifest,
    load,
    save: (owner, state) => writeWhole(at(owner), "state.json", new TextEncoder().encode(JSON.stringify(state))),
    sweep: Effect.fnUntraced(function* (owner) {
      const wanted = new Set(manifestsOf(yield* load(owner)));
      const pieces = new Set<string>();
      for (const name of wanted) {
        for (const { chunks = [] } of (yield* manifest(owner, name)).entries) chunks.forEach((one) => pieces.add(one));
      }
      const chunks = `${at(owner)}/chunks`;
      const kept = yield* Effect.forEach(
        yield* namesIn(chunks),
        (name) => sweepFolder(`${chunks}/${name}`, (one) => pieces.has(one)),
      );
      const manifests = yield* sweepFolder(manifestsAt(owner), (one) => wanted.has(one));
      return kept.reduce((sum, bytes) => sum + bytes, manifests);
    }),
    owners: Effect.map(namesIn(root), (names) => names.flatMap((name) => (isOwnerKey(name) ? [name] : []))),
    erase: (owner) => unlessMissing(() => Deno.remove(at(owner), { recursive: true }), undefined),
  };
};

/** The store in the data directory of the settings. */
export const layer: Layer.Layer<never, never, Settings> = Layer.effect(
  SnapshotStore,
  Effect.map(Settings, ({ dataPath }) => make(`${dataPath}/${folder}`)),
);
