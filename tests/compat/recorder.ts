/**
 * Stands between a client and the server and writes down what the server answered.
 */

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

/** Starts a proxy to `target`. */
export const record = (target: string): Recorder => {
  const records: Array<Recorded> = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const body = await request.text();
    const headers = new Headers(request.headers);
    for (const name of ["host", "content-length", "connection", "accept-encoding"]) headers.delete(name);
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
  if (recorded.method !== "POST" || recorded.status !== 200) return undefined;
  if (recorded.path === "/v1/chat/completions") return finishes(recorded);
  return recorded.path === "/v1/responses" ? endsOf(recorded) : undefined;
};

/** Events that end a response; a response that is no stream ends once. */
const endsOf = ({ response }: Recorded): number =>
  response.startsWith("event: ")
    ? [...response.matchAll(/^event: response\.(?:completed|incomplete|failed)$/gm)].length
    : 1;

/** Finish reasons that are not null. */
const finishes = ({ response }: Recorded): number =>
  [...response.matchAll(/"finish_reason":"(?:stop|length|tool_calls|content_filter)"/g)].length;
