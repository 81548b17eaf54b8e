/**
 * `GET /metrics` in the composition that users have: both doors, scraped.
 */
import assert from "node:assert/strict";
import { Effect, Option, Redacted, Schedule } from "effect";
import { agentDoor, mcpDoor } from "../support/doors.ts";
import { it } from "../support/it.ts";

const get = (url: string, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, { headers });
    return { status: response.status, text: await response.text(), type: response.headers.get("content-type") };
  });

const post = (base: string, body: unknown, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, text: await response.text() };
  });

/** Scrapes until every line is there: a request is counted when its answer has gone, which its client may know first. */
const scraped = (base: string, lines: ReadonlyArray<RegExp>, headers: Record<string, string> = {}) =>
  get(`${base}/metrics`, headers).pipe(
    Effect.filterOrFail(
      ({ text }) => lines.every((line) => line.test(text)),
      ({ text }) => new Error(`${lines.filter((line) => !line.test(text)).join("\n")}\n${text}`),
    ),
    Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 600 }),
  );

const said = (content: string) => ({ user: "ada", messages: [{ role: "user", content }] });

it.live("a run is measured: request, run, turns, tokens, tool, sandbox, and no word of anybody", () =>
  Effect.gen(function* () {
    const base = yield* agentDoor({ metrics: true });
    const answered = yield* post(base, said("Execute this bash command: echo $((6 * 7))"));
    assert.match(answered.text, /42/);
    yield* post(base, { ...said("hello"), model: "no-such-model" });
    yield* get(`${base}/v1/sessions/secret-session-name`);
    yield* get(`${base}/nowhere/at-all`);
    const expected = [
      /^http_server_request_duration_seconds_count\{http_request_method="POST",http_route="\/v1\/chat\/completions",http_response_status_code="200",error_type=""\} 1$/m,
      /^http_server_request_duration_seconds_count\{.*http_route="\/v1\/sessions\/:session",http_response_status_code="404",error_type="SessionNotFound"\} 1$/m,
      /^http_server_request_duration_seconds_count\{.*http_route="",http_response_status_code="404",error_type="UnknownUrl"\} 1$/m,
      /^caisson_errors_total\{http_route="\/v1\/chat\/completions",error_type="ModelNotFound"\} 1$/m,
      /^gen_ai_invoke_agent_duration_seconds_count\{gen_ai_agent_name="code_executor_agent",caisson_run_finish_reason="Stop",error_type=""\} 1$/m,
      /^gen_ai_client_operation_duration_seconds_count\{.*gen_ai_request_model="caisson-offline",error_type=""\} 2$/m,
      /^gen_ai_client_token_usage_count\{.*gen_ai_request_model="caisson-offline",gen_ai_token_type="output"\} 2$/m,
      /^gen_ai_execute_tool_duration_seconds_count\{gen_ai_tool_name="execute_bash",error_type=""\} 1$/m,
      /^caisson_sandbox_command_duration_seconds_count\{caisson_sandbox_kind="embedded",caisson_outcome="ok"\} 1$/m,
      /^caisson_sandbox_open_duration_seconds_count\{/m,
      /^caisson_sandboxes_open\{caisson_sandbox_kind="embedded"\} 1$/m,
      /^caisson_runs_active 0$/m,
      /^http_server_active_requests 1$/m,
      /^process_memory_usage_bytes \d+$/m,
      /^caisson_build_info\{service_version="\d/m,
    ];
    const { status, text, type } = yield* scraped(base, expected);
    assert.equal(status, 200);
    assert.equal(type, "text/plain; version=0.0.4; charset=utf-8");
    for (const word of ["ada", "secret-session-name", "nowhere", "no-such-model", "echo", "127.0.0.1"]) {
      assert.ok(!text.includes(word), word);
    }
  }));

it.live("a thousand invented names of models make no new series", () =>
  Effect.gen(function* () {
    const base = yield* agentDoor({ metrics: true });
    const invented = (at: number) => post(base, { ...said("hello"), model: `invented-${at}` });
    const namesOf = (text: string) =>
      text.split("\n").filter((line) => !line.startsWith("#")).map((line) => line.split(" ")[0] ?? "");
    yield* invented(0);
    const before = namesOf((yield* get(`${base}/metrics`)).text);
    yield* Effect.forEach(Array.from({ length: 1_000 }, (_, at) => at), invented, { concurrency: 32, discard: true });
    const after = namesOf((yield* get(`${base}/metrics`)).text);
    // The scrape itself is a route that was not scraped before.
    assert.deepEqual(after.filter((name) => !before.includes(name) && !name.includes('"/metrics"')), []);
  }));

const key = "0123456789abcdef0123456789abcdef";
const apiKeys = Option.some(Redacted.make(`alice:${key}`));

it.live("without the setting there is no such path", () =>
  Effect.gen(function* () {
    const base = yield* agentDoor({});
    assert.equal((yield* get(`${base}/metrics`)).status, 404);
  }));

it.live("a scrape without the key is refused where keys are configured", () =>
  Effect.gen(function* () {
    const base = yield* agentDoor({ metrics: true, apiKeys });
    const { status, text } = yield* get(`${base}/metrics`);
    assert.equal(status, 401);
    assert.ok(!text.includes("http_server"));
    assert.equal((yield* get(`${base}/metrics`, { authorization: `Bearer ${key}x` })).status, 401);
    assert.equal((yield* get(`${base}/metrics`, { authorization: `Bearer ${key}` })).status, 200);
  }));

it.live("with a key of its own a scrape takes no other, on loopback too", () =>
  Effect.gen(function* () {
    const base = yield* agentDoor({ metrics: true, apiKeys, metricsKey: Option.some(Redacted.make("scrape-it")) });
    for (const authorization of ["", `Bearer ${key}`, "scrape-it", "Bearer scrape-i"]) {
      assert.equal((yield* get(`${base}/metrics`, { authorization })).status, 401, authorization);
    }
    assert.equal((yield* get(`${base}/metrics`, { authorization: "Bearer scrape-it" })).status, 200);
  }));

it.live("the MCP server measures its requests and methods, and refuses a scrape without the key", () =>
  Effect.gen(function* () {
    const base = yield* mcpDoor({ metrics: true, apiKeys });
    const authorization = `Bearer ${key}`;
    assert.equal((yield* get(`${base}/metrics`)).status, 401);
    assert.equal((yield* get(`${base}/metrics`, { authorization, host: "evil.example" })).status, 200);
    const initialize = {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
    };
    const send = (body: unknown, session: Record<string, string> = {}) =>
      Effect.promise(async () => {
        const headers = {
          authorization,
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
        };
        const response = await fetch(`${base}/mcp`, {
          method: "POST",
          headers: { ...headers, ...session },
          body: JSON.stringify(body),
        });
        await response.text();
        return response.headers.get("mcp-session-id") ?? "";
      });
    const session = { "mcp-session-id": yield* send(initialize) };
    yield* send({ jsonrpc: "2.0", method: "notifications/initialized" }, session);
    const call = { name: "execute_bash", arguments: { command: "exit 3" } };
    yield* send({ jsonrpc: "2.0", id: 2, method: "tools/call", params: call }, session);
    yield* send({ jsonrpc: "2.0", id: 3, method: "no/such" }, session);
    const expected = [
      /^mcp_server_operation_duration_seconds_count\{mcp_method_name="tools\/call",error_type=""\} 1$/m,
      /^mcp_server_operation_duration_seconds_count\{mcp_method_name="_OTHER",error_type="RpcFailure"\} 1$/m,
      /^gen_ai_execute_tool_duration_seconds_count\{gen_ai_tool_name="execute_bash",error_type=""\} 1$/m,
      /^caisson_sandbox_command_duration_seconds_count\{caisson_sandbox_kind="embedded",caisson_outcome="nonzero"\} 1$/m,
      /^caisson_mcp_sessions_active 1$/m,
      /^http_server_request_duration_seconds_count\{.*http_route="\/mcp",http_response_status_code="200",error_type=""\} \d+$/m,
    ];
    yield* scraped(base, expected, { authorization });
  }));
