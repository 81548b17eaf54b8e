/**
 * One conversation over several providers: real agent, adapters, sessions and tools; the upstreams
 * are strict ones of ours.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Option, Redacted, Stream } from "effect";
import * as Configured from "../../src/adapters/model/Configured.ts";
import * as Memory from "../../src/adapters/sessions/Memory.ts";
import { Agent, layer as agentLayer } from "../../src/agent/Agent.ts";
import * as Conversation from "../../src/agent/Conversation.ts";
import * as LocalToolbox from "../../src/agent/LocalToolbox.ts";
import { Settings } from "../../src/config.ts";
import { user } from "../../src/domain/Message.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { strictAnthropic, strictGemini, strictOpenAi } from "../support/strictUpstreams.ts";
import { serveWire } from "../support/wireServer.ts";

const owner: Owner = { principal: "p", user: "u", ephemeral: false };
const key = Option.some(Redacted.make("k"));

/** Every provider twice, and every order of two neighbours. */
const models = ["gemini-3-flash", "claude-sonnet-5", "gpt-test", "gemini-3-flash", "gpt-test", "claude-sonnet-5"];

it.live("Agent.run keeps one history and one sandbox when six turns alternate between three providers", () =>
  Effect.gen(function* () {
    const upstreams = [
      strictGemini((turn) => `echo gemini ${turn}`),
      strictAnthropic((turn) => `echo claude ${turn}`),
      strictOpenAi((turn) => `echo gpt ${turn}`),
    ] as const;
    const [gemini, anthropic, openai] = upstreams;
    const serve = (upstream: (typeof upstreams)[number]) =>
      Effect.map(serveWire((request) => upstream.answer(request)), ({ url }) => Option.some(url));
    const settings = Settings.layerWith({
      geminiApiKey: key,
      geminiBaseUrl: yield* serve(gemini),
      anthropicApiKey: key,
      anthropicBaseUrl: yield* serve(anthropic),
      openaiApiKey: key,
      openaiBaseUrl: yield* serve(openai),
    });
    const sandbox = fakeSandbox();
    const services = agentLayer.pipe(
      Layer.provide(Configured.layer),
      Layer.provide(LocalToolbox.layer),
      Layer.provide(sandbox.layer),
      Layer.provideMerge(Memory.layer),
      Layer.provide(settings),
    );

    const answers = yield* Effect.gen(function* () {
      const agent = yield* Agent;
      return yield* Effect.forEach(models, (model, index) =>
        Effect.gen(function* () {
          const conversation = yield* Conversation.open({ owner, messages: [user(`step ${index + 1}`)] });
          const events = yield* Stream.runCollect(
            agent.run({
              owner,
              conversation,
              model,
              instructions: [],
              parameters: {},
              clientTools: [],
              useTools: true,
            }),
          );
          return events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("");
        }));
    }).pipe(Effect.provide(services));

    assert.deepEqual(upstreams.flatMap(({ refusals }) => refusals), []);
    assert.deepEqual(answers, [
      "gemini is done",
      "claude is done",
      "gpt is done",
      "gemini is done",
      "gpt is done",
      "claude is done",
    ]);
    assert.deepEqual(sandbox.executed, [
      "echo gemini 1",
      "echo claude 1",
      "echo gpt 1",
      "echo gemini 2",
      "echo gpt 2",
      "echo claude 2",
    ]);
    assert.ok(sandbox.opened.every((opened) => opened.user === "u" && opened.principal === "p"));
  }));
