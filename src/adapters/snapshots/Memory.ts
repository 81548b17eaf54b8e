/**
 * Snapshots in this process, gone with it.
 */
import { Effect, Layer } from "effect";
import type { OwnerKey } from "../../domain/Owner.ts";
import { manifestsOf, noSnapshots, type SnapshotState } from "../../domain/Snapshot.ts";
import { SnapshotStore, type SnapshotStoreService } from "../../services/SnapshotStore.ts";
import { damaged, decode, encode, nameOf } from "./contents.ts";

interface Place {
  readonly chunks: Map<string, Uint8Array>;
  readonly manifests: Map<string, Uint8Array>;
  state: SnapshotState;
}

/** Makes an empty store. */
export const make = (): SnapshotStoreService => {
  const places = new Map<OwnerKey, Place>();
  const placeOf = (owner: OwnerKey): Place => {
    const place = places.get(owner) ?? { chunks: new Map(), manifests: new Map(), state: noSnapshots };
    places.set(owner, place);
    return place;
  };
  const put = (map: (place: Place) => Map<string, Uint8Array>, owner: OwnerKey, bytes: Uint8Array) =>
    Effect.tap(nameOf(bytes), (name) => Effect.sync(() => map(placeOf(owner)).set(name, bytes)));
  const find = (map: (place: Place) => Map<string, Uint8Array>, owner: OwnerKey, name: string) =>
    Effect.suspend(() => {
      const place = places.get(owner);
      const bytes = place === undefined ? undefined : map(place).get(name);
      return bytes === undefined ? Effect.fail(damaged(name)) : Effect.succeed(bytes);
    });
  const manifest = (owner: OwnerKey, name: string) =>
    Effect.flatMap(find(({ manifests }) => manifests, owner, name), (bytes) => decode(name, bytes));
  return {
    putChunk: (owner, bytes) => put(({ chunks }) => chunks, owner, bytes.slice()),
    chunk: (owner, name) => find(({ chunks }) => chunks, owner, name),
    room: Effect.succeed(Number.POSITIVE_INFINITY),
    putManifest: (owner, made) => put(({ manifests }) => manifests, owner, encode(made)),
    manifest,
    load: (owner) => Effect.sync(() => places.get(owner)?.state ?? noSnapshots),
    save: (owner, state) => Effect.sync(() => void (placeOf(owner).state = state)),
    sweep: Effect.fnUntraced(function* (owner) {
      const place = places.get(owner);
      if (place === undefined) return 0;
      const wanted = new Set(manifestsOf(place.state));
      const pieces = new Set<string>();
      for (const name of wanted) {
        for (const { chunks = [] } of (yield* manifest(owner, name)).entries) chunks.forEach((one) => pieces.add(one));
      }
      for (const name of place.manifests.keys()) if (!wanted.has(name)) place.manifests.delete(name);
      for (const name of place.chunks.keys()) if (!pieces.has(name)) place.chunks.delete(name);
      return [...place.chunks.values(), ...place.manifests.values()].reduce((sum, { length }) => sum + length, 0);
    }),
    owners: Effect.sync(() => [...places.keys()]),
    erase: (owner) => Effect.sync(() => void places.delete(owner)),
  };
};

/** Snapshots of this process. */
export const layer: Layer.Layer<never> = Layer.sync(SnapshotStore, make);
