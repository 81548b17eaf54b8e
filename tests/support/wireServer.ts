/**
 * A loopback HTTP server that answers by script, piece by piece, and notices when a client leaves.
 *
 * It stands in for a provider's upstream: what it sends is exactly what the test wrote down.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Deferred, Effect, Queue } from "effect";

/** Says nothing more and keeps the connection open until the client leaves. */
export const stall = Symbol("stall");
/** Breaks the connection, as a crash or a proxy would. */
export const cut = Symbol("cut");

/** What is sent next; every text and byte array is a write of its own. */
export type Piece = string | Uint8Array | typeof stall | typeof cut;

export interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: ReadonlyArray<Piece>;
  /** Keeps even the headers back until the client leaves. */
  readonly silent?: boolean;
}

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>;
  readonly body: unknown;
}

export interface WireServer {
  readonly url: string;
  /** Every request so far, oldest first. */
  readonly received: ReadonlyArray<Received>;
  /** Requests whose reply has not ended. */
  readonly openCount: () => number;
  /** Completes when a client has left before its reply ended; once per departure. */
  readonly departure: Effect.Effect<void>;
  /** Completes when a reply has come to a {@link stall}; once per stall. */
  readonly stalled: Effect.Effect<void>;
}

const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const parts: Array<Uint8Array> = [];
  for await (const part of request) parts.push(part);
  const text = Buffer.concat(parts).toString("utf8");
  return text === "" ? undefined : JSON.parse(text);
};

/** Lets the socket send what was written before the next piece is. */
const flushed = (response: ServerResponse, piece: string | Uint8Array) =>
  new Promise<void>((resolve) => response.write(piece, () => setImmediate(resolve)));

const send = async (response: ServerResponse, reply: Reply, onStall: () => void) => {
  if (reply.silent === true) return onStall();
  response.writeHead(reply.status ?? 200, { "content-type": "text/event-stream", ...reply.headers });
  response.flushHeaders();
  for (const piece of reply.body) {
    if (piece === stall) return onStall();
    if (piece === cut) return response.destroy();
    if (response.destroyed) return;
    await flushed(response, piece);
  }
  response.end();
};

/** What a loopback provider does beside answering. */
export interface WireOptions {
  /** It has no list of models: whoever asks for one, as a server does at start, is told so and not counted. */
  readonly turnsOnly?: boolean;
}

/** Serves until the scope closes; `answer` chooses the reply of each request. */
export const serveWire = Effect.fnUntraced(function* (
  answer: (request: Received, index: number) => Reply,
  { turnsOnly = false }: WireOptions = {},
) {
  const received: Array<Received> = [];
  const departures = yield* Queue.unbounded<void>();
  const stalls = yield* Queue.unbounded<void>();
  let open = 0;

  const server = createServer((request, response) => {
    if (turnsOnly && request.method === "GET") {
      response.writeHead(404).end("no list");
      return;
    }
    open += 1;
    response.on("close", () => {
      open -= 1;
      if (!response.writableFinished) Queue.offerUnsafe(departures, undefined);
    });
    // A client that leaves while its request is read is a departure too, seen above.
    readBody(request).then((body) => {
      const seen = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
      received.push(seen);
      return send(response, answer(seen, received.length - 1), () => Queue.offerUnsafe(stalls, undefined));
    }).catch((problem) => response.destroy(problem));
  });

  const listening = yield* Deferred.make<void>();
  yield* Effect.acquireRelease(
    Effect.sync(() => server.listen(0, "127.0.0.1", () => Deferred.doneUnsafe(listening, Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void));
        server.closeAllConnections();
      }),
  );
  yield* Deferred.await(listening);
  const address = server.address();
  if (address === null || typeof address === "string") return yield* Effect.die(new Error("no port"));
  const running: WireServer = {
    url: `http://127.0.0.1:${address.port}`,
    received,
    openCount: () => open,
    departure: Queue.take(departures),
    stalled: Queue.take(stalls),
  };
  return running;
});

/** Server-sent events, one piece each. */
export const sse = (events: ReadonlyArray<unknown>, newline = "\n"): ReadonlyArray<string> =>
  events.map((event) => `data: ${JSON.stringify(event)}${newline}${newline}`);
