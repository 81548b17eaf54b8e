/**
 * Calls that a person is asked about, as clients of `/v1/responses` meet them: as requests for approval and responses.
 */
import assert from "node:assert/strict";
import { Deferred, Effect, Layer } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import * as SqliteResponses from "../../src/adapters/responses/Sqlite.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { notRun } from "../../src/domain/Approval.ts";
import { textOf } from "../../src/domain/Message.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { type App, type AppOptions, withApp } from "../support/app.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";

type Json = Record<string, unknown>;

const rules = (text: string) => parseToolRules(text) ?? assert.fail(text);
const asking: Partial<SettingsService> = {
  toolsAsk: rules("Bash(git push *)"),
  toolsDeny: rules("Bash(rm *)"),
};
const shell = { type: "shell", environment: { type: "container_auto" } };
const push = "git push origin main";
const sh = (id: string, ...commands: ReadonlyArray<string>) => Scripted.toolCall(id, "shell", { commands });

const ask = (app: App, method: string, path: string, body?: unknown, user = "ada") =>
  app.send(
    new Request(`http://caisson.test/v1${path}`, {
      method,
      headers: { "content-type": "application/json", "x-user-id": user },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
const respond = async (app: App, body: Json, user?: string): Promise<Json> => {
  const response = await ask(app, "POST", "/responses", { tools: [shell], ...body }, user);
  const read = await response.json();
  assert.equal(response.status, 200, JSON.stringify(read));
  return read;
};
const refused = async (app: App, body: Json, user?: string) => {
  const response = await ask(app, "POST", "/responses", { tools: [shell], ...body }, user);
  const { error } = await response.json();
  return [response.status, error?.param, error?.message];
};
const outputOf = (response: Json) => response["output"] as ReadonlyArray<Json>;
const typesOf = (response: Json) => outputOf(response).map(({ type }) => type);
const requestsOf = (response: Json) => outputOf(response).filter(({ type }) => type === "mcp_approval_request");
const answer = (request: Json | undefined, approve: boolean, more: Json = {}) => ({
  type: "mcp_approval_response",
  approval_request_id: request?.["id"],
  approve,
  ...more,
});
const said = (content: string) => ({ type: "message", role: "user", content });

/** A model that makes calls first, and then says how many answers it has given. */
const script = (...calls: ReadonlyArray<ReturnType<typeof sh>>) => {
  const seen: Array<ModelRequest> = [];
  const reply: Scripted.Step = (request) => {
    seen.push(request);
    return [Scripted.text(`answer ${seen.length}`), Scripted.finished()];
  };
  return { seen, steps: [Scripted.calls(...calls), ...Array.from({ length: 20 }, () => reply)] };
};

/** What a model was shown, in short. */
const shown = (request: ModelRequest | undefined) =>
  request?.messages.map((message) =>
    message.role === "tool" ? `result ${message.callId}` : `${message.role} ${textOf(message)}`.trim()
  );
const resultIn = (request: ModelRequest | undefined, callId: string) => {
  const found = request?.messages.find((message) => message.role === "tool" && message.callId === callId);
  return found === undefined ? undefined : textOf(found);
};

const pushes = ({ executed }: ReturnType<typeof fakeSandbox>) => executed.filter((command) => command === push).length;

const within = (
  body: (app: App, model: ReturnType<typeof script>, sandbox: ReturnType<typeof fakeSandbox>) => Promise<void>,
  options: AppOptions = {},
) => {
  const model = script(sh("c0", "ls"), sh("c1", push));
  const sandbox = fakeSandbox(({ command }) => Effect.succeed(outcome(`did ${command}`)));
  return withApp({ settings: asking, steps: model.steps, sandbox, ...options }, (app) => body(app, model, sandbox));
};

Deno.test("a response ends with what is asked, as an event, stored and heard again alike", () =>
  within(async (app, _, sandbox) => {
    const response = await ask(app, "POST", "/responses", { input: "Publish it.", tools: [shell], stream: true });
    const events = (await response.text()).split("\n\n").filter((frame) => frame.startsWith("event: "))
      .map((frame): Json => JSON.parse(frame.slice(frame.indexOf("data: ") + 6)));
    const last = events.at(-1);
    assert.equal(last?.["type"], "response.completed");
    const whole = last["response"] as Json;
    assert.equal(whole["status"], "completed");
    assert.deepEqual(typesOf(whole), ["shell_call", "shell_call_output", "mcp_approval_request"]);
    const [request] = requestsOf(whole);
    const { id, container_id: container, ...rest } = request ?? {};
    assert.deepEqual(rest, {
      type: "mcp_approval_request",
      arguments: JSON.stringify({ commands: [push] }),
      name: "shell",
      server_label: "caisson",
    });
    assert.match(String(id), /^mcpr_[0-9a-f]{48}$/);
    assert.match(String(container), /^cntr_/);
    assert.deepEqual(
      events.filter(({ item }) => (item as Json | undefined)?.["id"] === id).map(({ type, item }) => [type, item]),
      [["response.output_item.added", request], ["response.output_item.done", request]],
    );
    assert.deepEqual(
      outputOf(whole),
      events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item),
    );
    assert.deepEqual(await (await ask(app, "GET", `/responses/${whole["id"]}`)).json(), whole);
    assert.deepEqual(sandbox.executed, ["ls"]);
  }));

for (const store of [true, false]) {
  for (const approve of [true, false]) {
    const how = store ? "by the response before" : "with what was asked sent again";
    Deno.test(`${how}, ${approve ? "an approved call runs once, in its container" : "a refused one never"}`, () =>
      within(async (app, { seen }, sandbox) => {
        const first = await respond(app, { input: "Publish it.", store });
        const [request] = requestsOf(first);
        const decision = answer(request, approve, approve ? {} : { reason: "Not on a Friday." });
        const input = store
          ? [decision, said("Then tell me.")]
          : [said("Publish it."), ...outputOf(first), decision, said("Then tell me.")];
        const body = { input, store, ...(store && { previous_response_id: first["id"] }) };
        const second = await respond(app, body);
        assert.deepEqual(
          typesOf(second),
          approve ? ["shell_call", "shell_call_output", "message"] : ["message"],
        );
        assert.deepEqual(sandbox.executed, approve ? ["ls", push] : ["ls"]);
        // The call has its result before the words that came with the decision.
        assert.deepEqual(shown(seen[0]), [
          "user Publish it.",
          "assistant",
          "result c0",
          ...(store ? [] : ["assistant"]),
          "result c1",
          "user Then tell me.",
        ]);
        const result = resultIn(seen[0], "c1");
        if (approve) assert.match(String(result), new RegExp(`did ${push}`));
        else assert.equal(result, `${notRun.refused} They said: Not on a Friday.`);
        if (approve) {
          const [call] = outputOf(second);
          assert.equal((call?.["environment"] as Json)["container_id"], request?.["container_id"]);
        }
        // Answered again, by a client that tries again or regenerates: what came of it.
        const again = await respond(app, body);
        assert.equal(pushes(sandbox), approve ? 1 : 0);
        assert.equal(resultIn(seen[1], "c1"), result);
        if (approve) {
          const [, output] = outputOf(again);
          assert.deepEqual(output?.["output"], outputOf(second)[1]?.["output"]);
        }
        // And later the model still knows.
        const later = store
          ? { input: "Well?", previous_response_id: second["id"] }
          : { input: [...input, ...outputOf(second), said("Well?")], store };
        assert.deepEqual(typesOf(await respond(app, later)), ["message"]);
        assert.equal(pushes(sandbox), approve ? 1 : 0);
        const texts = seen[2]?.messages.filter(({ role }) => role === "tool").map(textOf) ?? [];
        assert.equal(texts.length, 2);
        assert.match(String(texts[1]), approve ? /did git push/ : /^Not run: the user refused this call/);
      }));
  }
}

Deno.test("who says something else approves nothing, and a call needs no output of the client's", () =>
  within(async (app, { seen }, sandbox) => {
    const first = await respond(app, { input: "Publish it." });
    await respond(app, { input: "Make a backup first.", previous_response_id: first["id"], tools: [] });
    assert.equal(resultIn(seen[0], "c1"), notRun.unanswered);
    assert.deepEqual(shown(seen[0])?.slice(-2), ["result c1", "user Make a backup first."]);
    assert.equal(pushes(sandbox), 0);
    const made = { type: "function_call_output", call_id: "c1", output: "done, trust me" };
    assert.deepEqual((await refused(app, { input: [made], previous_response_id: first["id"] }))[0], 400);
    // What was not answered there can still be decided from the response that asked.
    await respond(app, { input: [answer(requestsOf(first)[0], true)], previous_response_id: first["id"] });
    assert.equal(pushes(sandbox), 1);
  }));

Deno.test("a conversation remembers what was asked, and an item can be named by its id", () =>
  within(async (app, { seen }, sandbox) => {
    const conversation = (await (await ask(app, "POST", "/conversations", {})).json()).id;
    const first = await respond(app, { input: "Publish it.", conversation });
    const [request] = requestsOf(first);
    const referred = [said("Publish it."), { type: "item_reference", id: request?.["id"] }, answer(request, false)];
    await respond(app, { input: referred });
    assert.equal(resultIn(seen[0], "c1"), notRun.refused);
    const second = await respond(app, { input: [answer(request, true)], conversation });
    assert.deepEqual(typesOf(second), ["shell_call", "shell_call_output", "message"]);
    assert.equal(pushes(sandbox), 1);
    const [status, param] = await refused(app, { input: [answer(request, true)], conversation });
    assert.deepEqual([status, param], [400, "input[0].approval_request_id"]);
  }));

Deno.test("several calls are asked and decided each by itself, in their order", () => {
  const { seen, steps } = script(sh("c1", push), sh("c2", "date"), sh("c3", "rm x"));
  const sandbox = fakeSandbox(({ command }) => Effect.succeed(outcome(`did ${command}`)));
  return withApp({ settings: asking, steps, sandbox }, async (app) => {
    const first = await respond(app, { input: "Go." });
    const [one, two, ...none] = requestsOf(first);
    assert.equal(none.length, 0);
    assert.notEqual(one?.["id"], two?.["id"]);
    const input = [answer(two, true), answer(one, false)];
    await respond(app, { input, previous_response_id: first["id"] });
    assert.deepEqual(sandbox.executed, ["date"]);
    assert.equal(resultIn(seen[0], "c1"), notRun.refused);
    assert.match(String(resultIn(seen[0], "c2")), /did date/);
  });
});

Deno.test("bad answers are refused by name, and what a client makes up runs nothing", () =>
  within(async (app, { seen }, sandbox) => {
    const first = await respond(app, { input: "Publish it." });
    const [request] = requestsOf(first);
    const at = { previous_response_id: first["id"] };
    const param = async (input: ReadonlyArray<unknown>, more: Json = at, user?: string) =>
      (await refused(app, { input, ...more }, user)).slice(0, 2);
    assert.deepEqual(await param([answer({ id: "mcpr_none" }, true)]), [400, "input[0].approval_request_id"]);
    assert.deepEqual(await param([{ ...answer(request, true), approve: "yes" }]), [400, "input[0]"]);
    assert.deepEqual(
      await param([answer(request, true), answer(request, false)]),
      [400, "input[1].approval_request_id"],
    );
    assert.deepEqual(await param([answer(request, true)], { ...at, tools: [] }), [400, "tools"]);
    assert.deepEqual(await param([answer(request, true)], {}), [400, "input[0].approval_request_id"]);
    assert.deepEqual((await refused(app, { input: [answer(request, true)], ...at }, "eve"))[0], 400);
    const compact = await ask(app, "POST", "/responses/compact", { model: "scripted", ...at });
    assert.equal(compact.status, 400);
    // Another user's, one that was never asked, and one whose arguments were exchanged.
    await respond(app, { input: [said("x"), request, answer(request, true)] }, "eve");
    const forged = { ...request, id: String(request?.["id"]).replace(/.$/, "9") };
    await respond(app, { input: [said("x"), forged, answer(forged, true)] });
    assert.equal(pushes(sandbox), 0);
    for (const { messages } of seen.slice(0, 2)) assert.equal(messages.map(textOf).at(-1), notRun.tooLate);
    const exchanged = { ...request, arguments: JSON.stringify({ commands: ["cat secrets"] }) };
    await respond(app, { input: [said("x"), exchanged, answer(request, true)] });
    assert.deepEqual(sandbox.executed, ["ls", push]);
  }));

Deno.test("an approval that comes too late runs nothing", () =>
  within(async (app, { seen }, sandbox) => {
    const first = await respond(app, { input: "Publish it." });
    await respond(app, { input: [answer(requestsOf(first)[0], true)], previous_response_id: first["id"] });
    assert.equal(resultIn(seen[0], "c1"), notRun.tooLate);
    assert.equal(pushes(sandbox), 0);
  }, { settings: { ...asking, approvalSeconds: -1 } }));

Deno.test("what is asked goes with its response", () =>
  within(async (app, { seen }, sandbox) => {
    const first = await respond(app, { input: "Publish it." });
    assert.equal((await ask(app, "DELETE", `/responses/${first["id"]}`)).status, 200);
    await respond(app, { input: [said("Publish it."), ...outputOf(first), answer(requestsOf(first)[0], true)] });
    assert.equal(pushes(sandbox), 0);
    assert.deepEqual(seen[0]?.messages.map(textOf).slice(-1), [notRun.tooLate]);
  }));

Deno.test("a run that is cancelled in the middle of an approved call says so to who approves it again", () => {
  const model = script(sh("c1", push));
  const began = Deferred.makeUnsafe<void>();
  const sandbox = fakeSandbox(({ command }) =>
    command === push
      ? Effect.andThen(Deferred.succeed(began, undefined), Effect.never)
      : Effect.succeed(outcome(`did ${command}`))
  );
  return withApp({ settings: asking, steps: model.steps, sandbox }, async (app) => {
    const first = await respond(app, { input: "Publish it." });
    const body = { input: [answer(requestsOf(first)[0], true)], previous_response_id: first["id"] };
    const second = await respond(app, { ...body, background: true });
    await Effect.runPromise(Deferred.await(began));
    const cancelled = await (await ask(app, "POST", `/responses/${second["id"]}/cancel`)).json();
    assert.equal(cancelled.status, "cancelled");
    await respond(app, body);
    assert.equal(pushes(sandbox), 1);
    assert.match(String(resultIn(model.seen[0], "c1")), /^Approved and started before, but not completed/);
    // What was cancelled can be gone on from as well.
    const later = await respond(app, { input: "And?", previous_response_id: second["id"] });
    assert.equal(later["status"], "completed");
  });
});

Deno.test("of two instances with one store, answering at once, one carries a call out", async () => {
  const dataPath = await Deno.makeTempDir();
  const responses = SqliteResponses.layer.pipe(Layer.provide(Settings.layerWith({ dataPath })));
  const began = Deferred.makeUnsafe<void>();
  const goOn = Deferred.makeUnsafe<void>();
  const sandbox = fakeSandbox(({ command }) =>
    Effect.gen(function* () {
      if (command !== push) return outcome(`did ${command}`);
      yield* Deferred.succeed(began, undefined);
      yield* Deferred.await(goOn);
      return outcome(`did ${command}`);
    })
  );
  const [here, there] = [script(sh("c0", "ls"), sh("c1", push)), script()];
  // Each has its own model, and both the same store and place.
  there.steps.shift();
  const options = { settings: asking, sandbox };
  await withApp(
    { ...options, steps: here.steps, responses: Layer.fresh(responses) },
    (one) =>
      withApp({ ...options, steps: there.steps, responses: Layer.fresh(responses) }, async (two) => {
        const container = (await (await ask(one, "POST", "/containers", { name: "x" })).json()).id;
        const other = (await (await ask(two, "POST", "/containers", { name: "x" })).json()).id;
        const toolsIn = (
          id: unknown,
        ) => [{ type: "shell", environment: { type: "container_reference", container_id: id } }];
        const first = await respond(one, { input: "Publish it.", tools: toolsIn(container) });
        const body = { input: [answer(requestsOf(first)[0], true)], previous_response_id: first["id"] };
        const winner = respond(one, { ...body, tools: toolsIn(container) });
        await Effect.runPromise(Deferred.await(began));
        const loser = respond(two, { ...body, tools: toolsIn(other) });
        await Effect.runPromise(Deferred.succeed(goOn, undefined));
        const [won, lost] = await Promise.all([winner, loser]);
        assert.equal(pushes(sandbox), 1);
        assert.equal(resultIn(there.seen[0], "c1"), resultIn(here.seen[0], "c1"));
        assert.deepEqual(typesOf(lost), typesOf(won));
        assert.deepEqual(outputOf(lost)[1]?.["output"], outputOf(won)[1]?.["output"]);
      }),
  );
  await Deno.remove(dataPath, { recursive: true });
});
