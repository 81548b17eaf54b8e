/**
 * Stands between a client and the server and writes down what the server answered.
 */

/** One answered request. */
export interface Recorded {
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
    const { pathname } = new URL(request.url);
    const body = await request.text();
    const headers = new Headers(request.headers);
    for (const name of ["host", "content-length", "connection", "accept-encoding"]) headers.delete(name);
    const answer = await fetch(`${target}${pathname}`, {
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

/** How many times an answer finishes: finish reasons that are not null. */
export const finishes = ({ response }: Recorded): number =>
  [...response.matchAll(/"finish_reason":"(?:stop|length|tool_calls|content_filter)"/g)].length;
