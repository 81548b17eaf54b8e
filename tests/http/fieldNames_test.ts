/**
 * Whatever refuses a request, the API itself or what stands beneath it, its `param` is a field that the caller sent.
 */
import assert from "node:assert/strict";
import { Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import {
  ContextTooLong,
  ModelError,
  type ModelErrorReason,
  PromptBlocked,
  RequestRefused,
} from "../../src/services/Model.ts";
import { type App, withApp } from "../support/app.ts";

const post = (app: App, path: string, body: unknown) =>
  app.send(
    new Request(`http://caisson.test${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );

const question = {
  "/v1/chat/completions": { messages: [{ role: "user", content: "hi" }] },
  "/v1/responses": { input: "hi" },
};
const doors = ["/v1/chat/completions", "/v1/responses"] as const;

/** The error of an answer: the envelope, or the last frame of a stream that has one. */
const errorIn = async (response: Response) => {
  const text = await response.text();
  if (response.headers.get("content-type")?.startsWith("application/json") === true) return JSON.parse(text).error;
  const frames = text.split("\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)));
  return frames.map(({ error, response: whole }) => error ?? whole?.error).findLast((error) => error != null);
};

const failing = (reason: ModelErrorReason, ...before: ReadonlyArray<string>): Scripted.Step => () =>
  Stream.concat(
    Stream.fromIterable(before.map(Scripted.text)),
    Stream.fail(new ModelError({ provider: "gemini", model: "m", reason, detail: "d" })),
  );

const reasons: ReadonlyArray<readonly [ModelErrorReason, chat: string, responses: string]> = [
  [new ContextTooLong(), "messages", "input"],
  [new PromptBlocked({ why: "policy" }), "messages", "input"],
  [new RequestRefused({ param: "messages[0]" }), "messages", "input"],
  [new RequestRefused({ param: "max_tokens" }), "max_completion_tokens", "max_output_tokens"],
  [new RequestRefused({ param: "response_format" }), "response_format", "text.format"],
  [
    new RequestRefused({ param: "reasoning_effort", why: "it does not reason" }),
    "reasoning_effort",
    "reasoning.effort",
  ],
];

for (const [reason, ...wanted] of reasons) {
  const named = `${reason._tag} ${"param" in reason ? reason.param : ""}`;
  Deno.test(`a provider's ${named} names the caller's own field, before the first byte and after it`, async () => {
    for (const [index, door] of doors.entries()) {
      for (const body of [{}, { stream: true }]) {
        for (const before of [[], ["Well, "]]) {
          await withApp({ steps: [failing(reason, ...before)] }, async (app) => {
            const error = await errorIn(await post(app, door, { ...question[door], ...body }));
            assert.equal(error.param, wanted[index], `${door} ${JSON.stringify(body)} ${before}`);
          });
        }
      }
    }
  });
}

Deno.test("a response that is made in the background keeps an error in the words of Responses", () =>
  withApp({ steps: [failing(new RequestRefused({ param: "max_tokens" }))] }, async (app) => {
    const { id } = await (await post(app, "/v1/responses", { input: "hi", background: true })).json();
    const told = await app.get(`/v1/responses/${id}?stream=true`);
    assert.match((await errorIn(told)).message, /'max_output_tokens'/);
  }));

Deno.test("POST /v1/responses/compact tells a refusal of its model in the words of Responses", () =>
  withApp({ steps: [failing(new ContextTooLong())] }, async (app) => {
    const error = await errorIn(await post(app, "/v1/responses/compact", { model: "scripted", input: "hi" }));
    assert.equal(error.param, "input");
  }));

const many = (count: number) => Array.from({ length: count }, () => ({}));
const wide = Object.fromEntries(Array.from({ length: 21_000 }, (_, index) => [`k${index}`, 1]));

/** Bodies that have too many of something, and what is named. */
const tooMany: ReadonlyArray<readonly [path: string, body: unknown, param: string]> = [
  ["/v1/chat/completions", { messages: [{ role: "user", content: many(10_001) }] }, "messages"],
  ["/v1/responses", { input: [{ role: "user", content: many(10_001) }] }, "input"],
  ["/v1/responses/input_tokens", { input: [{ role: "user", content: many(10_001) }] }, "input"],
  ["/v1/chat/completions", { ...question["/v1/chat/completions"], response_format: wide }, "response_format"],
  ["/v1/responses", { input: "hi", text: { format: wide } }, "text.format"],
  ["/v1/responses", { input: "hi", tools: many(129) }, "tools"],
  ["/v1/responses", { input: [{ type: "additional_tools", tools: many(129) }] }, "input[0].tools"],
  ["/v1/responses", { input: [{ type: "additional_tools", tools: [wide] }] }, "input[0].tools"],
];

for (const [path, body, param] of tooMany) {
  Deno.test(`POST ${path} names '${param}' when there is too much in it: ${JSON.stringify(body).slice(0, 50)}`, () =>
    withApp({ steps: [Scripted.answers("never")] }, async (app) => {
      const response = await post(app, path, body);
      const { error } = await response.json();
      assert.deepEqual([response.status, error.param], [400, param]);
      assert.ok(error.message.includes(`'${param}'`), error.message);
    }));
}

Deno.test("POST /v1/responses says that it does not apply fields of Chat Completions, however much is in them", () =>
  withApp({ steps: [Scripted.answers("hello")] }, async (app) => {
    const response = await post(app, "/v1/responses", { input: "hi", response_format: wide, messages: many(20_000) });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-caisson-not-applied"), "response_format, messages");
    await response.text();
  }));
