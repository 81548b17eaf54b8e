/**
 * Answers to what never becomes a request, because the parser of HTTP refuses it or it does not arrive in time.
 *
 * Node would answer with a bare status; clients of an API look for its error in every answer.
 */
import { maxHeaderSize, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { makeId } from "../domain/ids.ts";
import {
  ExpectationRefused,
  HeadersTooLarge,
  type ParserError,
  RequestMalformed,
  RequestTimedOut,
} from "./ParserError.ts";

/** An answer as a door tells an error. */
export interface ParserAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/**
 * Time after which a refused connection is cut, in milliseconds: until then its client reads the answer, which a cut
 * under what it still sends could take away from it.
 */
const lingerMs = 1_000;

/** What Node's names of errors mean; every other one is of something malformed. */
const errorOf = (code: unknown): ParserError => {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new HeadersTooLarge({ bytesMax: maxHeaderSize });
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new RequestTimedOut();
    default:
      return new RequestMalformed();
  }
};

/** The headers of an answer after which nothing more is read; who sent the request is not known, so its id is new. */
const headersOf = ({ headers }: ParserAnswer, body: string): Readonly<Record<string, string>> => ({
  ...headers,
  "connection": "close",
  "content-type": "application/json",
  "content-length": String(new TextEncoder().encode(body).length),
  "x-request-id": makeId("req"),
});

const written = (answer: ParserAnswer): string => {
  const body = JSON.stringify(answer.body);
  const lines = Object.entries(headersOf(answer, body)).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}\r\n${lines.join("")}\r\n${body}`;
};

/** The newest response of a connection, and whether one was begun before the one before it had ended. */
interface Responding {
  readonly newest: ServerResponse;
  readonly overlapped: boolean;
}

/**
 * Answers what a server's parser refuses, as a door tells errors, and closes the connection.
 *
 * *Details*: nothing is written where a response has begun, or where several may be on their way: such a connection is
 * cut. One that is answered is cut after a second at the latest, whatever its client does. The cost does not depend on
 * what was sent, which is looked at no more.
 */
export const answerParser = (server: Server, tell: (error: ParserError) => ParserAnswer): void => {
  const responding = new WeakMap<Duplex, Responding>();
  const refused = new WeakSet<Duplex>();

  server.on("request", ({ socket }, newest) => {
    const before = responding.get(socket);
    const overlapped = before !== undefined && (before.overlapped || !before.newest.writableEnded);
    responding.set(socket, { newest, overlapped });
  });

  server.on("checkExpectation", (_request, response) => {
    const answer = tell(new ExpectationRefused());
    const body = JSON.stringify(answer.body);
    response.writeHead(answer.status, headersOf(answer, body)).end(body);
  });

  server.on("clientError", (error: Error & { readonly code?: unknown }, socket) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    const now = responding.get(socket);
    const hasBegun = now !== undefined && (now.overlapped || (now.newest.headersSent && !now.newest.writableEnded));
    if (!socket.writable || hasBegun) {
      socket.destroy();
      return;
    }
    // What still comes is read and thrown away: given to the parser, each piece of it would be an error again.
    socket.removeAllListeners("data").on("data", () => {});
    const cut = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => clearTimeout(cut));
    socket.end(written(tell(errorOf(error.code))));
  });
};
