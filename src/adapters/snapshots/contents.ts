/**
 * What stores of snapshots have in common: names made of what they name, and manifests as bytes.
 */
import { Buffer } from "node:buffer";
import { hash, webcrypto } from "node:crypto";
import { Effect, Schema } from "effect";
import { Manifest } from "../../domain/Snapshot.ts";
import { SnapshotsUnavailable } from "../../services/SnapshotStore.ts";

/** Bytes from which on a name is made beside the event loop, which sends and receives other pieces meanwhile. */
const besideBytesMin = 64 * 1024;

/** The name of bytes. */
export const nameOf = (bytes: Uint8Array): Effect.Effect<string> =>
  bytes.length < besideBytesMin
    ? Effect.sync(() => hash("sha256", bytes, "hex"))
    : Effect.promise(async () => Buffer.from(await webcrypto.subtle.digest("SHA-256", bytes)).toString("hex"));

export const damaged = (name: string) =>
  new SnapshotsUnavailable({ reason: "Damaged", detail: `${name} is missing or is not what it was` });

/** Passes on bytes that are what their name says. */
export const checked = (name: string, bytes: Uint8Array): Effect.Effect<Uint8Array, SnapshotsUnavailable> =>
  Effect.flatMap(nameOf(bytes), (found) => found === name ? Effect.succeed(bytes) : Effect.fail(damaged(name)));

const decodeManifest = Schema.decodeUnknownEffect(Schema.fromJsonString(Manifest));

/** The bytes of a manifest. */
export const encode = (manifest: Manifest): Uint8Array => new TextEncoder().encode(JSON.stringify(manifest));

/** The manifest that bytes are. */
export const decode = (name: string, bytes: Uint8Array): Effect.Effect<Manifest, SnapshotsUnavailable> =>
  Effect.mapError(decodeManifest(new TextDecoder().decode(bytes)), () => damaged(name));
