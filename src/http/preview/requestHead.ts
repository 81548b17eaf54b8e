/**
 * What a visitor of a preview asks for, and the same request as the program in the sandbox gets it.
 */
import { Buffer } from "node:buffer";
import type { HttpBody } from "../../domain/httpBody.ts";
import { connectionNames, declaredBytes, type Header, readRequestHead, requestBody } from "../../domain/httpHead.ts";
import { cookieName } from "../frame/SignIns.ts";

/** A request that goes no further, with the status that says so. */
export interface VisitRefused {
  readonly _tag: "Refused";
  readonly status: 400 | 413 | 421;
  readonly why: string;
}

/** A request to a preview. */
export interface VisitRequest {
  readonly _tag: "Request";
  readonly method: string;
  /** The label of its host, in lower case. */
  readonly label: string;
  /** Its host as it was written, with a port where one was. */
  readonly host: string;
  /** It wants to speak WebSocket. */
  readonly isUpgrade: boolean;
  /** The visitor waits for a word before it sends the body. */
  readonly awaitsContinue: boolean;
  readonly body: HttpBody;
  /** The head that the program gets at a port. */
  readonly headFor: (port: number) => Uint8Array;
}

/** Headers between a visitor and this server, or that are written anew. */
const between: ReadonlyArray<string> = [
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "te",
  "trailer",
  "upgrade",
  "expect",
];
/** Credentials of this server and of proxies before it, and where the visitor comes from: not for code of a user. */
const kept: ReadonlyArray<string> = [
  "authorization",
  "x-openwebui-user-jwt",
  "x-user-id",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
];

const refused = (status: VisitRefused["status"], why: string): VisitRefused => ({ _tag: "Refused", status, why });

/** A cookie header without the cookie of a sign-in; undefined when nothing is left. */
const cookiesOf = (value: string): string | undefined => {
  const left = value.split(";").map((part) => part.trim())
    .filter((part) => part !== "" && !part.startsWith(`${cookieName}=`));
  return left.length === 0 ? undefined : left.join("; ");
};

/** The label of a host below a suffix; undefined for another host. */
const labelOf = (host: string, suffix: string): string | undefined => {
  const name = host.toLowerCase().replace(/:\d{0,5}$/, "").replace(/\.$/, "");
  if (!name.endsWith(`.${suffix}`)) return undefined;
  const label = name.slice(0, -suffix.length - 1);
  return label === "" || label.includes(".") ? undefined : label;
};

/** A header as the program gets it, undefined when it does not. */
const passedOn = ({ name, lower, value }: Header, host: string, port: number): string | undefined => {
  if (lower === "cookie") {
    const cookies = cookiesOf(value);
    return cookies === undefined ? undefined : `${name}: ${cookies}`;
  }
  // Servers compare it with their host; to the program both are those of a server on its own machine.
  const isOwn = lower === "origin" && value.toLowerCase().replace(/^https?:\/\//, "") === host.toLowerCase();
  return `${name}: ${isOwn ? `http://localhost:${port}` : value}`;
};

/**
 * Reads the head of a request to a preview below a suffix, its empty line included.
 *
 * *Details*: the program is asked by its own address, `localhost` and the port, and never sees a credential of this
 * server: `Authorization` and the cookie of a sign-in stay here.
 */
export const readVisit = (bytes: Uint8Array, suffix: string, bodyBytesMax: number): VisitRequest | VisitRefused => {
  const read = readRequestHead(bytes);
  if ("why" in read) return refused(400, read.why);
  const { method, written, version, headers } = read;
  if (!written.startsWith("/") && !(method === "OPTIONS" && written === "*")) {
    return refused(400, "a request without a path");
  }
  const hosts = headers.filter(({ lower }) => lower === "host");
  const host = hosts[0]?.value;
  if (host === undefined || hosts.length > 1) return refused(400, "a request for no host, or for several");
  const label = labelOf(host, suffix);
  if (label === undefined) return refused(421, "there is no preview at this host");
  const named = connectionNames(headers);
  const body = requestBody(headers);
  const isChunked = headers.some(({ lower }) => lower === "transfer-encoding");
  if (named === undefined || typeof body === "string" || (isChunked && version === "HTTP/1.0")) {
    return refused(400, "ambiguous headers");
  }
  const declared = declaredBytes(headers);
  if (typeof declared === "number" && declared > bodyBytesMax) {
    return refused(413, `a body of more than ${bodyBytesMax} bytes`);
  }
  const isUpgrade = method === "GET" && version === "HTTP/1.1" && body.isOver() && named.includes("upgrade") &&
    headers.some(({ lower, value }) => lower === "upgrade" && value.toLowerCase() === "websocket");
  const dropped = new Set([...between, ...kept, ...named]);
  return {
    _tag: "Request",
    method,
    label,
    host,
    isUpgrade,
    awaitsContinue: version === "HTTP/1.1" && !body.isOver() &&
      headers.some(({ lower, value }) => lower === "expect" && value.toLowerCase() === "100-continue"),
    body,
    headFor: (port) => {
      const lines = [
        `${method} ${written} ${version}`,
        `Host: localhost:${port}`,
        ...headers.filter(({ lower }) => !dropped.has(lower)).map((header) => passedOn(header, host, port))
          .filter((line) => line !== undefined),
        ...(isUpgrade ? ["Upgrade: websocket", "Connection: Upgrade"] : ["Connection: close"]),
      ];
      return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
    },
  };
};
