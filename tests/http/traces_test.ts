/**
 * Traces of the two-service deployment, received by a collector: one tree, the right kinds, and no content.
 */
import assert from "node:assert/strict";
import { Effect, Option, Schema } from "effect";
import type { SettingsService } from "../../src/config.ts";
import { agentDoor, mcpDoor } from "../support/doors.ts";
import { it } from "../support/it.ts";
import { provider, recorder, type Seen } from "../support/recorder.ts";

const Value = Schema.Struct({
  stringValue: Schema.optionalKey(Schema.String),
  intValue: Schema.optionalKey(Schema.Union([Schema.String, Schema.Number])),
  boolValue: Schema.optionalKey(Schema.Boolean),
});
const Span = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  kind: Schema.Int,
  attributes: Schema.Array(Schema.Struct({ key: Schema.String, value: Value })),
  links: Schema.Array(Schema.Struct({ traceId: Schema.String })),
  status: Schema.Struct({ code: Schema.Int }),
});
type Span = typeof Span.Type;
const decodeTraces = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({
  resourceSpans: Schema.Array(Schema.Struct({
    resource: Schema.Struct({ attributes: Schema.Array(Schema.Struct({ key: Schema.String, value: Value })) }),
    scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) })),
  })),
})));

const spansIn = (seen: ReadonlyArray<Seen>): ReadonlyArray<Span> =>
  seen.filter(({ path }) => path === "/v1/traces").flatMap(({ body }) =>
    decodeTraces(body).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
  );

const valueOf = ({ attributes }: Span, name: string) => {
  const value = attributes.find(({ key }) => key === name)?.value;
  return value?.stringValue ?? value?.intValue ?? value?.boolValue;
};

/** The tree as lines, each under its parent. */
const treeOf = (spans: ReadonlyArray<Span>): ReadonlyArray<string> => {
  const below = (parent: string | undefined, depth: number): ReadonlyArray<string> =>
    spans.filter(({ parentSpanId = "" }) => parentSpanId === (parent ?? ""))
      .flatMap(({ spanId, name }) => [`${"  ".repeat(depth)}${name}`, ...below(spanId, depth + 1)]);
  return below(undefined, 0);
};

/** Both services, their provider and their collector; closing the returned scope flushes what is collected. */
const run = Effect.fnUntraced(function* (
  changes: Partial<SettingsService>,
  headers: Record<string, string> = {},
  answer: (seen: Seen) => Response = provider,
) {
  const collector = yield* recorder(() => Response.json({}));
  const upstream = yield* recorder(answer);
  const text = yield* Effect.scoped(Effect.gen(function* () {
    const telemetry = {
      otlpEndpoint: Option.some(collector.url),
      otlpProtocol: "http/json" as const,
      otelMetricsExporter: "none" as const,
      otelLogsExporter: "none" as const,
      ...changes,
    };
    const tools = yield* mcpDoor(telemetry);
    const base = yield* agentDoor({
      ...telemetry,
      openaiBaseUrl: Option.some(`${upstream.url}/v1`),
      mcpServerUrl: Option.some(`${tools}/mcp`),
    });
    const response = yield* Effect.promise(() =>
      fetch(`${base}/v1/chat/completions?secret-query=1`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({
          model: "fake-1",
          user: "secret-ada",
          messages: [{ role: "user", content: "my secret-prompt" }],
        }),
      })
    );
    return yield* Effect.promise(() => response.text());
  }));
  return { text, upstream: upstream.seen, collected: collector.seen, spans: spansIn(collector.seen) };
});

it.live("one run of the two services is one trace, with the kinds that backends know, and without content", () =>
  Effect.gen(function* () {
    const { text, spans, collected, upstream } = yield* run({});
    assert.match(text, /done/);
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1, treeOf(spans).join("\n"));
    assert.deepEqual(
      treeOf(spans).toSorted(),
      [
        "POST /v1/chat/completions",
        "  session load",
        "  invoke_agent code_executor_agent",
        "    chat fake-1",
        "      POST",
        "    execute_tool execute_bash",
        "      tools/call execute_bash",
        "        execute_tool execute_bash",
        "          sandbox open",
        "          sandbox command",
        "    chat fake-1",
        "      POST",
        "    session append",
        "  sandbox open",
      ].toSorted(),
    );
    const named = (name: string) => spans.filter((span) => span.name === name);
    assert.deepEqual(
      named("chat fake-1").map((span) => [
        span.kind,
        valueOf(span, "gen_ai.operation.name"),
        valueOf(span, "gen_ai.usage.input_tokens"),
        valueOf(span, "gen_ai.usage.output_tokens"),
      ]),
      [[3, "chat", 20, 7], [3, "chat", 20, 7]],
    );
    const [agent] = named("invoke_agent code_executor_agent");
    assert.ok(agent !== undefined);
    assert.equal(valueOf(agent, "gen_ai.operation.name"), "invoke_agent");
    assert.equal(valueOf(agent, "gen_ai.usage.input_tokens"), 40);
    assert.equal(valueOf(agent, "caisson.run.turns"), 2);
    const [command] = named("sandbox command");
    assert.ok(command !== undefined);
    assert.equal(valueOf(command, "process.exit.code"), 0);
    assert.ok(spans.every(({ status }) => status.code === 0));
    const told = collected.map(({ body }) => body).join("\n");
    for (const word of ["secret", "echo hi", "done", "127.0.0.1", "/workspace"]) {
      assert.ok(!told.includes(word), word);
    }
    assert.ok(upstream.every(({ headers }) => headers.get("traceparent") === null && headers.get("b3") === null));
  }));

it.live("with the switch, spans say what was said", () =>
  Effect.gen(function* () {
    const { spans } = yield* run({ captureContent: true });
    const chat = spans.filter(({ name }) => name === "chat fake-1");
    assert.match(String(valueOf(chat[0] ?? assert.fail(), "gen_ai.input.messages")), /my secret-prompt/);
    assert.ok(chat.some((span) => /done/.test(String(valueOf(span, "gen_ai.output.messages")))));
    const tool = spans.find(({ name }) => name === "execute_tool execute_bash") ?? assert.fail();
    assert.match(String(valueOf(tool, "gen_ai.tool.call.arguments")), /echo hi/);
  }));

/** A provider that answers at once. */
const answering = ({ path, body }: Seen) =>
  provider({ path, body: path.endsWith("/models") ? body : JSON.stringify({ messages: [{ role: "tool" }] }) });

const caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

it.live("a known caller's trace goes on, and providers are told of it where the settings say so", () =>
  Effect.gen(function* () {
    const { spans, upstream } = yield* run({ traceUpstream: true }, { traceparent: caller }, answering);
    assert.ok(spans.length >= 5);
    assert.ok(spans.every(({ traceId }) => traceId === "4bf92f3577b34da6a3ce929d0e0e4736"));
    const root = spans.find(({ name }) => name === "POST /v1/chat/completions");
    assert.equal(root?.parentSpanId, "00f067aa0ba902b7");
    const turns = upstream.filter(({ path }) => path.endsWith("/chat/completions"));
    const posts = new Set(spans.filter(({ name }) => name === "POST").map(({ spanId }) => spanId));
    assert.deepEqual(turns.map(({ headers }) => posts.has(headers.get("traceparent")?.split("-")[2] ?? "")), [true]);
  }));

it.live("a caller that keeps nothing is followed", () =>
  Effect.gen(function* () {
    const { spans } = yield* run({}, { traceparent: caller.replace(/01$/, "00") }, answering);
    assert.deepEqual(spans.map(({ name }) => name), []);
  }));

it.live("a stranger's traceparent is a link, never a parent", () =>
  Effect.gen(function* () {
    const { spans } = yield* run({ insecure: true }, { traceparent: caller }, answering);
    const root = spans.find(({ name }) => name === "POST /v1/chat/completions") ?? assert.fail();
    assert.equal(root.parentSpanId, undefined);
    assert.notEqual(root.traceId, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert.deepEqual(root.links.map(({ traceId }) => traceId), ["4bf92f3577b34da6a3ce929d0e0e4736"]);
  }));

it.live("a ratio keeps whole traces or nothing of them", () =>
  Effect.gen(function* () {
    const none = yield* run({ otelTracesSampler: "parentbased_traceidratio", otelTracesSamplerArg: 0 }, {}, answering);
    assert.equal(none.spans.length, 0);
  }));

it.live("a provider that repeats the prompt in its refusal puts it into no span, no line and no measurement", () =>
  Effect.gen(function* () {
    const refuse = (seen: Seen) =>
      seen.path.endsWith("/models")
        ? provider(seen)
        : Response.json({ error: { message: `cannot read: ${seen.body}`, type: "invalid_request_error" } }, {
          status: 400,
        });
    const all = { otelMetricsExporter: "otlp", otelLogsExporter: "otlp", logLevel: "TRACE" } as const;
    const { spans, collected } = yield* run(all, {}, refuse);
    const chat = spans.find(({ name }) => name === "chat fake-1") ?? assert.fail();
    assert.equal(chat.status.code, 2);
    assert.equal(valueOf(chat, "error.type"), "RequestRefused");
    assert.deepEqual(new Set(collected.map(({ path }) => path)), new Set(["/v1/traces", "/v1/metrics", "/v1/logs"]));
    assert.ok(collected.some(({ body }) => body.includes("run failed") && body.includes("invalid_request_error")));
    assert.ok(!collected.some(({ body }) => body.includes("secret")));
  }));

it.live("without an endpoint nothing is sent, and with OTEL_SDK_DISABLED neither", () =>
  Effect.gen(function* () {
    assert.equal((yield* run({ otlpEndpoint: Option.none() }, {}, answering)).collected.length, 0);
    assert.equal((yield* run({ otelDisabled: true }, {}, answering)).collected.length, 0);
    assert.equal((yield* run({ otelTracesExporter: "none" }, {}, answering)).collected.length, 0);
  }));

it.live("measurements and lines of the log go to the collector too, lines with the ids of their trace", () =>
  Effect.gen(function* () {
    const { collected, spans } = yield* run(
      { otelMetricsExporter: "otlp", otelLogsExporter: "otlp", logLevel: "INFO", otelBatchDelayMs: 50 },
      {},
      answering,
    );
    const told = (path: string) => collected.filter((seen) => seen.path === path).map(({ body }) => body).join("\n");
    const metrics = told("/v1/metrics");
    for (const name of ["http.server.request.duration", "gen_ai.client.token.usage", "caisson.runs.active"]) {
      assert.ok(metrics.includes(`"name":"${name}"`), name);
    }
    assert.match(metrics, /"explicitBounds":\[/);
    const logs = told("/v1/logs");
    assert.match(logs, /"stringValue":"request"/);
    assert.match(logs, /"key":"input_tokens"/);
    const [{ traceId } = assert.fail()] = spans;
    assert.ok(logs.includes(traceId));
    for (const word of ["secret", "my "]) assert.ok(!logs.includes(word) && !metrics.includes(word), word);
  }));
