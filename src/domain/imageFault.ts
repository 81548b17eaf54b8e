/**
 * What is wrong with an image that a model is to be shown.
 *
 * Providers refuse the whole request when one image in it is cut off or too large, and with it the run.
 */
import { sniffImage } from "./Artifact.ts";

/** Pixels of a side: what the strictest of the providers takes. */
const imageSideMax = 8_000;

/** Width and height of an image whose bytes are all there; undefined for one that is cut off or malformed. */
type Size = readonly [width: number, height: number] | undefined;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Walks the chunks of a PNG to its end. */
const png = (bytes: Uint8Array): Size => {
  const view = viewOf(bytes);
  const header = 8;
  if (bytes.length < header + 25 || view.getUint32(header + 4) !== 0x49484452) return undefined;
  let hasPixels = false;
  for (let at = header; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const kind = view.getUint32(at + 4);
    if (at + 12 + view.getUint32(at) > bytes.length) return undefined;
    hasPixels ||= kind === 0x49444154;
    if (kind === 0x49454e44) return hasPixels ? [view.getUint32(header + 8), view.getUint32(header + 12)] : undefined;
  }
  return undefined;
};

/** Markers of JPEG frames: all that begin with 0xC but those of tables and restarts. */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Walks the segments of a JPEG to its pixels, and looks for its end behind them. */
const jpeg = (bytes: Uint8Array): Size => {
  const view = viewOf(bytes);
  let size: Size;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (isFrame(marker) && at + 9 <= bytes.length) size = [view.getUint16(at + 7), view.getUint16(at + 5)];
    // Some programs write zeros behind the end.
    if (marker === 0xda) return hasJpegEnd(bytes, at) ? size : undefined;
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
};

const hasJpegEnd = (bytes: Uint8Array, from: number): boolean => {
  for (let at = bytes.length - 2; at > from; at--) if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  return false;
};

/** Where the blocks of data that begin at a place end; beyond the bytes when they are cut off. */
const afterBlocks = (bytes: Uint8Array, from: number): number => {
  let at = from;
  for (let length = bytes[at]; length !== 0; length = bytes[at]) {
    if (length === undefined) return bytes.length;
    at += 1 + length;
  }
  return at + 1;
};

/** Bytes of the table of colours that a byte of flags tells. */
const coloursOf = (flags: number): number => (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);

/** Walks the blocks of a GIF to its first picture and the end of that: later pictures may be cut off. */
const gif = (bytes: Uint8Array): Size => {
  if (bytes.length < 13) return undefined;
  const view = viewOf(bytes);
  for (let at = 13 + coloursOf(bytes[10] ?? 0); at < bytes.length;) {
    const kind = bytes[at];
    if (kind === 0x2c) {
      const end = afterBlocks(bytes, at + 11 + coloursOf(bytes[at + 9] ?? 0));
      return end < bytes.length ? [view.getUint16(6, true), view.getUint16(8, true)] : undefined;
    }
    if (kind !== 0x21) return undefined;
    at = afterBlocks(bytes, at + 2);
  }
  return undefined;
};

/** Reads the size of a WebP in its three forms; its length is told at its beginning. */
const webp = (bytes: Uint8Array): Size => {
  const view = viewOf(bytes);
  if (bytes.length < 30 || view.getUint32(4, true) + 8 > bytes.length) return undefined;
  switch (view.getUint32(12)) {
    case 0x56503820: // VP8, lossy
      return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
    case 0x5650384c: { // VP8L, without loss
      const packed = view.getUint32(21, true);
      return [(packed & 0x3fff) + 1, ((packed >>> 14) & 0x3fff) + 1];
    }
    case 0x56503858: // VP8X, with more than a picture
      return [(view.getUint32(24, true) & 0xffffff) + 1, (view.getUint32(26, true) >>> 8) + 1];
    default:
      return undefined;
  }
};

const sizes: Readonly<Record<string, (bytes: Uint8Array) => Size>> = {
  "image/png": png,
  "image/jpeg": jpeg,
  "image/gif": gif,
  "image/webp": webp,
};

/**
 * Why an image is not to be shown to a model, as the rest of a sentence; undefined for one that can be.
 *
 * *Details*: its parts are walked, its pixels are not decoded.
 */
export const imageFault = (bytes: Uint8Array): string | undefined => {
  const mediaType = sniffImage(bytes);
  if (mediaType === undefined) return "it is no PNG, JPEG, GIF or WebP image";
  const size = sizes[mediaType]?.(bytes);
  if (size === undefined) return `it begins as ${mediaType} and is cut off or broken`;
  const [width, height] = size;
  if (width === 0 || height === 0) return "it has no pixels";
  return width <= imageSideMax && height <= imageSideMax
    ? undefined
    : `it has ${width} × ${height} pixels, and models are shown at most ${imageSideMax} on a side; make a smaller copy, ` +
      "for example with PIL";
};
