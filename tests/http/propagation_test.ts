/**
 * With telemetry off nobody is sent an id of a trace: not the provider, not the tool server.
 */
import assert from "node:assert/strict";
import { Effect, Option } from "effect";
import { agentDoor, mcpDoor } from "../support/doors.ts";
import { it } from "../support/it.ts";
import { provider, recorder } from "../support/recorder.ts";

/** What carries ids of traces between processes. */
const traceHeaders = ["traceparent", "tracestate", "b3", "x-b3-traceid", "baggage"];

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
