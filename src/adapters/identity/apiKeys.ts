/**
 * API keys: named, several per name while one replaces another, compared by digest.
 *
 * A digest without salt or stretching is enough for keys of full entropy, which is what the key file
 * holds; it is what lets a presented key be compared in constant time.
 */
import { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { Result, Schema } from "effect";

/** A key as it is kept: never the key itself. */
export const StoredKey = Schema.Struct({
  name: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9._@-]{1,64}$/)),
  /** Identifies the key to people, in lists and for revoking. */
  id: Schema.String,
  sha256: Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/)),
  createdAt: Schema.String,
});
export type StoredKey = typeof StoredKey.Type;

/** The contents of a key file. */
export const KeyFile = Schema.Struct({ version: Schema.Literal(1), keys: Schema.Array(StoredKey) });
export type KeyFile = typeof KeyFile.Type;

/** Decodes the text of a key file. */
export const decodeKeyFile = Schema.decodeUnknownEffect(Schema.fromJsonString(KeyFile));

/** A name and the digest of one of its keys. */
export interface KeyDigest {
  readonly name: string;
  readonly digest: Uint8Array;
}

const sha256 = (text: string): Uint8Array => createHash("sha256").update(text).digest();

/** Random bytes in a new key: 256 bits. */
const keyBytes = 32;

/** Makes a key and what is kept of it; the key itself can be shown only now. */
export const makeKey = (name: string, createdAt: string): { readonly key: string; readonly stored: StoredKey } => {
  const key = `sk-caisson-${randomBytes(keyBytes).toString("base64url")}`;
  const digest = createHash("sha256").update(key).digest("hex");
  return { key, stored: { name, id: digest.slice(0, 12), sha256: digest, createdAt } };
};

/** The digest of a stored key. */
export const storedDigest = (stored: StoredKey): KeyDigest => ({
  name: stored.name,
  digest: Buffer.from(stored.sha256, "hex"),
});

const isName = Schema.is(StoredKey.fields.name);

/** Reads `name:key,name:key`; the failure says what is wrong without showing any key. */
export const parseKeys = (text: string): Result.Result<ReadonlyArray<KeyDigest>, string> => {
  const digests: Array<KeyDigest> = [];
  for (const [index, entry] of text.split(",").entries()) {
    if (entry.trim() === "") continue;
    const colon = entry.indexOf(":");
    const name = entry.slice(0, colon).trim();
    const key = entry.slice(colon + 1).trim();
    if (colon < 1 || key === "" || /\s/.test(key)) {
      return Result.fail(`entry ${index + 1} is <redacted>, expected name:key`);
    }
    if (!isName(name)) return Result.fail(`the name of entry ${index + 1} is not made of letters, digits and ._@-`);
    const digest = sha256(key);
    if (digests.some((other) => other.name !== name && timingSafeEqual(other.digest, digest))) {
      return Result.fail(`entry ${index + 1} repeats the key of another name`);
    }
    digests.push({ name, digest });
  }
  return digests.length === 0 ? Result.fail("expected at least one name:key") : Result.succeed(digests);
};

/**
 * Finds the name whose key was presented.
 *
 * Every key is compared, found or not, so the time taken tells neither how much of a key is right
 * nor which key it is.
 */
export const findKey = (keys: ReadonlyArray<KeyDigest>, presented: string): string | undefined => {
  const digest = sha256(presented);
  let found: string | undefined;
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key.name;
  return found;
};
