/**
 * Ids and links of artifacts with this server's secret.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { Clock, Context, Effect, Layer, Option, Redacted } from "effect";
import type { HttpServerRequest } from "effect/http";
import { Settings } from "../../config.ts";
import { type Artifact, mediaTypeOf, nameOf } from "../../domain/Artifact.ts";
import {
  type ArtifactPlace,
  checkLink,
  linkKeys,
  type LinkVerdict,
  openPlace,
  sealPlace,
  signLink,
} from "./sealedLinks.ts";
import type { Owner } from "../../domain/Owner.ts";
import type { FileEntry } from "../../services/Sandbox.ts";

/** Bytes of a secret made at start. */
const secretBytes = 32;

/** What the links of a server offer. */
export interface ArtifactLinksService {
  /** Describes a file for its owner, with a link at `base` that opens it from now on. */
  readonly describe: (
    base: string,
    owner: Owner,
    entry: FileEntry,
    imageType: string | undefined,
  ) => Effect.Effect<Artifact>;
  /** What an id names; none when it is not one of this server's. */
  readonly open: (id: string) => Option.Option<ArtifactPlace>;
  /** What the signature of a link is worth now. */
  readonly check: (
    link: { readonly id: string; readonly expires: string; readonly signature: string },
  ) => Effect.Effect<
    LinkVerdict
  >;
  /** Where clients reach this server: as configured, else where this request was sent. */
  readonly baseOf: (request: HttpServerRequest.HttpServerRequest) => string;
}

/** Ids and links of artifacts. */
export class ArtifactLinks extends Context.Service<ArtifactLinks, ArtifactLinksService>()(
  "caisson/http/ArtifactLinks",
) {
  /** With the secret of the settings, or one made now. */
  static readonly layer: Layer.Layer<ArtifactLinks, never, Settings> = Layer.effect(
    ArtifactLinks,
    Effect.map(Settings, ({ linkSecret, linkSeconds, publicUrl }) => {
      const keys = linkKeys(
        Option.match(linkSecret, {
          onNone: () => Buffer.from(randomBytes(secretBytes)).toString("hex"),
          onSome: Redacted.value,
        }),
      );
      return ArtifactLinks.of({
        describe: Effect.fnUntraced(function* (base, owner, entry, imageType) {
          const id = sealPlace(keys, { owner, path: entry.path });
          const expires = Math.floor((yield* Clock.currentTimeMillis) / 1000) + linkSeconds;
          return {
            id,
            path: entry.path,
            name: nameOf(entry.path),
            sizeBytes: entry.sizeBytes,
            mediaType: imageType ?? mediaTypeOf(entry.path),
            modifiedAtMs: entry.modifiedAtMs,
            isImage: imageType !== undefined,
            url: `${base}/v1/artifacts/${id}/content?expires=${expires}&signature=${signLink(keys, id, expires)}`,
            urlExpiresAtMs: expires * 1000,
          };
        }),
        open: (id) => openPlace(keys, id),
        check: (link) => Effect.map(Clock.currentTimeMillis, (nowMs) => checkLink(keys, link, nowMs)),
        baseOf: ({ headers }) =>
          Option.match(publicUrl, {
            onSome: (url) => url.replace(/\/{1,100}$/, ""),
            onNone: () => {
              const host = headers["host"] ?? "localhost";
              const protocol = headers["x-forwarded-proto"] === "https" ? "https" : "http";
              // The header is the client's own: only what a host can be is put into a link.
              return `${protocol}://${/^[\w.:[\]-]{1,255}$/.test(host) ? host : "localhost"}`;
            },
          }),
      });
    }),
  );
}
