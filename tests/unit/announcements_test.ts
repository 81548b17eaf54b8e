/**
 * What the log says of models at start, and that no provider is asked for a list that nobody needs.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Logger, Option, Queue, Redacted } from "effect";
import * as Configured from "../../src/adapters/model/Configured.ts";
import { askTheApi, connectToMcp, models, warnOfMisspeltTools } from "../../src/announcements.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import { it } from "../support/it.ts";
import { serveWire } from "../support/wireServer.ts";

const key = Option.some(Redacted.make("k"));

const cases: ReadonlyArray<readonly [string, (url: string) => Partial<SettingsService>, RegExp, asked: number]> = [
  [
    "Gemini's key",
    (url) => ({
      geminiApiKey: key,
      geminiBaseUrl: Option.some(url),
      openaiApiKey: key,
      openaiBaseUrl: Option.some(`${url}/v1`),
    }),
    /models: those of gemini; the default is gemini-flash-latest/,
    0,
  ],
  [
    "a default of Anthropic's",
    (url) => ({
      anthropicApiKey: key,
      anthropicBaseUrl: Option.some(url),
      openaiBaseUrl: Option.some(`${url}/v1`),
      defaultModel: Option.some("claude-x"),
    }),
    /models: those of anthropic; the default is claude-x/,
    0,
  ],
  [
    "the offline model beside a server",
    (url) => ({ openaiBaseUrl: Option.some(`${url}/v1`), defaultModel: Option.some("caisson-offline") }),
    /models: those of offline; the default is caisson-offline/,
    0,
  ],
  [
    "a server that decides the default",
    (url) => ({ openaiBaseUrl: Option.some(`${url}/v1`) }),
    /models: caisson-offline, qwen3:8b; the default is qwen3:8b/,
    1,
  ],
];

for (const [what, changes, line, asked] of cases) {
  it.live(`the models are told at start with ${what}, and ${asked} lists are asked for`, () =>
    Effect.gen(function* () {
      const server = yield* serveWire(() => ({
        headers: { "content-type": "application/json" },
        body: [JSON.stringify({ object: "list", data: [{ id: "qwen3:8b" }] })],
      }));
      const lines = yield* Queue.unbounded<string>();
      const logger = Logger.make(({ message }) => Queue.offerUnsafe(lines, [message].flat().join(" ")));
      const layer = models.pipe(
        Layer.provide(Configured.layer),
        Layer.provide(Settings.layerWith(changes(server.url))),
        Layer.provideMerge(Logger.layer([logger])),
      );
      yield* Layer.build(layer);
      assert.match(yield* Queue.take(lines), line);
      assert.equal(server.received.length, asked);
    }));
}

Deno.test("the next step shows where the key stands, where one is needed", () => {
  for (const next of [askTheApi, connectToMcp]) {
    assert.match(next("http://127.0.0.1:1", true), /['"]authorization: Bearer KEY['"]/);
    assert.doesNotMatch(next("http://127.0.0.1:1", false), /authorization/);
  }
});

it.effect("a rule whose tool is a typing error away from one of ours is told by the name of its setting", () =>
  Effect.gen(function* () {
    const lines: Array<string> = [];
    const logger = Logger.make(({ message }) => void lines.push([message].flat().join(" ")));
    const rules = "execute_bsh(rm *), bash, Bash(git push *), write_file, mail__send, mail*, something_else, web_fetch";
    yield* warnOfMisspeltTools.pipe(
      Effect.provide(Settings.layerWith({ toolsDeny: parseToolRules(rules) ?? assert.fail() })),
      Effect.provide(Logger.layer([logger])),
    );
    assert.deepEqual(lines, [
      'CAISSON_TOOLS_DENY: there is no tool that "execute_bsh(rm *)" means: did you mean execute_bash?',
      'CAISSON_TOOLS_DENY: there is no tool that "bash" means: did you mean Bash?',
    ]);
  }));
