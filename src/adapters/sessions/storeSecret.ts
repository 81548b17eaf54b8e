/**
 * The secret of a store, as every store makes it.
 */
import { randomBytes } from "node:crypto";

/** Bytes of a secret; 256 bits cannot be guessed. */
const secretBytes = 32;

/** Makes a secret. */
export const makeSecret = (): string => randomBytes(secretBytes).toString("base64url");
