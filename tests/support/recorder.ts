/**
 * Servers on free ports that note what they are sent, and a provider among them that calls one tool and answers.
 */
import { Effect } from "effect";

/** A request as it came in. */
export interface Seen {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A server on a free port that notes what it is sent. */
export const recorder = (answer: (seen: Seen, request: Request) => Response | Promise<Response>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const seen: Array<Seen> = [];
      const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
        const { pathname } = new URL(request.url);
        const one = { path: pathname, headers: request.headers, body: await request.text() };
        seen.push(one);
        return answer(one, request);
      });
      return { seen, server, url: `http://127.0.0.1:${server.addr.port}` };
    }),
    ({ server }) => Effect.promise(() => server.shutdown()),
  );

const usage = { prompt_tokens: 20, completion_tokens: 7, total_tokens: 27 };

const frame = (delta: unknown, finish: string | null = null) =>
  `data: ${
    JSON.stringify({ id: "x", model: "fake-1", choices: [{ index: 0, delta, finish_reason: finish }], usage })
  }\n\n`;

/** A provider that calls a tool once and then answers. */
export const provider = ({ path, body }: Pick<Seen, "path" | "body">) => {
  if (path.endsWith("/models")) return Response.json({ object: "list", data: [{ id: "fake-1", object: "model" }] });
  const isAnswered = JSON.parse(body).messages.at(-1).role === "tool";
  const call = { name: "execute_bash", arguments: JSON.stringify({ command: "echo hi" }) };
  const frames = isAnswered
    ? [frame({ content: "done" }), frame({}, "stop")]
    : [frame({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: call }] }), frame({}, "tool_calls")];
  return new Response([...frames, "data: [DONE]\n\n"].join(""), { headers: { "content-type": "text/event-stream" } });
};
