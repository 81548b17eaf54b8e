import assert from "node:assert/strict";
import { Deferred, Effect } from "effect";
import { agentTools } from "../../src/domain/agentTools.ts";
import { ObjectCall } from "../../src/domain/toolArguments.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import { it } from "../support/it.ts";
import { connectClient, initialize, makeServer, post } from "./support/server.ts";

it.live("tools/list offers the agent's own declarations with titles, hints and output schemas", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    const { tools } = yield* Effect.promise(() => client.listTools());
    assert.deepEqual(tools.map((tool) => tool.name), agentTools.map((tool) => tool.name));
    for (const tool of tools) {
      assert.equal(tool.inputSchema.type, "object");
      assert.equal(tool.outputSchema?.type, "object");
      assert.equal(typeof tool.annotations?.readOnlyHint, "boolean");
      assert.equal(tool.title, tool.annotations?.title);
    }
  }));

it.live("tools/call answers text and structured content in the caller's own sandbox", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    yield* Effect.promise(() => client.listTools());
    const result = yield* Effect.promise(() =>
      client.callTool({ name: "execute_bash", arguments: { command: "echo hi" } })
    );
    assert.deepEqual(result.content, [{ type: "text", text: "alice: echo hi" }]);
    assert.deepEqual(result.structuredContent, { exit_code: 0, stdout: "alice: echo hi", stderr: "" });
    assert.equal(server.toolbox.released.length, server.toolbox.opened.length);
  }));

it.live("tools/call hands arguments over as the object that they came as, and not as a text again", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    const given = { file_path: "a", content: "b" };
    yield* Effect.promise(() => client.callTool({ name: "write_file", arguments: given }));
    const [call] = server.toolbox.calls;
    assert.ok(call instanceof ObjectCall);
    assert.deepEqual([call.given, call.argumentsJson], [given, JSON.stringify(given)]);
  }));

it.live("tools/call sends live output as progress while the command runs", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    const seen = yield* Deferred.make<string | undefined>();
    const result = yield* Effect.promise(() =>
      client.callTool({ name: "execute_bash", arguments: { command: "wait" } }, undefined, {
        onprogress: ({ message }) => {
          Deferred.doneUnsafe(seen, Effect.succeed(message));
          server.toolbox.proceed.openUnsafe();
        },
      })
    );
    assert.equal(yield* Deferred.await(seen), "one\n");
    assert.equal(result.isError, false);
  }));

it.live("tools/call interrupts the command when the client cancels", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    const stop = new AbortController();
    const call = client.callTool({ name: "execute_bash", arguments: { command: "hang" } }, undefined, {
      signal: stop.signal,
    }).then(() => "answered", () => "cancelled");
    yield* Deferred.await(server.toolbox.hanging);
    stop.abort();
    assert.equal(yield* Effect.promise(() => call), "cancelled");
    yield* Deferred.await(server.toolbox.interrupted);
  }));

it.live("tools/call interrupts the command whose cancellation came before it", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const opened = yield* Effect.promise(() => post(server, initialize));
    const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
    yield* Effect.promise(() => opened.text());
    const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } };
    const call = {
      jsonrpc: "2.0",
      id: 5,
      method: "tools/call",
      params: { name: "execute_bash", arguments: { command: "hang" } },
    };
    assert.equal((yield* Effect.promise(() => post(server, JSON.stringify(cancel), session))).status, 202);
    const answer = yield* Effect.promise(async () => (await post(server, JSON.stringify(call), session)).text());
    assert.match(answer, /-32800/);
  }));

it.live("tools/call interrupts the command when the session is deleted", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client, transport } = yield* connectClient(server, { "x-user-id": "alice" });
    const call = client.callTool({ name: "execute_bash", arguments: { command: "hang" } }).catch(() => undefined);
    yield* Deferred.await(server.toolbox.hanging);
    yield* Effect.promise(() => transport.terminateSession());
    yield* Deferred.await(server.toolbox.interrupted);
    yield* Effect.promise(() => client.close());
    yield* Effect.promise(() => call);
  }));

it.live("tools/call tells nothing of the inside when the machinery fails", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    const call = (command: string) =>
      Effect.promise(() =>
        client.callTool({ name: "execute_bash", arguments: { command } }).catch((error: unknown) => String(error))
      );
    const full = yield* call("full");
    const boom = yield* call("boom");
    assert.doesNotMatch(JSON.stringify([full, boom]), /secret/);
    assert.match(JSON.stringify(full), /All 7 sandboxes of this server are in use/);
    assert.match(JSON.stringify(boom), /Internal error/);
  }));

it.live("tools/call refuses bad parameters and unknown tools by name", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    const failure = (name: string) =>
      Effect.promise(() => client.callTool({ name }).then(() => undefined, (error: { code: number }) => error.code));
    assert.equal(yield* failure("nothing"), -32602);
    const refused = yield* Effect.promise(() => client.callTool({ name: "read_file", arguments: {} }));
    assert.equal(refused.isError, true);
  }));

it.live("tools/call refuses arguments that the tool does not know, by name", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    const call = (args: Record<string, unknown>) =>
      Effect.promise(() => client.callTool({ name: "execute_bash", arguments: args }));
    const refused = yield* call({ command: "true", timeout_ms: 5, ["k".repeat(1000)]: 1 });
    assert.equal(refused.isError, true);
    assert.deepEqual(refused.content, [{
      type: "text",
      text: `Error: Invalid arguments for execute_bash: it has no 'timeout_ms', '${"k".repeat(64)}'; ` +
        "it takes command, timeout, background",
    }]);
    assert.equal((yield* call({ command: "true", timeout: null })).isError, false);
  }));

it.live("prompts/get answers the prompt of the session's user", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    const { prompts } = yield* Effect.promise(() => client.listPrompts());
    assert.deepEqual(prompts.map((prompt) => prompt.name), ["agent_system_prompt"]);
    const { messages } = yield* Effect.promise(() => client.getPrompt({ name: "agent_system_prompt" }));
    assert.deepEqual(messages, [{ role: "user", content: { type: "text", text: "prompt of alice" } }]);
  }));

it.live("tools/call refuses what a rule denies or asks for, and carries out the rest", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({
      settings: { toolsDeny: parseToolRules("Bash(rm *)") ?? [], toolsAsk: parseToolRules("Bash(git *)") ?? [] },
    });
    const { client } = yield* connectClient(server, { "x-user-id": "alice" });
    const call = (command: string) =>
      Effect.promise(() => client.callTool({ name: "execute_bash", arguments: { command } }));
    const refused = yield* call("cd x; rm y");
    assert.equal(refused.isError, true);
    assert.match(JSON.stringify(refused.content), /not allowed here \(rule Bash\(rm \*\)\)/);
    const unasked = yield* call("git push");
    assert.equal(unasked.isError, true);
    assert.match(JSON.stringify(unasked.content), /needs a person's approval \(rule Bash\(git \*\)\)/);
    assert.equal((yield* call("echo hi")).isError, false);
  }));
