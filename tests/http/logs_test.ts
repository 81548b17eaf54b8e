import assert from "node:assert/strict";
import { Effect, Layer, Logger, References, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { ConnectionLost, Model, ModelError } from "../../src/services/Model.ts";
import { withApp } from "../support/app.ts";

interface Line {
  readonly message: string;
  readonly annotations: Readonly<Record<string, unknown>>;
}

const recording = () => {
  const lines: Array<Line> = [];
  const logger = Logger.make<unknown, void>(({ message, fiber }) => {
    lines.push({
      message: String(Array.isArray(message) ? message[0] : message),
      annotations: fiber.getRef(References.CurrentLogAnnotations),
    });
  });
  return { lines, logger };
};

const lost = new ModelError({
  provider: "acme",
  model: "scripted",
  reason: new ConnectionLost(),
  detail: "upstream said no",
});

const price = { input: 1, cachedInput: 1, output: 10 };
const priced = (steps: ReadonlyArray<Scripted.Step>) =>
  Layer.effect(
    Model,
    Effect.map(Model, (model) =>
      Model.of({ ...model, find: (id) => Effect.map(model.find(id), (info) => ({ ...info, price })) })),
  ).pipe(Layer.provide(Scripted.layer(steps)));
const usage = { inputTokens: 1_000, cachedInputTokens: 100, outputTokens: 50, reasoningTokens: 0 };

Deno.test("the line of a request says who, what, how long, tokens, cost and outcome, and no word of anybody", () => {
  const { lines, logger } = recording();
  const steps: ReadonlyArray<Scripted.Step> = [
    [Scripted.toolCall("c1", "execute_bash", { command: "cat secret.txt" }), Scripted.finished("ToolCalls", usage)],
    [Scripted.text("the secret is out"), Scripted.finished("Stop", usage)],
  ];
  return withApp({ logger, model: priced(steps) }, async (app) => {
    const body = { user: "ann", messages: [{ role: "user", content: "tell the secret" }] };
    await (await app.chat(body, { "x-request-id": "req-1" })).text();
    const line = lines.find(({ message }) => message === "request");
    assert.ok(line !== undefined);
    const { duration_ms: durationMs, first_byte_ms: firstByteMs, run, ...rest } = line.annotations;
    assert.ok(typeof durationMs === "number" && typeof firstByteMs === "number" && typeof run === "string");
    assert.deepEqual(rest, {
      request_id: "req-1",
      method: "POST",
      path: "/v1/chat/completions",
      status: 200,
      user: "anonymous/ann",
      model: "scripted",
      turns: 2,
      tools: 1,
      input_tokens: 2_000,
      cached_input_tokens: 200,
      output_tokens: 100,
      cost_usd: 0.003,
      finish: "Stop",
      outcome: "sent",
    });
    assert.ok(!JSON.stringify(lines).includes("secret"));
  });
});

Deno.test("the line of a run that failed in its second turn has the tokens and the cost of its first", () => {
  const { lines, logger } = recording();
  const steps: ReadonlyArray<Scripted.Step> = [
    [Scripted.toolCall("c1", "execute_bash", { command: "true" }), Scripted.finished("ToolCalls", usage)],
    () => Stream.fail(lost),
  ];
  return withApp({ logger, model: priced(steps) }, async (app) => {
    const body = { user: "ann", stream: true, messages: [{ role: "user", content: "hi" }] };
    await (await app.chat(body)).text();
    const line = lines.find(({ message }) => message === "request")?.annotations ?? {};
    assert.equal(line["outcome"], "ModelError");
    assert.equal(line["error"], "ModelError.ConnectionLost");
    assert.deepEqual([line["turns"], line["tools"], line["input_tokens"], line["output_tokens"], line["cost_usd"]], [
      1,
      1,
      1_000,
      50,
      0.0015,
    ]);
    assert.ok(!("finish" in line));
  });
});

Deno.test("every line of a request carries its id, user and model, a failure after the first byte included", () => {
  const { lines, logger } = recording();
  return withApp({
    logger,
    steps: [() => Stream.concat(Stream.make(Scripted.text("half")), Stream.fail(lost))],
  }, async (app) => {
    const body = { user: "ann", stream: true, messages: [{ role: "user", content: "hi" }] };
    const response = await app.chat(body, { "x-request-id": "req-test-1" });
    await response.text();
    assert.equal(response.headers.get("x-request-id"), "req-test-1");
    const ofRequest = lines.filter(({ annotations }) => annotations["request_id"] === "req-test-1");
    assert.deepEqual(ofRequest.map(({ message }) => message), ["run failed", "request"]);
    for (const { annotations } of ofRequest) {
      assert.equal(annotations["user"], "anonymous/ann");
      assert.equal(annotations["model"], "scripted");
    }
    const last = ofRequest.at(-1)?.annotations;
    assert.equal(last?.["status"], 200);
    assert.equal(last?.["outcome"], "ModelError");
    assert.equal(last?.["path"], "/v1/chat/completions");
  });
});

Deno.test("a request id that does not belong in a header is replaced", () =>
  withApp({}, async (app) => {
    const response = await app.get("/health", { "x-request-id": "a b\tc" });
    assert.match(response.headers.get("x-request-id") ?? "", /^req-/);
    assert.match(response.headers.get("openai-processing-ms") ?? "", /^\d+$/);
  }));
