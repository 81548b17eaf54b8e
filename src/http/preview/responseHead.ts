/**
 * What a program in a sandbox answers, and the same answer as the visitor of its preview gets it.
 */
import { Buffer } from "node:buffer";
import { chunkedBody, type HttpBody, lengthBody } from "../../domain/httpBody.ts";
import { connectionNames, declaredBytes, type Header, headersOf } from "../../domain/httpHead.ts";

/** What was asked, as far as the answer's form depends on it. */
export interface Asked {
  readonly method: string;
  readonly isUpgrade: boolean;
  readonly port: number;
  /** The origin of the preview, without a slash at its end. */
  readonly origin: string;
}

/** A head that was read. */
export type AnswerHead =
  /** Another one follows. */
  | { readonly _tag: "Interim" }
  /** From now on bytes go both ways as they are. */
  | { readonly _tag: "Switched"; readonly head: Uint8Array }
  /** A body follows: of a framing, or until the end where there is none. */
  | { readonly _tag: "Final"; readonly head: Uint8Array; readonly body: HttpBody | undefined };

/** Headers between a program and this server, or that are written anew. */
const between: ReadonlyArray<string> = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "te",
  "upgrade",
  "content-length",
  "transfer-encoding",
];
/** What would reach beyond the preview, or outlive it. */
const withheld: ReadonlyArray<string> = [
  "alt-svc",
  "clear-site-data",
  "public-key-pins",
  "service-worker-allowed",
  "strict-transport-security",
];
/** Written by us in every answer: a preview is looked at, not kept, and its link is a secret. */
export const ownHeaders: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

const own: ReadonlyArray<string> = [...Object.keys(ownHeaders).map((name) => name.toLowerCase()), "expires", "pragma"];

/** Where the head ends, after its empty line, also where lines end with LF alone; undefined while it has none. */
export const answerHeadEnd = (bytes: Uint8Array): number | undefined => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const ends = [["\r\n\r\n", 4], ["\n\n", 2], ["\n\r\n", 3]] as const;
  const found = ends.map(([mark, length]) => ({ at: buffer.indexOf(mark), length })).filter(({ at }) => at >= 0);
  const first = found.toSorted((one, other) => one.at - other.at)[0];
  return first === undefined ? undefined : first.at + first.length;
};

/** A cookie that stays with its host: one for all hosts below a suffix would be other users' too. */
const ownCookie = (value: string): string =>
  value.split(";").filter((part, at) => at === 0 || !/^\s{0,100}domain\s{0,100}(=|$)/i.test(part)).join(";");

/** A location on the program's own machine is one of the preview. */
const locationOf = (value: string, { port, origin }: Asked): string => {
  const bases = [`http://localhost:${port}`, `http://127.0.0.1:${port}`];
  const base = bases.find((each) => value === each || value.startsWith(`${each}/`) || value.startsWith(`${each}?`));
  return base === undefined ? value : origin + value.slice(base.length);
};

const passedOn = ({ name, lower, value }: Header, asked: Asked): string => {
  if (lower === "set-cookie") return `${name}: ${ownCookie(value)}`;
  return `${name}: ${lower === "location" ? locationOf(value, asked) : value}`;
};

interface Framing {
  readonly body: HttpBody | undefined;
  readonly lines: ReadonlyArray<string>;
}

/** How the body ends; undefined when two readers could differ about it. */
const framingOf = (status: number, method: string, headers: ReadonlyArray<Header>): Framing | undefined => {
  const coded = headers.filter(({ lower }) => lower === "transfer-encoding");
  const lengths = headers.filter(({ lower }) => lower === "content-length");
  const bytes = declaredBytes(headers);
  if (typeof bytes === "string" || (coded.length > 0 && lengths.length > 0) || coded.length > 1) return undefined;
  const length = lengths.length === 0 ? [] : [`Content-Length: ${bytes}`];
  if (status === 204 || status === 304) return { body: lengthBody(0), lines: [] };
  if (method === "HEAD") return { body: lengthBody(0), lines: length };
  if (coded.length === 0) return { body: lengths.length === 0 ? undefined : lengthBody(bytes), lines: length };
  if (coded[0]?.value.toLowerCase() !== "chunked") return undefined;
  return { body: chunkedBody(), lines: ["Transfer-Encoding: chunked"] };
};

/**
 * Reads the head of an answer, its empty line included; undefined when it is no HTTP.
 *
 * *Details*: what reaches beyond the preview is left out (`Clear-Site-Data`, HSTS, `Service-Worker-Allowed`,
 * `Alt-Svc`, the domain of cookies), nothing is to be stored, and the link is told to nobody as a referrer.
 *
 * *Source*: RFC 9112 section 6.
 */
export const readAnswer = (bytes: Uint8Array, asked: Asked): AnswerHead | undefined => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const lines = text.split("\n").map((line) => line.endsWith("\r") ? line.slice(0, -1) : line).slice(0, -2);
  if (lines.some((line) => /[^\t\x20-\x7e\x80-\xff]/.test(line))) return undefined;
  const [, code, reason = ""] = /^HTTP\/1\.[01] ([1-5]\d\d)(?: (.{0,500}))?$/.exec(lines[0] ?? "") ?? [];
  const headers = headersOf(lines.slice(1));
  if (code === undefined || headers === undefined) return undefined;
  const status = Number(code);
  const named = connectionNames(headers);
  if (named === undefined) return undefined;
  const dropped = new Set([...between, ...withheld, ...own, ...named]);
  const kept = headers.filter(({ lower }) => !dropped.has(lower)).map((header) => passedOn(header, asked));
  const head = (more: ReadonlyArray<string>) =>
    Buffer.from(`${[`HTTP/1.1 ${code} ${reason}`, ...kept, ...more].join("\r\n")}\r\n\r\n`, "latin1");
  if (status === 101) {
    return asked.isUpgrade
      ? { _tag: "Switched", head: head(["Upgrade: websocket", "Connection: Upgrade"]) }
      : undefined;
  }
  if (status < 200) return { _tag: "Interim" };
  const framing = framingOf(status, asked.method, headers);
  if (framing === undefined) return undefined;
  const ours = Object.entries(ownHeaders).map(([name, value]) => `${name}: ${value}`);
  return { _tag: "Final", head: head([...framing.lines, ...ours, "Connection: close"]), body: framing.body };
};
