/**
 * What a visitor of a preview is told instead of an answer of the program, in words for people.
 */
import { Buffer } from "node:buffer";
import { Data } from "effect";
import type { PreviewRefusal } from "../../services/Previews.ts";
import type { SandboxError, StreamError } from "../../services/Sandbox.ts";
import { ownHeaders } from "./responseHead.ts";

/** A visit that is answered here; `name` stands in the header `x-caisson-preview`. */
export class VisitEnded extends Data.TaggedError("VisitEnded")<{
  readonly status: keyof typeof statusTexts;
  readonly name: PreviewRefusal;
  readonly why: string;
}> {}

const statusTexts = {
  400: "Bad Request",
  403: "Forbidden",
  408: "Request Timeout",
  413: "Content Too Large",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
} as const;

const ended = (status: keyof typeof statusTexts, name: PreviewRefusal, why: string) =>
  new VisitEnded({ status, name, why });

/** Labels that open nothing. */
export const linkRefusals = {
  Altered: () => ended(403, "altered", "This is no preview link of this server, or it was altered."),
  Expired: () => ended(403, "expired", "This preview link has expired. Ask for a new one."),
  Revoked: () =>
    ended(403, "revoked", "This preview link was taken back, or the server was started anew. Ask for a new one."),
} as const;

/** A request that is none, or for nobody here. */
export const badRequest = (status: 400 | 413 | 421, why: string) => ended(status, "bad_request", `Refused: ${why}.`);
export const headTooLarge = () => ended(431, "bad_request", "The head of the request is too large.");
export const bodyTooLarge = () => ended(413, "bad_request", "The body of the request is too large.");
export const tooSlow = () => ended(408, "too_slow", "The request did not arrive in time.");
export const crowded = () => ended(503, "crowded", "This preview has as many connections as it may. Please try again.");
export const noHttp = (port: number) =>
  ended(502, "no_http", `What listens on port ${port} of the sandbox does not answer in HTTP.`);
export const noAnswer = (port: number) =>
  ended(504, "no_answer", `The program on port ${port} of the sandbox did not answer in time.`);

/** Why a port cannot be reached. */
export const unreachable = (port: number, error: StreamError | SandboxError): VisitEnded => {
  if (error._tag === "SandboxError") return ended(502, "sandbox_lost", "The sandbox was lost. Start the server again.");
  switch (error.reason) {
    case "Refused":
      return ended(502, "no_server", `Nothing listens on port ${port} of the sandbox. Start the server, then reload.`);
    case "NotRunning":
      return ended(502, "not_running", "The sandbox is not running. Start the server again, then reload.");
    case "TooMany":
      return crowded();
    case "Reset":
      return ended(502, "broken", `The program on port ${port} of the sandbox closed the connection.`);
    case "Unsupported":
      return ended(502, "unsupported", "This kind of sandbox has no ports that could be looked at.");
  }
};

/** The whole answer. */
export const answerOf = ({ status, name, why }: VisitEnded): Uint8Array => {
  const body = Buffer.from(`${why}\n`, "utf8");
  const lines = [
    `HTTP/1.1 ${status} ${statusTexts[status]}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${body.length}`,
    `X-Caisson-Preview: ${name}`,
    ...(status === 503 ? ["Retry-After: 1"] : []),
    ...Object.entries(ownHeaders).map(([header, value]) => `${header}: ${value}`),
    "Connection: close",
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]);
};
