/**
 * An HTTP response that was read to its end, taken apart.
 */
import { Buffer } from "node:buffer";

/** A response's parts; names of headers are in lower case. */
export interface Response {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Longest line with the size of a chunk, in bytes. */
const lineBytesMax = 1024;

/** The bytes of a body in chunks, as far as they are well-formed. */
const unchunked = (bytes: Buffer): Buffer => {
  const parts: Array<Buffer> = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.subarray(at, at + lineBytesMax).indexOf("\r\n");
    if (end < 0) break;
    const size = Number.parseInt(bytes.toString("latin1", at, at + end), 16);
    if (!(size > 0)) break;
    const from = at + end + 2;
    parts.push(bytes.subarray(from, from + size));
    at = from + size + 2;
  }
  return Buffer.concat(parts);
};

/** Reads what a server sent until it closed; undefined when that is no response of HTTP/1. */
export const readResponse = (bytes: Buffer): Response | undefined => {
  const end = bytes.indexOf("\r\n\r\n");
  const lines = bytes.toString("latin1", 0, Math.max(0, end)).split("\r\n");
  const [version, status] = (lines[0] ?? "").split(" ");
  if (end < 0 || !/^HTTP\/1\.[01]$/.test(version ?? "") || !/^[1-5]\d\d$/.test(status ?? "")) return undefined;
  const rest = bytes.subarray(end + 4);
  // What comes first may only announce what follows.
  if (status?.startsWith("1")) return readResponse(rest);
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const isChunked = headers.get("transfer-encoding")?.toLowerCase() === "chunked";
  const length = Number(headers.get("content-length") ?? NaN);
  const body = isChunked ? unchunked(rest) : Number.isInteger(length) ? rest.subarray(0, length) : rest;
  return { status: Number(status), headers, body };
};
