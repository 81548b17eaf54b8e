/** A host that a model asks for at the MCP server's door, and behind an agent of ours that asked the person itself. */
import assert from "node:assert/strict";
import { Effect, Layer, Logger, Option } from "effect";
import { Client } from "@modelcontextprotocol/sdk/client";
import type { ElicitResult } from "@modelcontextprotocol/sdk/types";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import * as LocalToolbox from "../../src/agent/LocalToolbox.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { egressRows } from "../../src/config/egress.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import { layerHttp } from "../../src/mcp/surfaces.ts";
import { Egress, type EgressService } from "../../src/services/Egress.ts";
import { approvedMeta } from "../../src/services/toolResultMeta.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { reaching, unreached } from "../support/reachingSandbox.ts";
import { connectClient, makeServer } from "./support/server.ts";

const list = <A>(row: { readonly parse: (text: string) => Option.Option<A> }, text: string): A =>
  Option.getOrElse(row.parse(text), () => assert.fail(text));

const asking: Partial<SettingsService> = {
  egress: "allowlist",
  egressAllow: list(egressRows.egressAllow, "allowed.example"),
  egressAsk: list(egressRows.egressAsk, "*"),
  egressDeny: list(egressRows.egressDeny, "denied.example"),
};

/** A server over the tools of a sandbox with a way out, and that way out. */
const serverWith = Effect.fnUntraced(function* (changes: Partial<SettingsService> = {}) {
  const settings = { ...asking, ...changes };
  const configured = Settings.layerWith(settings);
  const context = yield* Layer.build(Layer.provide(unreached, [configured, Logger.layer([])]));
  const egress: EgressService = yield* Effect.provide(Egress, context);
  const surfaces = layerHttp.pipe(
    Layer.provide(LocalToolbox.layer),
    Layer.provide(reaching(fakeSandbox()).layer),
    Layer.provide([Layer.succeed(Egress, egress), configured]),
  );
  return { server: yield* makeServer({ settings, surfaces }), egress };
});

/** A client whose user gives these answers in order; without any it shows no forms. */
const person = (...answers: ReadonlyArray<string>) => {
  const left = [...answers];
  const questions: Array<string> = [];
  const capabilities = answers.length === 0 ? {} : { elicitation: { form: {} } };
  const client = new Client({ name: "test", version: "1" }, { capabilities });
  if (answers.length > 0) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }): ElicitResult => {
      questions.push(params.message);
      return { action: "accept", content: { decision: left.shift() ?? assert.fail("asked once too often") } };
    });
  }
  return { client, questions };
};

const ask = (
  client: Pick<Client, "callTool">,
  host: string,
  { more = {}, meta }: { readonly more?: Record<string, unknown>; readonly meta?: Readonly<Record<string, unknown>> } =
    {},
) =>
  Effect.map(
    Effect.promise(() =>
      client.callTool({
        name: "request_access",
        arguments: { host, reason: "to test", ...more },
        ...(meta !== undefined && { _meta: meta }),
      })
    ),
    ({ content, isError }) => ({ isError, text: JSON.stringify(content) }),
  );

const connected = Effect.fnUntraced(function* (
  { server }: { readonly server: Parameters<typeof connectClient>[0] },
  { client }: Pick<ReturnType<typeof person>, "client">,
) {
  yield* connectClient(server, { "x-user-id": "alice" }, client);
  return client;
});

it.live("the client's user is asked for a host in a form: yes once, always for the session, no not at all", () =>
  Effect.gen(function* () {
    const scene = yield* serverWith();
    const { client, questions } = person("yes", "always", "no");
    yield* connected(scene, { client });
    assert.equal((yield* ask(client, "one.example")).isError, false);
    assert.match(
      questions[0] ?? "",
      /^May I run this\?\n\nrequest_access \(rule: request_access\(one\.example:443\)\)/,
    );
    assert.equal((yield* ask(client, "two.example")).isError, false);
    assert.equal((yield* ask(client, "TWO.example.")).isError, false);
    assert.equal(questions.length, 2);
    const refused = yield* ask(client, "one.example");
    assert.deepEqual([refused.isError, questions.length], [true, 3]);
    assert.match(refused.text, /the user refused this call/);
  }));

it.live("a client without forms is refused, and neither its model's arguments nor another's meta grant anything", () =>
  Effect.gen(function* () {
    const scene = yield* serverWith();
    const client = yield* connected(scene, person());
    for (
      const given of [
        {},
        { meta: { "caisson/approved": false } },
        { meta: { "caisson/approved": "true" } },
        { meta: { approved: true } },
      ]
    ) {
      const { isError, text } = yield* ask(client, "one.example", given);
      assert.equal(isError, true);
      assert.match(text, /needs a person's approval \(rule request_access\(one\.example:443\)\)/);
    }
    for (const more of [{ approved: true }, { _meta: approvedMeta }]) {
      assert.match(
        (yield* ask(client, "one.example", { more })).text,
        /Invalid arguments for request_access: it has no/,
      );
    }
  }));

it.live("what an agent of ours had approved is granted, and what is denied or no host is not", () =>
  Effect.gen(function* () {
    const scene = yield* serverWith({ toolsDeny: parseToolRules("request_access(*.bad.example)") ?? assert.fail() });
    const client = yield* connected(scene, person());
    const meta = approvedMeta;
    assert.match((yield* ask(client, "one.example", { meta })).text, /^.*Granted: .* one\.example:443 for 600 seconds/);
    for (
      const [host, says] of [
        ["x.BAD.example", /not allowed here/],
        ["denied.example", /cannot be asked for: it is never reached from here/],
        ["169.254.169.254", /Invalid arguments/],
        ["allowed.example", /can be reached without asking/],
      ] as const
    ) assert.match((yield* ask(client, host, { meta })).text, says, host);
    const { tools } = yield* Effect.promise(() => client.listTools());
    const tool = tools.find(({ name }) => name === "request_access");
    assert.equal(tool?.annotations?.openWorldHint, true);
    assert.equal(tool?.outputSchema?.type, "object");
  }));
