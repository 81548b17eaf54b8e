/**
 * What a program asks the proxy for: one request, read strictly, and the same request as the origin gets it.
 *
 * What two readers could understand differently is refused instead of mended.
 */
import { Buffer } from "node:buffer";
import { chunkedBody, lengthBody, type RequestBody } from "./requestBody.ts";
import { hostName, httpPort, portOf, tlsPort } from "../../domain/EgressRule.ts";

/** Longest head of a request, in bytes. */
export const headBytesMax = 16 * 1024;
/** Characters of a host that the log and the model are shown, where it is none. */
const shownMax = 80;
/** Largest length of a body as digits: far beyond any bound on bytes. */
const lengthDigitsMax = 15;

/** A request that is not carried out, with the status that says so. */
export interface HeadRefused {
  readonly _tag: "Refused";
  readonly status: 400 | 403 | 411;
  readonly why: string;
  readonly host: string;
  readonly port: number;
}

/** A request that can be judged. */
export type Head =
  | { readonly _tag: "Tunnel"; readonly host: string; readonly port: number }
  | {
    readonly _tag: "Plain";
    readonly host: string;
    readonly port: number;
    /** The head that goes to the origin. */
    readonly head: Uint8Array;
    /** The body that follows, nothing after which goes there. */
    readonly body: RequestBody;
  };

interface Header {
  readonly name: string;
  readonly lower: string;
  readonly value: string;
}

/** Headers that are between a client and its proxy, or that we write ourselves. */
const ours = [
  "host",
  "connection",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
  "keep-alive",
  "te",
  "trailer",
  "expect",
];
/** What decides where a request ends and whom it is for cannot be called a matter between client and proxy. */
const neverNamed = ["host", "content-length", "transfer-encoding"];

const refused = (status: HeadRefused["status"], why: string, host = "?", port = 0): HeadRefused => ({
  _tag: "Refused",
  status,
  why,
  host,
  port,
});

/** What is shown of a target that names no host: no path, no query and no password of it. */
const shownOf = (written: string): string => {
  const [, rest = written] = /^[a-z]{1,8}:\/\/(.*)$/i.exec(written) ?? [];
  const authority = rest.split(/[/?#\\]/, 1)[0] ?? "";
  return authority.slice(authority.lastIndexOf("@") + 1).slice(0, shownMax) || "?";
};

/** Where the head ends, after its empty line; undefined while it has none. */
export const headEnd = (bytes: Uint8Array): number | undefined => {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf("\r\n\r\n");
  return at < 0 ? undefined : at + 4;
};

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const headersOf = (lines: ReadonlyArray<string>): ReadonlyArray<Header> | undefined => {
  const headers: Array<Header> = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    if (!token.test(name)) return undefined;
    headers.push({ name, lower: name.toLowerCase(), value: line.slice(colon + 1).trim() });
  }
  return headers;
};

/** Splits `name` or `name:port`. */
const authorityOf = (text: string, portDefault: number | undefined) => {
  const [name, written, extra] = text.split(":");
  const port = written === undefined ? portDefault : portOf(written);
  return name === undefined || extra !== undefined || port === undefined ? undefined : { name, port };
};

/** The target of a plain request, in the one form that a proxy is asked in. */
const targetOf = (text: string) => {
  const scheme = "http://";
  if (!text.toLowerCase().startsWith(scheme) || text.includes("#") || text.includes("\\")) return undefined;
  const rest = text.slice(scheme.length);
  const at = rest.search(/[/?]/);
  const authority = authorityOf(at < 0 ? rest : rest.slice(0, at), httpPort);
  const path = at < 0 ? "/" : rest.slice(at);
  return authority === undefined ? undefined : { ...authority, path: path.startsWith("/") ? path : `/${path}` };
};

/** Headers that a request calls a matter between it and the proxy. */
const namedIn = (headers: ReadonlyArray<Header>): ReadonlyArray<string> =>
  headers.filter(({ lower }) => lower === "connection")
    .flatMap(({ value }) => value.toLowerCase().split(",").map((part) => part.trim()));

/** How many bytes of a body follow, or why that cannot be told. */
const bodyBytesOf = (headers: ReadonlyArray<Header>): number | string => {
  const lengths = headers.filter(({ lower }) => lower === "content-length");
  if (lengths.length > 1) return "more than one length";
  const length = lengths[0]?.value ?? "0";
  return length.length <= lengthDigitsMax && /^\d+$/.test(length) ? Number(length) : "a length that is no number";
};

const plain = (method: string, written: string, headers: ReadonlyArray<Header>): Head | HeadRefused => {
  const target = targetOf(written);
  const shown = shownOf(target?.name ?? written);
  if (target === undefined) return refused(400, "a proxy is asked for http://name/… or by CONNECT name:port", shown);
  const host = hostName(target.name);
  if (host === undefined) {
    return refused(403, "only names can be reached, no addresses and no local names", shown, target.port);
  }
  const refusedHere = (status: HeadRefused["status"], why: string) => refused(status, why, host, target.port);
  if (target.port === tlsPort) return refusedHere(403, "only TLS goes to that port");
  if (headers.some(({ lower }) => lower === "upgrade")) return refusedHere(400, "no upgrades over plain HTTP");
  if (headers.some(({ lower }) => lower === "transfer-encoding")) {
    return refusedHere(411, "over plain HTTP a body needs a length");
  }
  const named = namedIn(headers);
  if (named.some((name) => neverNamed.includes(name))) return refusedHere(400, "ambiguous headers");
  const bodyBytes = bodyBytesOf(headers);
  if (typeof bodyBytes === "string") return refusedHere(400, bodyBytes);
  const dropped = new Set([...ours, ...named]);
  const lines = [
    `${method} ${target.path} HTTP/1.1`,
    `Host: ${host}${target.port === httpPort ? "" : `:${target.port}`}`,
    ...headers.filter(({ lower }) => !dropped.has(lower)).map(({ name, value }) => `${name}: ${value}`),
    "Connection: close",
  ];
  return {
    _tag: "Plain",
    host,
    port: target.port,
    head: Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"),
    body: lengthBody(bodyBytes),
  };
};

/** How the host of a request inside a tunnel may be written. */
const isHost = (value: string, host: string, port: number): boolean => {
  const authority = authorityOf(value, port);
  return authority !== undefined && authority.port === port && hostName(authority.name) === host;
};

/** A request inside TLS that ends here, as the origin gets it. */
export interface OriginHead {
  readonly _tag: "Origin";
  readonly head: Uint8Array;
  readonly body: RequestBody;
}

const originBody = (headers: ReadonlyArray<Header>): RequestBody | string => {
  const coded = headers.filter(({ lower }) => lower === "transfer-encoding");
  if (coded.length === 0) {
    const bytes = bodyBytesOf(headers);
    return typeof bytes === "string" ? bytes : lengthBody(bytes);
  }
  const isChunked = coded.length === 1 && coded[0]?.value.toLowerCase() === "chunked";
  const hasLength = headers.some(({ lower }) => lower === "content-length");
  return isChunked && !hasLength ? chunkedBody() : "ambiguous lengths";
};

/**
 * Reads the head of a request inside TLS to a host, and changes the values of its headers.
 *
 * *Details*: its `Host` must be the host of the tunnel, so that nothing is sent to another one behind it.
 */
export const readOriginHead = (
  bytes: Uint8Array,
  host: string,
  port: number,
  substitute: (value: string) => string,
): OriginHead | HeadRefused => {
  const read = requestOf(bytes);
  if (read._tag === "Refused") return { ...read, host, port };
  const { method, written, headers } = read;
  const no = (why: string, status: HeadRefused["status"] = 400) => refused(status, why, host, port);
  if (!written.startsWith("/") && !(method === "OPTIONS" && written === "*")) return no("a request without a path");
  const hosts = headers.filter(({ lower }) => lower === "host");
  if (hosts.length !== 1 || !hosts.every(({ value }) => isHost(value, host, port))) {
    return no("the request is for another host than its tunnel", 403);
  }
  if (headers.some(({ lower }) => lower === "upgrade")) return no("no upgrades to a host that has a secret");
  const named = namedIn(headers);
  if (named.some((name) => neverNamed.includes(name))) return no("ambiguous headers");
  const body = originBody(headers);
  if (typeof body === "string") return no(body);
  const dropped = new Set([...ours, ...named]);
  const lines = [
    `${method} ${written} HTTP/1.1`,
    `Host: ${host}${port === tlsPort ? "" : `:${port}`}`,
    ...headers.filter(({ lower }) => !dropped.has(lower)).map(({ name, value }) => `${name}: ${substitute(value)}`),
    "Connection: close",
  ];
  return { _tag: "Origin", head: Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body };
};

const tunnel = (written: string): Head | HeadRefused => {
  const authority = authorityOf(written, undefined);
  if (authority === undefined) {
    return refused(403, "only a name with a port can be reached", shownOf(written));
  }
  const host = hostName(authority.name);
  return host === undefined
    ? refused(
      403,
      "only names can be reached, no addresses and no local names",
      shownOf(authority.name),
      authority.port,
    )
    : { _tag: "Tunnel", host, port: authority.port };
};

interface Request {
  readonly _tag: "Request";
  readonly method: string;
  readonly written: string;
  readonly headers: ReadonlyArray<Header>;
}

/** The parts of a head, whatever they mean. */
const requestOf = (bytes: Uint8Array): Request | HeadRefused => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1").slice(0, -4);
  const lines = text.split("\r\n");
  // What is left of CR and LF stood alone.
  if (lines.some((line) => /[^\t\x20-\x7e\x80-\xff]/.test(line))) return refused(400, "control characters in the head");
  const [method, written, version, extra] = (lines[0] ?? "").split(" ");
  const isRequest = extra === undefined && method !== undefined && /^[A-Z]{1,16}$/.test(method) &&
    written !== undefined && (version === "HTTP/1.1" || version === "HTTP/1.0");
  if (!isRequest) return refused(400, "this is no HTTP request");
  const headers = headersOf(lines.slice(1));
  return headers === undefined
    ? refused(400, "a header that is none", shownOf(written))
    : { _tag: "Request", method, written, headers };
};

/**
 * Reads the head of a request, its empty line included.
 *
 * *Source*: RFC 9112; lines end with CR LF, none is folded, no control characters.
 */
export const readHead = (bytes: Uint8Array): Head | HeadRefused => {
  const read = requestOf(bytes);
  if (read._tag === "Refused") return read;
  const { method, written, headers } = read;
  return method === "CONNECT" ? tunnel(written) : plain(method, written, headers);
};
