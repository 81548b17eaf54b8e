/**
 * The head of an HTTP/1 request, read strictly: what two readers could understand differently is refused.
 */
import { Buffer } from "node:buffer";
import { chunkedBody, type HttpBody, lengthBody } from "./httpBody.ts";

/** Largest length of a body as digits: far beyond any bound on bytes. */
const lengthDigitsMax = 15;

/** One header as it was written; `lower` is its name in lower case. */
export interface Header {
  readonly name: string;
  readonly lower: string;
  readonly value: string;
}

/** The parts of a request's head, whatever they mean. */
export interface RequestHead {
  readonly method: string;
  /** The target as it was written. */
  readonly written: string;
  readonly version: "HTTP/1.0" | "HTTP/1.1";
  readonly headers: ReadonlyArray<Header>;
}

/** What decides where a message ends and whom it is for cannot be called a matter between client and proxy. */
const neverNamed: ReadonlyArray<string> = ["host", "content-length", "transfer-encoding"];

/** Where the head ends, after its empty line; undefined while it has none. */
export const headEnd = (bytes: Uint8Array): number | undefined => {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf("\r\n\r\n");
  return at < 0 ? undefined : at + 4;
};

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The headers of lines without their ends; undefined when one is none. */
export const headersOf = (lines: ReadonlyArray<string>): ReadonlyArray<Header> | undefined => {
  const headers: Array<Header> = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    if (!token.test(name)) return undefined;
    headers.push({ name, lower: name.toLowerCase(), value: line.slice(colon + 1).trim() });
  }
  return headers;
};

/**
 * Headers that a message calls a matter between it and the next hop; undefined when it names one that cannot be.
 */
export const connectionNames = (headers: ReadonlyArray<Header>): ReadonlyArray<string> | undefined => {
  const named = headers.filter(({ lower }) => lower === "connection")
    .flatMap(({ value }) => value.toLowerCase().split(",").map((part) => part.trim()));
  return named.some((name) => neverNamed.includes(name)) ? undefined : named;
};

/** How many bytes of a body its headers declare, 0 when none, or why that cannot be told. */
export const declaredBytes = (headers: ReadonlyArray<Header>): number | string => {
  const lengths = headers.filter(({ lower }) => lower === "content-length");
  if (lengths.length > 1) return "more than one length";
  const length = lengths[0]?.value ?? "0";
  return length.length <= lengthDigitsMax && /^\d+$/.test(length) ? Number(length) : "a length that is no number";
};

/** The body that the headers of a request declare, in chunks or of a length, or why that cannot be told. */
export const requestBody = (headers: ReadonlyArray<Header>): HttpBody | string => {
  const coded = headers.filter(({ lower }) => lower === "transfer-encoding");
  if (coded.length === 0) {
    const bytes = declaredBytes(headers);
    return typeof bytes === "string" ? bytes : lengthBody(bytes);
  }
  const isChunked = coded.length === 1 && coded[0]?.value.toLowerCase() === "chunked";
  const hasLength = headers.some(({ lower }) => lower === "content-length");
  return isChunked && !hasLength ? chunkedBody() : "ambiguous lengths";
};

/**
 * Reads the head of a request, its empty line included; a text says why it is none.
 *
 * *Details*: `written` stands beside the text where so much could be read.
 *
 * *Source*: RFC 9112; lines end with CR LF, none is folded, no control characters.
 */
export const readRequestHead = (
  bytes: Uint8Array,
): RequestHead | { readonly why: string; readonly written?: string } => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1").slice(0, -4);
  const lines = text.split("\r\n");
  // What is left of CR and LF stood alone.
  if (lines.some((line) => /[^\t\x20-\x7e\x80-\xff]/.test(line))) return { why: "control characters in the head" };
  const [method, written, version, extra] = (lines[0] ?? "").split(" ");
  const isRequest = extra === undefined && method !== undefined && /^[A-Z]{1,16}$/.test(method) &&
    written !== undefined && (version === "HTTP/1.1" || version === "HTTP/1.0");
  if (!isRequest) return { why: "this is no HTTP request" };
  const headers = headersOf(lines.slice(1));
  return headers === undefined ? { why: "a header that is none", written } : { method, written, version, headers };
};
