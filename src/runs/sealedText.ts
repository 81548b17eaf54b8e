/**
 * Texts that clients or stores carry for us and cannot read or change.
 *
 * A text is sealed for its owner, under a secret of the store; what another owner or another store sealed stays shut.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { Option } from "effect";
import type { OwnerKey } from "../domain/Owner.ts";

const cipherName = "aes-256-gcm";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
/** Characters of a sealed text that are looked at: more is not ours. */
const sealedMax = 4 * 1024 * 1024;

const keyOf = (secret: string): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, "", "caisson response seal", keyBytes));

/** A nonce that is the same for the same text at the same place, and for no other. */
const nonceFor = (key: Uint8Array, owner: OwnerKey, place: string, text: string): Uint8Array =>
  createHmac("sha256", key).update(JSON.stringify([owner, place, text])).digest().subarray(0, nonceBytes);

/** Seals a text for an owner; with a place, in the same way whenever it is sealed there. */
export const sealText = (secret: string, owner: OwnerKey, text: string, place?: string): string => {
  const key = keyOf(secret);
  const nonce = place === undefined ? randomBytes(nonceBytes) : nonceFor(key, owner, place, text);
  const cipher = createCipheriv(cipherName, key, nonce).setAAD(Buffer.from(owner));
  return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]).toString("base64url");
};

/** Opens a text; none when it was not sealed here for this owner. */
export const openText = (secret: string, owner: OwnerKey, sealed: string): Option.Option<string> => {
  const bytes = sealed.length > sealedMax ? Buffer.alloc(0) : Buffer.from(sealed, "base64url");
  if (bytes.length < nonceBytes + tagBytes) return Option.none();
  const opening = Option.liftThrowable(() => {
    const decipher = createDecipheriv(cipherName, keyOf(secret), bytes.subarray(0, nonceBytes));
    decipher.setAAD(Buffer.from(owner)).setAuthTag(bytes.subarray(bytes.length - tagBytes));
    const text = decipher.update(bytes.subarray(nonceBytes, bytes.length - tagBytes));
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  });
  return opening();
};
