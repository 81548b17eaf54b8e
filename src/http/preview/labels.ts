/**
 * Labels of previews: the first part of their host name, signed.
 *
 * A label is `pPORT-EXPIRY-ID-SIGNATURE`, at most 63 letters, which is what DNS gives one. The id stands for its owner,
 * whom only this process can tell; the signature tells an expired label from one that somebody made up.
 */
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

/** Letters of an id: 65 bits. */
const idLetters = 13;
/** Letters of a signature: 160 bits. */
const signatureLetters = 32;

/** What a label says. */
export interface PreviewLabel {
  readonly port: number;
  readonly expiresSeconds: number;
  readonly id: string;
}

/** What a label is worth at a time. */
export type LabelVerdict = { readonly _tag: "Altered" | "Expired" } | ({ readonly _tag: "Valid" } & PreviewLabel);

/** Names are the same in upper and lower case, so labels have letters of one case only. */
const alphabet = "abcdefghijklmnopqrstuvwxyz234567";

const lettersOf = (bytes: Uint8Array, count: number): string => {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5 && text.length < count) {
      bits -= 5;
      text += alphabet[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return text;
};

/** An id of random bytes, of which it takes nine. */
export const labelId = (bytes: Uint8Array): string => lettersOf(bytes, idLetters);

/** The key of labels of a secret. */
export const labelKey = (secret: string): Uint8Array =>
  createHmac("sha256", secret).update("caisson preview label").digest();

const signed = (key: Uint8Array, text: string): string =>
  lettersOf(createHmac("sha256", key).update(text).digest(), signatureLetters);

/** Writes a label. */
export const writeLabel = (key: Uint8Array, { port, expiresSeconds, id }: PreviewLabel): string => {
  const text = `p${port}-${expiresSeconds.toString(36)}-${id}`;
  return `${text}-${signed(key, text)}`;
};

const form = /^p([1-9]\d{0,4})-([0-9a-z]{1,7})-([a-z2-7]{13})-([a-z2-7]{32})$/;

/** Reads a label: its signature in constant time, then its time. */
export const readLabel = (key: Uint8Array, text: string, nowMs: number): LabelVerdict => {
  const [, port, expires, id, signature] = form.exec(text) ?? [];
  if (port === undefined || expires === undefined || id === undefined || signature === undefined) {
    return { _tag: "Altered" };
  }
  const wanted = signed(key, text.slice(0, -signatureLetters - 1));
  if (!timingSafeEqual(Buffer.from(wanted), Buffer.from(signature))) return { _tag: "Altered" };
  const expiresSeconds = Number.parseInt(expires, 36);
  return expiresSeconds * 1000 > nowMs
    ? { _tag: "Valid", port: Number(port), expiresSeconds, id }
    : { _tag: "Expired" };
};
