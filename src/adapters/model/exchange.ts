/**
 * One request to a provider and its answer, over HTTP.
 *
 * A vendor's SDK may make the request (URL, headers, body) and explain an error answer; the body of a
 * good one is read here, the same way for every provider. Redirects are refused: a key and a prompt go
 * to the configured place and nowhere else.
 */
import { Buffer } from "node:buffer";
import * as http from "node:http";
import * as https from "node:https";
import { Clock, DateTime, Effect, Option, Schema, Scope } from "effect";
import { BadOutput, ConnectionLost, RequestRefused } from "../../services/Model.ts";
import { CurrentSpan, type Span, traceparentOf, Tracing } from "../../services/Tracing.ts";
import { Arrivals } from "./Arrivals.ts";
import type { Cut } from "./Cut.ts";
import { type Fault, fault, named } from "./fault.ts";

/** An error page is read this far: far enough for any JSON envelope. */
const errorBytesMax = 64 * 1024;

/** An answer with a status that is no success. */
export interface HttpFailure {
  readonly status: number;
  /** The first part of the body. */
  readonly text: string;
  /** What `retry-after-ms` or `retry-after` asked for. */
  readonly retryAfterMs: number | undefined;
}

/** A request as it goes out. */
interface Outgoing {
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

const direct = agentsOver({});

const describe = (thrown: unknown): string =>
  thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
const codeOf = (thrown: unknown): unknown =>
  typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;
const lost = (thrown: unknown): Fault =>
  named(fault(new ConnectionLost(), describe(thrown), thrown), undefined, codeOf(thrown));

const isRedirect = (status: number): boolean => status >= 300 && status < 400;
const isSuccess = (status: number): boolean => status >= 200 && status < 300;

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

/** A connection as it stands for one turn: closing it lets the provider go, whatever it is doing. */
class Connection {
  #sent: http.ClientRequest | undefined;
  #isClosed = false;

  constructor(
    readonly agents: Agents,
    readonly span: Span | undefined,
    readonly headers: Readonly<Record<string, string>>,
  ) {}

  close(): void {
    this.#isClosed = true;
    this.#sent?.destroy();
    this.span?.end("cancelled");
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
    sent.on("response", (incoming) => {
      this.#answered(incoming.statusCode ?? 0);
      resolve(incoming);
    });
    sent.on("error", (error) => {
      // Kept connections may have been closed by the other side, all of them at once; nothing was answered on it.
      if (!isRepeated && sent.reusedSocket && !this.#isClosed) resolve(this.send(outgoing, true));
      else {
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
const boundedText = (incoming: http.IncomingMessage): Promise<string> => {
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

/** Lets the body of an answer flow into a queue. */
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

const redirected = (status: number): Fault =>
  fault(new BadOutput({ why: "the response is a redirect" }), `HTTP ${status}: redirects are not followed`);

const connect = Effect.fnUntraced(function* (agents: Agents) {
  const { span, headers } = yield* spanOf();
  const connection = new Connection(agents, span, headers);
  yield* Scope.addFinalizer(yield* Effect.scope, Effect.sync(() => connection.close()));
  return connection;
});

// Direct -----------------------------------------------------------------------------------------

const decodeSeconds = Schema.decodeUnknownOption(Schema.FiniteFromString);

/** Reads how long to wait; a date counts from now, and a past one asks for nothing. */
const retryAfter = Effect.fnUntraced(function* (headers: http.IncomingHttpHeaders) {
  const exact = Option.getOrUndefined(decodeSeconds(headers["retry-after-ms"]));
  if (exact !== undefined && exact >= 0) return exact;
  const value = headers["retry-after"];
  if (value === undefined) return undefined;
  const seconds = Option.getOrUndefined(decodeSeconds(value));
  if (seconds !== undefined) return seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
  const date = Option.getOrUndefined(DateTime.make(value));
  return date === undefined ? undefined : Math.max(0, DateTime.toEpochMillis(date) - (yield* Clock.currentTimeMillis));
});

const isFault = (thrown: unknown): thrown is Fault =>
  typeof thrown === "object" && thrown !== null && "reason" in thrown && "detail" in thrown;

/** What is answered to a request: what arrives of a good answer, else why it is none. */
const answerTo = async (
  connection: Connection,
  outgoing: Outgoing,
  explain: (failure: HttpFailure) => Fault,
): Promise<Effect.Effect<Arrivals, Fault>> => {
  const incoming = await connection.send(outgoing);
  const status = incoming.statusCode ?? 0;
  if (isSuccess(status)) return Effect.succeed(arrivalsOf(incoming));
  if (isRedirect(status)) return Effect.fail(redirected(status));
  const text = await boundedText(incoming);
  return Effect.flatMap(
    retryAfter(incoming.headers),
    (retryAfterMs) => Effect.fail(explain({ status, text, retryAfterMs })),
  );
};

/**
 * Sends a request and succeeds with what arrives once the headers of a good answer are there; closing
 * the scope lets the provider go.
 *
 * *Fails with* what `explain` makes of a status that is no success, `BadOutput` for a redirect,
 * `ConnectionLost` without a connection, and what it is cut with.
 */
export const exchange = (
  outgoing: Outgoing,
  explain: (failure: HttpFailure) => Fault,
  cut: Cut,
  agents: Agents = direct,
): Effect.Effect<Arrivals, Fault, Scope.Scope> =>
  Effect.flatMap(connect(agents), (connection) =>
    Effect.callback<Arrivals, Fault>((resume) => {
      cut.whenCut((failure) => resume(Effect.fail(failure)));
      answerTo(connection, outgoing, explain).then(
        resume,
        (thrown) => resume(Effect.fail(isFault(thrown) ? thrown : lost(thrown))),
      );
    }));

// Through an SDK ---------------------------------------------------------------------------------

/** How an SDK asks. */
export type Fetch = typeof globalThis.fetch;

const headersOf = (init: RequestInit | undefined): Record<string, string> =>
  Object.fromEntries(init?.headers instanceof Headers ? init.headers : new Headers(init?.headers));

/** What an SDK's call has come to so far. */
interface Call {
  /** Whether the SDK got as far as sending anything. */
  wasSent: boolean;
  failure: Fault | undefined;
  /** Takes a good answer, which is kept from the SDK. */
  readonly answered: (arrivals: Arrivals) => void;
}

/** Lets the event loop do what is ready. */
const loopTurn = (): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
};

const fetchFor = (connection: Connection, call: Call): Fetch => async (input, init) => {
  call.wasSent = true;
  try {
    const body = init?.body;
    if (typeof body !== "string") throw new TypeError("expected the SDK to send a text");
    const url = input instanceof Request ? input.url : String(input);
    const incoming = await connection.send({ url, headers: headersOf(init), body });
    const status = incoming.statusCode ?? 0;
    if (isRedirect(status)) throw redirected(status);
    if (isSuccess(status)) {
      call.answered(arrivalsOf(incoming));
      // What an SDK makes of an answer without a body is nobody's wait: the first words go before it.
      await loopTurn();
      return new Response("", { status });
    }
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headers)) {
      if (typeof value === "string") headers.set(name, value);
    }
    return new Response(await boundedText(incoming), { status, headers });
  } catch (thrown) {
    call.failure = isFault(thrown) ? thrown : lost(thrown);
    throw new Error("the request failed", { cause: thrown });
  }
};

/**
 * Lets an SDK send a request, with a `fetch` of ours, and succeeds with what arrives.
 *
 * *Details*: of a good answer the SDK sees an empty body, after the turn has gone on. What an SDK throws before it
 * sends anything is the request's fault, not the provider's.
 *
 * *Fails with* what `explain` makes of what the SDK throws at an error answer; else as {@link exchange}.
 */
export const sdkExchange = (
  open: (fetch: Fetch) => PromiseLike<unknown>,
  explain: (thrown: unknown) => Fault,
  cut: Cut,
  agents: Agents = direct,
): Effect.Effect<Arrivals, Fault, Scope.Scope> =>
  Effect.flatMap(connect(agents), (connection) =>
    Effect.callback<Arrivals, Fault>((resume) => {
      cut.whenCut((failure) => resume(Effect.fail(failure)));
      const call: Call = {
        wasSent: false,
        failure: undefined,
        answered: (arrivals) => resume(Effect.succeed(arrivals)),
      };
      const asked = async () => await open(fetchFor(connection, call));
      // Whatever the SDK says after a good answer comes second, and is not heard.
      asked().then(
        () => resume(Effect.fail(lost(new Error("the SDK answered without a request")))),
        (thrown) =>
          resume(Effect.fail(
            call.failure ?? (call.wasSent ? explain(thrown) : fault(new RequestRefused(), describe(thrown), thrown)),
          )),
      );
    }));

/** A `fetch` that refuses redirects, for what is asked of a provider beside its turns. */
export const fetchWithoutRedirects: Fetch = (input, init) => fetch(input, { ...init, redirect: "error" });
