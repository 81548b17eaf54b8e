/**
 * What a program asks the proxy for: one request, read strictly, and the same request as the origin gets it.
 *
 * What two readers could understand differently is refused instead of mended.
 */
import { Buffer } from "node:buffer";
import { hostName, httpPort, portOf, tlsPort } from "../../domain/EgressRule.ts";
import { type HttpBody, lengthBody } from "../../domain/httpBody.ts";
import {
  connectionNames,
  declaredBytes,
  type Header,
  readRequestHead,
  requestBody,
  type RequestHead,
} from "../../domain/httpHead.ts";

/** Longest head of a request, in bytes. */
export const headBytesMax = 16 * 1024;
/** Characters of a host that the log and the model are shown, where it is none. */
const shownMax = 80;

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
    readonly body: HttpBody;
  };

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
  const named = connectionNames(headers);
  if (named === undefined) return refusedHere(400, "ambiguous headers");
  const bodyBytes = declaredBytes(headers);
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
  readonly body: HttpBody;
}

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
  if ("why" in read) return { ...read, host, port };
  const { method, written, headers } = read;
  const no = (why: string, status: HeadRefused["status"] = 400) => refused(status, why, host, port);
  if (!written.startsWith("/") && !(method === "OPTIONS" && written === "*")) return no("a request without a path");
  const hosts = headers.filter(({ lower }) => lower === "host");
  if (hosts.length !== 1 || !hosts.every(({ value }) => isHost(value, host, port))) {
    return no("the request is for another host than its tunnel", 403);
  }
  if (headers.some(({ lower }) => lower === "upgrade")) return no("no upgrades to a host that has a secret");
  const named = connectionNames(headers);
  if (named === undefined) return no("ambiguous headers");
  const body = requestBody(headers);
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

/** The parts of a head, whatever they mean. */
const requestOf = (bytes: Uint8Array): RequestHead | HeadRefused => {
  const read = readRequestHead(bytes);
  if ("method" in read) return read;
  return refused(400, read.why, read.written === undefined ? undefined : shownOf(read.written));
};

/**
 * Reads the head of a request, its empty line included.
 *
 * *Source*: RFC 9112; lines end with CR LF, none is folded, no control characters.
 */
export const readHead = (bytes: Uint8Array): Head | HeadRefused => {
  const read = requestOf(bytes);
  if ("why" in read) return read;
  const { method, written, headers } = read;
  return method === "CONNECT" ? tunnel(written) : plain(method, written, headers);
};
