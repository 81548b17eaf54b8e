/**
 * Stands between a client and the server and writes down what the server answered.
 */

import { WebSocket as Client } from "@effect/platform-node/NodeWS";

/** One answered request. */
export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly userAgent: string;
  readonly request: string;
  readonly status: number;
  readonly response: string;
}

/** A recording proxy on a free port. */
export interface Recorder {
  readonly url: string;
  /** What was recorded so far; answers that a client cut short are not in it. */
  readonly records: Array<Recorded>;
  readonly close: () => Promise<void>;
}

/** Headers that are of one line and not of what is sent on it. */
const ofTheLine = ["host", "content-length", "connection", "accept-encoding", "upgrade"];

const passedOn = (request: Request): Headers => {
  const headers = new Headers(request.headers);
  for (const name of [...headers.keys()]) {
    if (ofTheLine.includes(name) || name.startsWith("sec-websocket")) headers.delete(name);
  }
  return headers;
};

/** Passes frames on both ways, and writes them down: what was asked, and what was answered. */
const bridge = async (target: string, request: Request, records: Array<Recorded>): Promise<Response> => {
  const { pathname, search } = new URL(request.url);
  const upstream = new Client(`${target.replace("http", "ws")}${pathname}${search}`, {
    headers: Object.fromEntries(passedOn(request)),
  });
  const refused = await new Promise<number | undefined>((resolve) => {
    upstream.once("open", () => resolve(undefined));
    upstream.once("unexpected-response", (_sent, response) => resolve(response.statusCode ?? 502));
  });
  if (refused !== undefined) return new Response(null, { status: refused });
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  const [asked, answered]: [Array<string>, Array<string>] = [[], []];
  const early: Array<string> = [];
  socket.onopen = () => early.splice(0).forEach((frame) => socket.send(frame));
  socket.onmessage = ({ data }) => {
    asked.push(String(data));
    upstream.send(String(data));
  };
  upstream.on("message", (data) => {
    answered.push(String(data));
    if (socket.readyState === WebSocket.OPEN) socket.send(String(data));
    else early.push(String(data));
  });
  upstream.once("close", () => {
    records.push({
      method: "GET",
      path: pathname,
      userAgent: request.headers.get("user-agent") ?? "",
      request: asked.join("\n"),
      status: 101,
      response: answered.join("\n"),
    });
    if (socket.readyState === WebSocket.OPEN) socket.close();
  });
  socket.onclose = () => upstream.close();
  return response;
};

/** Starts a proxy to `target`. */
export const record = (target: string): Recorder => {
  const records: Array<Recorded> = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") return await bridge(target, request, records);
    const { pathname, search } = new URL(request.url);
    const body = await request.text();
    const headers = passedOn(request);
    const answer = await fetch(`${target}${pathname}${search}`, {
      method: request.method,
      headers,
      ...(body === "" ? {} : { body }),
    });
    let text = "";
    const decoder = new TextDecoder();
    const tee = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        text += decoder.decode(chunk, { stream: true });
        controller.enqueue(chunk);
      },
      flush: () => {
        records.push({
          method: request.method,
          path: pathname,
          userAgent: request.headers.get("user-agent") ?? "",
          request: body,
          status: answer.status,
          response: text,
        });
      },
    });
    return new Response(answer.body?.pipeThrough(tee) ?? null, { status: answer.status, headers: answer.headers });
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, records, close: () => server.shutdown() };
};

/** How many times an answer finishes, each in its dialect; undefined for what is no answer of a run. */
export const finishesOf = (recorded: Recorded): number | undefined => {
  if (recorded.status === 101) return endsPerRequest(recorded);
  if (recorded.method !== "POST" || recorded.status !== 200) return undefined;
  if (recorded.path === "/v1/chat/completions") return finishes(recorded);
  return recorded.path === "/v1/responses" ? endsOf(recorded) : undefined;
};

/** Events that end a response; a response that is no stream ends once. */
const endsOf = ({ response }: Recorded): number =>
  response.startsWith("event: ")
    ? [...response.matchAll(/^event: response\.(?:completed|incomplete|failed)$/gm)].length
    : 1;

/** Frames that end a response, for each that asked for one; those of a client that hung up are not judged. */
const endsPerRequest = ({ request, response }: Recorded): number | undefined => {
  const asked = [...request.matchAll(/^\{.*"type":\s*"response\.create"/gm)].length;
  const ends = [...response.matchAll(/^\{"type":"(?:response\.(?:completed|incomplete|failed)|error)"/gm)].length;
  return asked === 0 ? undefined : ends / asked;
};

/** Finish reasons that are not null. */
const finishes = ({ response }: Recorded): number =>
  [...response.matchAll(/"finish_reason":"(?:stop|length|tool_calls|content_filter)"/g)].length;
