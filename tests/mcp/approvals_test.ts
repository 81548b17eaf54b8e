/** Calls that a rule asks about, at the MCP server's door: the client puts the question before its user. */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { Client } from "@modelcontextprotocol/sdk/client";
import type { ElicitResult } from "@modelcontextprotocol/sdk/types";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import { it } from "../support/it.ts";
import { connectClient, makeServer } from "./support/server.ts";

const rules = (text: string) => parseToolRules(text) ?? assert.fail(text);
const settings = { toolsDeny: rules("Bash(rm *)"), toolsAsk: rules("Bash(git *), Bash(npm *)") };

const decide = (decision: string): ElicitResult => ({ action: "accept", content: { decision } });

/** A client whose user answers in this order; what it was asked is noted. */
const person = (...answers: ReadonlyArray<ElicitResult | Error>) => {
  const left = [...answers];
  const questions: Array<string> = [];
  const client = new Client({ name: "test", version: "1" }, { capabilities: { elicitation: { form: {} } } });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    questions.push(params.message);
    const answer = left.shift() ?? assert.fail("asked once too often");
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { client, questions };
};

type Calls = Pick<Client, "callTool">;
const call = (client: Calls, command: string) =>
  Effect.map(
    Effect.promise(() => client.callTool({ name: "execute_bash", arguments: { command } })),
    ({ content, isError }) => ({ isError, text: JSON.stringify(content) }),
  );

it.live("a call that a rule asks about is carried out once the client's user says yes, and shown whole before", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ settings });
    const { client, questions } = person(decide("yes"), decide("yes"));
    yield* connectClient(server, { "x-user-id": "alice" }, client);
    assert.equal((yield* call(client, "git push \u202emain")).isError, false);
    assert.equal(questions.length, 1);
    assert.match(questions[0] ?? "", /^May I run this\?\n\nexecute_bash \(rule: Bash\(git \*\)\)\n\| git push/);
    assert.ok(questions[0]?.includes("git push \\u{202e}main"), questions[0]);
    // A yes is for one call.
    assert.match((yield* call(client, "git status")).text, /alice: git status/);
    assert.equal(questions.length, 2);
    // Nobody can grant what is denied, and nobody is asked about what no rule means.
    assert.match((yield* call(client, "rm x")).text, /not allowed here/);
    assert.equal((yield* call(client, "echo hi")).isError, false);
    assert.equal(questions.length, 2);
  }));

const noes: ReadonlyArray<readonly [string, ElicitResult | Error, RegExp]> = [
  ["a no", decide("no"), /the user refused this call \(rule Bash\(git \*\)\)/],
  ["declining", { action: "decline" }, /the user refused this call/],
  ["dismissing", { action: "cancel" }, /the user refused this call/],
  ["another word", { action: "accept", content: { decision: "maybe" } }, /the user refused|nobody can be asked here/],
  ["an empty form", { action: "accept", content: {} }, /the user refused|nobody can be asked here/],
  ["a client that fails", new Error("no window"), /nobody can be asked here/],
];

for (const [name, answer, expected] of noes) {
  it.live(`${name} carries nothing out`, () =>
    Effect.gen(function* () {
      const server = yield* makeServer({ settings });
      const { client, questions } = person(answer);
      yield* connectClient(server, { "x-user-id": "alice" }, client);
      const { isError, text } = yield* call(client, "git push");
      assert.equal(isError, true);
      assert.match(text, expected);
      assert.doesNotMatch(text, /alice: git push/);
      assert.equal(questions.length, 1);
    }));
}

it.live("always is the rule that asked, in this session only", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ settings });
    const first = person(decide("always"), decide("no"));
    yield* connectClient(server, { "x-user-id": "alice" }, first.client);
    for (const command of ["git push", "git pull"]) assert.equal((yield* call(first.client, command)).isError, false);
    assert.equal(first.questions.length, 1);
    assert.equal((yield* call(first.client, "npm publish")).isError, true);
    const second = person(decide("no"));
    yield* connectClient(server, { "x-user-id": "alice" }, second.client);
    assert.equal((yield* call(second.client, "git push")).isError, true);
    assert.equal(second.questions.length, 1);
  }));
