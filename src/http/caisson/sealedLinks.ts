/**
 * Artifact ids and signed links: pure functions of a secret.
 *
 * An id is the owner and the path, sealed: nobody can make one, read one, or turn one into another's,
 * and no table of ids has to be kept. A link is an id, a time, and a signature over both.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { Option, Schema } from "effect";
import type { Owner } from "../../domain/Owner.ts";

/** The keys made from one secret, a key for each purpose. */
export interface LinkKeys {
  readonly seal: Uint8Array;
  readonly nonce: Uint8Array;
  readonly sign: Uint8Array;
}

/** What an id names. */
export interface ArtifactPlace {
  readonly owner: Owner;
  readonly path: string;
}

const prefix = "artifact-";
const nonceBytes = 12;
const tagBytes = 16;

const hmac = (key: Uint8Array | string, text: string): Uint8Array => createHmac("sha256", key).update(text).digest();

/** Derives the keys of a secret. */
export const linkKeys = (secret: string): LinkKeys => ({
  seal: hmac(secret, "caisson artifact seal"),
  nonce: hmac(secret, "caisson artifact nonce"),
  sign: hmac(secret, "caisson artifact sign"),
});

const Place = Schema.fromJsonString(Schema.Tuple([Schema.String, Schema.String, Schema.String]));
const decodePlace = Schema.decodeUnknownOption(Place);

/**
 * Seals an owner and a path into an id; the same place always has the same id.
 *
 * The nonce is a keyed hash of the text, so it repeats only when the whole id does.
 */
export const sealPlace = (keys: LinkKeys, { owner, path }: ArtifactPlace): string => {
  const text = JSON.stringify([owner.principal, owner.user, path]);
  const nonce = hmac(keys.nonce, text).subarray(0, nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", keys.seal, nonce);
  const sealed = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `${prefix}${sealed.toString("base64url")}`;
};

/** Opens an id; none when it is not one of ours. */
export const openPlace = (keys: LinkKeys, id: string): Option.Option<ArtifactPlace> => {
  if (!/^artifact-[\w-]{40,8000}$/.test(id)) return Option.none();
  const sealed = Buffer.from(id.slice(prefix.length), "base64url");
  const decipher = createDecipheriv("aes-256-gcm", keys.seal, sealed.subarray(0, nonceBytes));
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  const open = Option.liftThrowable(() =>
    Buffer.concat([decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes)), decipher.final()])
  );
  return open().pipe(
    Option.flatMap((text) => decodePlace(text.toString("utf8"))),
    Option.map(([principal, user, path]) => ({ owner: { principal, user, ephemeral: false }, path })),
  );
};

/** Signs an id until a time in seconds since the epoch. */
export const signLink = (keys: LinkKeys, id: string, expiresSeconds: number): string =>
  Buffer.from(hmac(keys.sign, `${id}\n${expiresSeconds}`)).toString("base64url");

/** What a signature is worth at a time. */
export type LinkVerdict = "valid" | "expired" | "forged";

/** Checks a link's signature in constant time, then its time. */
export const checkLink = (
  keys: LinkKeys,
  link: { readonly id: string; readonly expires: string; readonly signature: string },
  nowMs: number,
): LinkVerdict => {
  if (!/^\d{1,12}$/.test(link.expires)) return "forged";
  const expiresSeconds = Number(link.expires);
  const wanted = Buffer.from(signLink(keys, link.id, expiresSeconds));
  const given = Buffer.from(link.signature);
  if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return "forged";
  return expiresSeconds * 1000 > nowMs ? "valid" : "expired";
};
