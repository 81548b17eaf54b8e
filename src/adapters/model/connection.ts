/**
 * A connection to a provider for one turn, and what comes back over it.
 *
 * Redirects are refused: a key and a prompt go to the configured place and nowhere else.
 */
import { Buffer } from "node:buffer";
import * as http from "node:http";
import * as https from "node:https";
import { clearTimeout, setTimeout } from "node:timers";
import { Effect, Scope } from "effect";
import { BadOutput, ConnectionLost } from "../../services/Model.ts";
import { CurrentSpan, type Span, traceparentOf, Tracing } from "../../services/Tracing.ts";
import { Arrivals } from "./Arrivals.ts";
import { type Fault, fault, named } from "./fault.ts";

/** An error page is read this far: far enough for any JSON envelope. */
const errorBytesMax = 64 * 1024;
/** An answer that has said its last word has so long to end, in milliseconds: a few round trips. */
const endMsMax = 1000;
/** What may stand behind the last word, in characters: a line's end or a comment. */
const endCharactersMax = 1024;

/** A request as it goes out. */
export interface Outgoing {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Where connections to providers are kept for the next turn; a provider closes those that it no longer wants. */
export interface Agents {
  readonly http: http.Agent;
  readonly https: https.Agent;
  /** For a request that must not go over a kept connection. */
  readonly fresh: { readonly http: http.Agent; readonly https: https.Agent };
}

/** The proxies of a deployment, as its environment names them. */
export interface Proxies {
  readonly HTTP_PROXY?: string;
  readonly HTTPS_PROXY?: string;
  readonly NO_PROXY?: string;
}

/** Makes agents that reach providers directly, or through proxies where there are some. */
export const agentsOver = (proxies: Proxies): Agents => {
  const both = (keepAlive: boolean) => {
    const options = { keepAlive, proxyEnv: { ...proxies } };
    return { http: new http.Agent(options), https: new https.Agent(options) };
  };
  return { ...both(true), fresh: both(false) };
};

/** Connections to providers without a proxy, which all that name no others share. */
export const direct = agentsOver({});

/** What was thrown, in words. */
export const describe = (thrown: unknown): string =>
  thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
const codeOf = (thrown: unknown): unknown =>
  typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;
/** What was thrown in the middle of a request, as the fault of its connection. */
export const lost = (thrown: unknown): Fault =>
  named(fault(new ConnectionLost(), describe(thrown), thrown), undefined, codeOf(thrown));

/** Whether a status sends elsewhere. */
export const isRedirect = (status: number): boolean => status >= 300 && status < 400;
/** Whether a status is that of a good answer. */
export const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/**
 * The span of a request, of which the provider is told only where the settings say so.
 *
 * *Details*: it ends with the headers of the answer; its parent, the turn, lasts to the last byte.
 */
const spanOf = Effect.fnUntraced(function* () {
  const tracing = yield* Tracing;
  if (tracing === undefined) return { headers: {}, span: undefined };
  const span = tracing.begin("POST", {
    kind: "client",
    parent: yield* CurrentSpan,
    attributes: { "http.request.method": "POST" },
  });
  return { headers: tracing.tellsProviders ? { traceparent: traceparentOf(span) } : {}, span };
});

/**
 * Lets an answer that has said its last word come to its end, so that its connection is kept for the next turn.
 *
 * *Details*: nobody waits for it; without an end in {@link endMsMax}, or with more than {@link endCharactersMax} behind
 * the last word, the connection is closed.
 */
const letEnd = (sent: http.ClientRequest, incoming: http.IncomingMessage): void => {
  const tooLate = setTimeout(() => sent.destroy(), endMsMax).unref();
  let left = endCharactersMax;
  incoming.on("data", (text: string) => {
    left -= text.length;
    if (left < 0) sent.destroy();
  });
  incoming.once("close", () => clearTimeout(tooLate));
  incoming.resume();
};

/** A connection as it stands for one turn: closing it lets the provider go, whatever it is doing. */
export class Connection {
  #sent: http.ClientRequest | undefined;
  #isClosed = false;
  #answer: { readonly incoming: http.IncomingMessage; readonly arrivals: Arrivals } | undefined;

  constructor(
    readonly agents: Agents,
    readonly span: Span | undefined,
    readonly headers: Readonly<Record<string, string>>,
  ) {}

  close(): void {
    this.#isClosed = true;
    this.span?.end("cancelled");
    const sent = this.#sent;
    const answer = this.#answer;
    if (sent === undefined) return;
    if (answer?.arrivals.saidDone === true && !answer.arrivals.hasEnded) letEnd(sent, answer.incoming);
    else sent.destroy();
  }

  /** Lets the body of a good answer flow into a queue. */
  read(incoming: http.IncomingMessage): Arrivals {
    const arrivals = arrivalsOf(incoming);
    this.#answer = { incoming, arrivals };
    return arrivals;
  }

  /** Sends a request and gives the answer once its headers are there; rejects with a {@link Fault}. */
  send(outgoing: Outgoing, isRepeated = false): Promise<http.IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const url = new URL(outgoing.url);
    const isSecure = url.protocol === "https:";
    const agents = isRepeated ? this.agents.fresh : this.agents;
    const sent = (isSecure ? https : http).request(url, {
      method: "POST",
      agent: isSecure ? agents.https : agents.http,
      headers: {
        ...outgoing.headers,
        ...this.headers,
        "accept-encoding": "identity",
        "content-length": String(Buffer.byteLength(outgoing.body)),
      },
    });
    this.#sent = sent;
    // Node's objects of an exchange live until the next whole collection, and what their listeners hold with them: the
    // body, which is a whole conversation, only as long as it may have to be sent again.
    let unanswered: Outgoing | undefined = outgoing;
    sent.on("response", (incoming) => {
      unanswered = undefined;
      this.#answered(incoming.statusCode ?? 0);
      resolve(incoming);
    });
    sent.on("error", (error) => {
      // Kept connections may have been closed by the other side, all of them at once; nothing was answered on it.
      if (unanswered !== undefined && !isRepeated && sent.reusedSocket && !this.#isClosed) {
        resolve(this.send(unanswered, true));
      } else {
        this.span?.end("ConnectionLost");
        reject(lost(error));
      }
    });
    sent.end(outgoing.body);
    return promise;
  }

  #answered(status: number): void {
    this.span?.set("http.response.status_code", status);
    this.span?.end(status >= 400 ? String(status) : undefined);
  }
}

/** Reads the first part of an answer that is no success. */
export const boundedText = (incoming: http.IncomingMessage): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  incoming.setEncoding("utf8");
  incoming.on("data", (piece: string) => {
    text += piece;
    if (text.length < errorBytesMax) return;
    text = text.slice(0, errorBytesMax);
    incoming.destroy();
    resolve(text);
  });
  incoming.on("end", () => resolve(text));
  incoming.on("error", () => resolve(text));
  incoming.on("close", () => resolve(text));
  return promise;
};

/** What arrives of an answer. */
const arrivalsOf = (incoming: http.IncomingMessage): Arrivals => {
  const arrivals = new Arrivals({ pause: () => incoming.pause(), resume: () => incoming.resume() });
  incoming.setEncoding("utf8");
  incoming.on("data", (text: string) => arrivals.feed(text));
  incoming.on("end", () => arrivals.end());
  incoming.on("error", (error) => arrivals.fail(lost(error)));
  incoming.on("close", () => {
    if (!arrivals.hasEnded) arrivals.fail(fault(new ConnectionLost(), "the connection was closed"));
  });
  return arrivals;
};

/** The fault of an answer that sends elsewhere. */
export const redirected = (status: number): Fault =>
  fault(new BadOutput({ why: "the response is a redirect" }), `HTTP ${status}: redirects are not followed`);

/** A connection for one turn, closed with its scope. */
export const connect = Effect.fnUntraced(function* (agents: Agents) {
  const { span, headers } = yield* spanOf();
  const connection = new Connection(agents, span, headers);
  yield* Scope.addFinalizer(yield* Effect.scope, Effect.sync(() => connection.close()));
  return connection;
});

/** Whether what was thrown is a fault as it stands. */
export const isFault = (thrown: unknown): thrown is Fault =>
  typeof thrown === "object" && thrown !== null && "reason" in thrown && "detail" in thrown;
