/**
 * Identifiers made by this server, and keys derived from what an owner is called.
 */
import { createHash, randomBytes } from "node:crypto";
import { type Owner, OwnerKey } from "./Owner.ts";
import type { SessionKey } from "./Session.ts";

/** Random bytes in an identifier: 144 bits cannot be guessed. */
const idBytes = 18;

/** Characters of an identifier: base64 has four for three bytes. */
const idCharacters = (idBytes / 3) * 4;
/** Identifiers that the system is asked for at once: asking costs more than the bytes, and a request needs several. */
const idsAtOnce = 32;

let waiting = "";
let given = 0;

/** Makes an unguessable word, safe in URLs and headers; every character is given once. */
export const makeToken = (): string => {
  if (given === waiting.length) {
    waiting = randomBytes(idBytes * idsAtOnce).toString("base64url");
    given = 0;
  }
  given += idCharacters;
  return waiting.slice(given - idCharacters, given);
};

/** Makes an unguessable identifier such as `chatcmpl-…`, safe in URLs and headers. */
export const makeId = (prefix: string): string => `${prefix}-${makeToken()}`;

/** Keys by owner: every part that a request passes asks for its owner's. */
const keys = new WeakMap<Owner, OwnerKey>();

/**
 * Derives the key under which everything an owner owns is kept.
 *
 * The two names are hashed as one JSON array, so no choice of `user` can reach another principal's
 * key, and no character of a name ever stands in a path, label or container name.
 *
 * *Example* (list the sessions of a user):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { app, ownerKey, Sessions, Settings } from "@caisson/caisson";
 *
 * const ada = { principal: "api-key:shop", user: "ada", ephemeral: false };
 * const program = Effect.gen(function* () {
 *   const sessions = yield* Sessions.Sessions;
 *   return yield* sessions.list(ownerKey(ada));
 * });
 * const store = Layer.provide(app.sessions, Settings.layerWith({ sessions: "memory" }));
 * assert.deepEqual(await Effect.runPromise(Effect.provide(program, store)), []);
 * ```
 */
export const ownerKey = (owner: Owner): OwnerKey => {
  const known = keys.get(owner);
  if (known !== undefined) return known;
  const key = OwnerKey.make(
    createHash("sha256")
      .update(JSON.stringify([owner.principal, owner.user]))
      .digest("hex")
      .slice(0, 32),
  );
  keys.set(owner, key);
  return key;
};

/** A word that stands for a session where its name must not be read, such as at a provider. */
export const sessionDigest = ({ owner, id }: SessionKey): string =>
  createHash("sha256").update(JSON.stringify([owner, id])).digest("hex").slice(0, 32);
