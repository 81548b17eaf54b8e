/**
 * With telemetry off nobody is sent an id of a trace: not the provider, not the tool server.
 */
import assert from "node:assert/strict";
import { Effect, Option } from "effect";
import { agentDoor, mcpDoor } from "../support/doors.ts";
import { it } from "../support/it.ts";

/** What carries ids of traces between processes. */
const traceHeaders = ["traceparent", "tracestate", "b3", "x-b3-traceid", "baggage"];

interface Seen {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A server on a free port that notes what it is sent. */
const recorder = (answer: (seen: Seen, request: Request) => Response | Promise<Response>) =>
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

const frame = (delta: unknown, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "x", model: "fake-1", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** A provider that calls a tool once and then answers. */
const provider = ({ path, body }: Seen) => {
  if (path.endsWith("/models")) return Response.json({ object: "list", data: [{ id: "fake-1", object: "model" }] });
  const isAnswered = JSON.parse(body).messages.at(-1).role === "tool";
  const call = { name: "execute_bash", arguments: JSON.stringify({ command: "echo hi" }) };
  const frames = isAnswered
    ? [frame({ content: "done" }), frame({}, "stop")]
    : [frame({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: call }] }), frame({}, "tool_calls")];
  return new Response([...frames, "data: [DONE]\n\n"].join(""), { headers: { "content-type": "text/event-stream" } });
};

it.live("no id of a trace leaves the process, neither ours nor the caller's", () =>
  Effect.gen(function* () {
    const tools = yield* mcpDoor({});
    const toolServer = yield* recorder(async ({ path, body, headers }, { method }) => {
      const sent = new Headers(headers);
      sent.delete("host");
      return await fetch(`${tools}${path}`, { method, headers: sent, ...(body !== "" && { body }) });
    });
    const upstream = yield* recorder(provider);
    const base = yield* agentDoor({
      openaiBaseUrl: Option.some(`${upstream.url}/v1`),
      mcpServerUrl: Option.some(`${toolServer.url}/mcp`),
    });
    const response = yield* Effect.promise(() =>
      fetch(`${base}/v1/chat/completions`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
          tracestate: "vendor=1",
          baggage: "user=ada",
        },
        body: JSON.stringify({ model: "fake-1", user: "ada", messages: [{ role: "user", content: "hi" }] }),
      })
    );
    assert.match(yield* Effect.promise(() => response.text()), /done/);
    assert.ok(upstream.seen.length >= 3, "the list and two turns");
    assert.ok(toolServer.seen.some(({ path }) => path.startsWith("/sandbox")), "the sandbox of the tool server");
    assert.ok(toolServer.seen.some(({ body }) => body.includes("execute_bash")), "the tool of the tool server");
    for (const { path, headers, body } of [...upstream.seen, ...toolServer.seen]) {
      for (const name of traceHeaders) assert.equal(headers.get(name), null, `${path}: ${name}`);
      assert.ok(!body.includes("traceparent"), path);
    }
  }));
