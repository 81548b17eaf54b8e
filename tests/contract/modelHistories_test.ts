/**
 * Any stored history is one that every provider takes: generated ones in every combination of two kinds of
 * hostility, checked as the providers check, most of them in process and a sample over the wire.
 */
import assert from "node:assert/strict";
import { Effect, Option, Redacted, Result, Stream } from "effect";
import { FetchHttpClient } from "effect/http";
import * as Anthropic from "../../src/adapters/model/Anthropic.ts";
import { lower as lowerAnthropic, traitsByName } from "../../src/adapters/model/anthropic/request.ts";
import * as Gemini from "../../src/adapters/model/Gemini.ts";
import { lower as lowerGemini } from "../../src/adapters/model/gemini/request.ts";
import * as OpenAiCompatible from "../../src/adapters/model/OpenAiCompatible.ts";
import { lower as lowerOpenAi } from "../../src/adapters/model/openai/request.ts";
import type { Provider } from "../../src/adapters/model/Provider.ts";
import type { Message } from "../../src/domain/Message.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import * as anthropicWire from "../support/anthropicWire.ts";
import * as geminiWire from "../support/geminiWire.ts";
import { hostileHistories, hostilities } from "../support/hostileHistories.ts";
import { it } from "../support/it.ts";
import * as openaiWire from "../support/openaiWire.ts";
import { anthropicProblems, geminiProblems, openAiProblems } from "../support/strictBodies.ts";
import { type Reply, serveWire } from "../support/wireServer.ts";

const historiesCount = 10_000;
/** A sample over sockets: every pair of hostilities once would take minutes. */
const sampleCount = 300;

const request = (model: string, messages: ReadonlyArray<Message>): ModelRequest => ({
  model,
  system: "Be brief \ud83d.",
  messages,
  tools: [],
  parameters: {},
});

interface Subject {
  readonly name: string;
  readonly model: string;
  /** What the lowered history would be refused for. */
  readonly problems: (messages: ReadonlyArray<Message>) => ReadonlyArray<string>;
  readonly ofBody: (body: Record<string, unknown>) => ReadonlyArray<string>;
  readonly make: (url: string) => Effect.Effect<Provider>;
  readonly good: Reply;
  readonly bad: (why: string) => Reply;
}

const deadlines = { connectMs: 20_000, firstEventMs: 20_000, silenceMs: 20_000 };
const apiKey = Redacted.make("k");

const subjects: ReadonlyArray<Subject> = [
  {
    name: "gemini",
    model: "gemini-3-flash",
    problems: (messages) => {
      const lowered = lowerGemini(request("gemini-3-flash", messages));
      return Result.isFailure(lowered) ? [lowered.failure.detail] : geminiProblems(lowered.success.contents);
    },
    ofBody: ({ contents }) => geminiProblems(contents),
    make: (url) => Gemini.make({ apiKey, baseUrl: Option.some(url), apiVersion: "v1beta", vertex: false, deadlines }),
    good: geminiWire.turn(geminiWire.chunk(geminiWire.text("fine")), geminiWire.finish()),
    bad: (why) => geminiWire.failure(400, "INVALID_ARGUMENT", why),
  },
  {
    name: "anthropic",
    model: "claude-sonnet-5",
    problems: (messages) => {
      const lowered = lowerAnthropic(request("claude-sonnet-5", messages), traitsByName("claude-sonnet-5"));
      return Result.isFailure(lowered) ? [lowered.failure.detail] : anthropicProblems(lowered.success.messages);
    },
    ofBody: ({ messages }) => anthropicProblems(messages),
    make: (url) => Anthropic.make({ apiKey, baseUrl: Option.some(url), deadlines }),
    good: anthropicWire.turn(...anthropicWire.text(0, "fine"), ...anthropicWire.stop()),
    bad: (why) => anthropicWire.failure(400, "invalid_request_error", why),
  },
  {
    name: "openai",
    model: "gpt-test",
    problems: (messages) =>
      openAiProblems(
        lowerOpenAi(request("gpt-test", messages), {
          provider: "openai",
          limitField: "max_tokens",
          sampling: "openai",
        })[
          "messages"
        ],
      ),
    ofBody: ({ messages }) => openAiProblems(messages),
    make: (url) =>
      OpenAiCompatible.make({ name: "openai", baseUrl: `${url}/v1`, apiKey: Option.none(), deadlines }).pipe(
        Effect.provide(FetchHttpClient.layer),
      ),
    good: openaiWire.turn(openaiWire.text("fine"), openaiWire.finish(), openaiWire.usage),
    bad: (why) => openaiWire.failure(400, { message: why }),
  },
];

Deno.test("the generator of histories makes every combination of two hostilities", () => {
  const pairs = new Set([...hostileHistories(historiesCount)].map(({ kinds }) => kinds.join(" + ")));
  assert.equal(pairs.size, Object.keys(hostilities).length ** 2);
});

for (const { name, model, problems, ofBody, make, good, bad } of subjects) {
  Deno.test(`the ${name} adapter sends ${historiesCount} hostile histories as legal ones`, () => {
    const refused: Array<unknown> = [];
    for (const { kinds, messages } of hostileHistories(historiesCount)) {
      const found = problems(messages);
      if (found.length > 0) refused.push({ kinds, found: found.slice(0, 2) });
    }
    assert.deepEqual(refused.slice(0, 5), [], `${refused.length} of ${historiesCount} would be refused`);
  });

  it.live(`the ${name} adapter is answered over the wire whatever history it is given`, () =>
    Effect.gen(function* () {
      const server = yield* serveWire(({ body, method }) => {
        if (method === "GET") return { status: 404, body: ["{}"] };
        const found = ofBody(Object.fromEntries(Object.entries(Object(body))));
        return found.length === 0 ? good : bad(found.join("; "));
      });
      const provider = yield* make(server.url);
      const refused: Array<unknown> = [];
      const all = [...hostileHistories(historiesCount)];
      const step = Math.floor(all.length / sampleCount);
      for (const { kinds, messages } of all.filter((_, index) => index % step === 0)) {
        const ended = yield* Effect.result(Stream.runDrain(provider.stream(request(model, messages))));
        if (Result.isFailure(ended)) refused.push({ kinds, failure: ended.failure });
      }
      assert.deepEqual(refused, []);
    }));
}
