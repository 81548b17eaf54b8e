import assert from "node:assert/strict";
import { Logger, References, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { ConnectionLost, ModelError } from "../../src/services/Model.ts";
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
