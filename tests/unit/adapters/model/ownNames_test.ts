import assert from "node:assert/strict";
import { Effect, Stream } from "effect";
import { historyRules as anthropic } from "../../../../src/adapters/model/anthropic/request.ts";
import { historyRules as gemini } from "../../../../src/adapters/model/gemini/request.ts";
import { legalName } from "../../../../src/adapters/model/legalHistory.ts";
import { historyRules as openai } from "../../../../src/adapters/model/openai/request.ts";
import { withOwnNames } from "../../../../src/adapters/model/ownNames.ts";
import type { ModelEvent } from "../../../../src/services/Model.ts";
import { it } from "../../../support/it.ts";

const tool = (name: string) => ({ name, description: "", parameters: { type: "object" } });
const called = (name: string): ModelEvent => ({ _tag: "ToolCall", call: { id: "1", name, argumentsJson: "{}" } });

for (const [provider, rules] of Object.entries({ gemini, openai, anthropic })) {
  for (const name of ["files.read", `a${"b".repeat(99)}`, "7zip", "lire un fichier", "plain_name"]) {
    it.effect(`${provider}: the tool ${name.slice(0, 20)} is called by its own name`, () =>
      Effect.gen(function* () {
        const turn = Stream.make(called(legalName(name, rules)), called("unknown"));
        const events = yield* Stream.runCollect(withOwnNames([tool(name)], rules)(turn));
        assert.deepEqual(events, [called(name), called("unknown")]);
      }));
  }
}

it.effect("a name that is another tool's own stays that tool's", () =>
  Effect.gen(function* () {
    const tools = [tool("a.b"), tool("a_b")];
    const events = yield* Stream.runCollect(withOwnNames(tools, openai)(Stream.make(called("a_b"))));
    assert.deepEqual(events, [called("a_b")]);
  }));
