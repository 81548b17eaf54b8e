/**
 * What each client receives when the process that answers it is told to stop, by a service manager or by Ctrl-C.
 */
import assert from "node:assert/strict";
import { Effect, Schema } from "effect";
import { it } from "../support/it.ts";
import { type RunningTask, userCheckout } from "./support/userCheckout.ts";

/** A grace that ends long before the commands do. */
const settings = { AGENT_API_PORT: "0", CAISSON_MCP_PORT: "0", CAISSON_SHUTDOWN_GRACE_SECONDS: "1" };

/** Longer than any test waits. */
const command = "echo begun; sleep 600";

const signals: ReadonlyArray<readonly [string, (task: RunningTask) => Effect.Effect<void>]> = [
  ["SIGTERM", (task) => task.signal("SIGTERM")],
  ["Ctrl-C", (task) => task.controlC],
];

const post = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

const complete = (base: string, user: string, stream: boolean) =>
  post(`${base}/v1/chat/completions`, {
    stream,
    user,
    messages: [{ role: "user", content: `Run: \`\`\`bash\n${command}\n\`\`\`` }],
  });

const decodeHealth = Schema.decodeUnknownEffect(
  Schema.Struct({ runs: Schema.Struct({ running: Schema.Number }) }),
);

/** Asks until as many runs are going on. */
const untilRunning = (base: string, count: number): Effect.Effect<void> =>
  Effect.promise(async () => (await fetch(`${base}/health`)).json()).pipe(
    Effect.flatMap(decodeHealth),
    Effect.orDie,
    Effect.flatMap(({ runs }) => runs.running === count ? Effect.void : untilRunning(base, count)),
  );

/** Reads a stream until a text came, and gives a way to read the rest. */
const reading = async (response: Response, expected: string) => {
  assert.ok(response.body !== null);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const more = async (): Promise<boolean> => {
    const { done, value = "" } = await reader.read();
    text += value;
    return !done;
  };
  while (!text.includes(expected)) assert.ok(await more(), text);
  return async () => {
    while (await more());
    return text;
  };
};

for (const [name, stop] of signals) {
  it.live(`serve tells the client of a stream and of a plain request when it ends by ${name}`, () =>
    Effect.gen(function* () {
      const user = yield* userCheckout(settings);
      const server = yield* user.start("serve");
      const [base = ""] = yield* server.said(/agent API listens on (http:\/\/[^"\s]+)/);
      const plain = complete(base, "plain", false);
      const rest = yield* Effect.promise(async () => reading(await complete(base, "streamed", true), "caisson:call"));
      yield* untilRunning(base, 2);
      yield* stop(server);
      const streamed = yield* Effect.promise(rest);
      const [last = ""] = streamed.trim().split("\n\n").slice(-1);
      assert.match(last, /^data: \{"error":\{.*"code":"shutting_down"\}\}$/);
      const { status, body } = yield* Effect.promise(async () => {
        const response = await plain;
        return { status: response.status, body: await response.text() };
      });
      assert.equal(status, 503);
      assert.match(
        body,
        /^\{"error":\{"message":"[^"]+","type":"server_error","param":null,"code":"shutting_down"\}\}$/,
      );
      yield* server.said(/agent API closes: what is running has up to 1 seconds/);
      assert.equal(yield* server.ended, 0, server.output());
    }));

  it.live(`mcp answers a call that runs when it ends by ${name}`, () =>
    Effect.gen(function* () {
      const user = yield* userCheckout(settings);
      const server = yield* user.start("mcp");
      const [base = ""] = yield* server.said(/MCP server listens on (http:\/\/[^"\s]+)/);
      const accept = { accept: "application/json, text/event-stream" };
      const rest = yield* Effect.promise(async () => {
        const opened = await post(`${base}/mcp`, {
          jsonrpc: "2.0",
          id: 1,
          method: "initialize",
          params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "stopping", version: "1" } },
        }, accept);
        await opened.text();
        const session = { ...accept, "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
        await (await post(`${base}/mcp`, { jsonrpc: "2.0", method: "notifications/initialized" }, session)).text();
        const called = await post(`${base}/mcp`, {
          jsonrpc: "2.0",
          id: 2,
          method: "tools/call",
          params: { name: "execute_bash", arguments: { command, timeout: 600 }, _meta: { progressToken: "p" } },
        }, session);
        return reading(called, "begun");
      });
      yield* stop(server);
      const text = yield* Effect.promise(rest);
      const answers = [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json = ""]) => json);
      assert.match(answers.at(-1) ?? "", /"id":2/, text);
      assert.equal(yield* server.ended, 0, server.output());
    }));
}

it.live("serve ends at once on a second Ctrl-C", () =>
  Effect.gen(function* () {
    const user = yield* userCheckout({ ...settings, CAISSON_SHUTDOWN_GRACE_SECONDS: "600" });
    const server = yield* user.start("serve");
    const [base = ""] = yield* server.said(/agent API listens on (http:\/\/[^"\s]+)/);
    const rest = yield* Effect.promise(async () => reading(await complete(base, "streamed", true), "caisson:call"));
    yield* server.controlC;
    yield* server.said(/agent API closes/);
    // Somebody who has lost patience; the first half second is taken for one key stroke.
    assert.equal(yield* Effect.raceFirst(server.ended, Effect.forever(server.controlC)), 130);
    yield* Effect.ignore(Effect.tryPromise(rest));
  }));
