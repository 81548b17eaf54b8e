import assert from "node:assert/strict";
import { Deferred, Effect } from "effect";
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { declarations } from "../../src/domain/agentTools.ts";
import { it } from "../support/it.ts";
import { initialize } from "./support/server.ts";
import { serverCommand } from "./support/stdioCommand.ts";

const connected = (user: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ name: "test", version: "1" });
      await client.connect(new StdioClientTransport({ ...serverCommand, args: [...serverCommand.args, user] }));
      return client;
    }),
    (client) => Effect.promise(() => client.close()),
  );

it.live("the stdio server offers the same tools, in the sandbox of the configured user", () =>
  Effect.gen(function* () {
    const client = yield* connected("carol");
    const { tools } = yield* Effect.promise(() => client.listTools());
    assert.deepEqual(tools.map(({ name }) => name), declarations.map(({ name }) => name));
    const result = yield* Effect.promise(() =>
      client.callTool({ name: "execute_bash", arguments: { command: "echo hi" } })
    );
    assert.deepEqual(result.content, [{ type: "text", text: "carol: echo hi" }]);
    const { messages } = yield* Effect.promise(() => client.getPrompt({ name: "agent_system_prompt" }));
    assert.deepEqual(messages[0]?.content, { type: "text", text: "prompt of carol" });
  }));

it.live("the stdio server sends progress and cancels the command when asked", () =>
  Effect.gen(function* () {
    const client = yield* connected("carol");
    const seen = yield* Deferred.make<string | undefined>();
    const stop = new AbortController();
    const call = client.callTool({ name: "execute_bash", arguments: { command: "wait" } }, undefined, {
      signal: stop.signal,
      onprogress: ({ message }) => Deferred.doneUnsafe(seen, Effect.succeed(message)),
    }).then(() => "answered", () => "cancelled");
    assert.equal(yield* Deferred.await(seen), "one\n");
    stop.abort();
    assert.equal(yield* Effect.promise(() => call), "cancelled");
    yield* Effect.promise(() => client.ping());
  }));

it.live("the stdio server ends when its client closes stdin, and writes nothing but messages to stdout", () =>
  Effect.gen(function* () {
    const { code, stdout } = yield* Effect.promise(async () => {
      const child = new Deno.Command(serverCommand.command, {
        args: serverCommand.args,
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(
        '{"jsonrpc":"2.0","id":1,"method":"ping"}\nnot json\n{"jsonrpc":"2.0","id":2,"method":"nothing"}\n',
      ));
      await writer.close();
      return await child.output();
    });
    assert.equal(code, 0);
    const lines = new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ id }) => id), [1, 2]);
    assert.equal(lines[1].error.code, -32601);
  }));

it.live("the stdio server answers the call that runs when it is told to end", () =>
  Effect.gen(function* () {
    const lines = yield* Effect.promise(async () => {
      const child = new Deno.Command(serverCommand.command, {
        args: serverCommand.args,
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const writer = child.stdin.getWriter();
      const messages = [
        { id: 0, ...JSON.parse(initialize) },
        { jsonrpc: "2.0", method: "notifications/initialized" },
        {
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name: "execute_bash", arguments: { command: "wait" }, _meta: { progressToken: 1 } },
        },
      ];
      await writer.write(new TextEncoder().encode(messages.map((each) => `${JSON.stringify(each)}\n`).join("")));
      let text = "";
      for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
        // Its first output says that the command runs.
        if (!text.includes("progressToken") && (text + piece).includes("progressToken")) child.kill("SIGTERM");
        text += piece;
      }
      await writer.close().catch(() => undefined);
      await child.status;
      return text.trim().split("\n").map((line) => JSON.parse(line));
    });
    const answer = lines.find(({ id }) => id === 1);
    assert.match(answer.error.message, /session ended while this ran/);
  }));

it.live("the stdio server says why it ends when a message is larger than it takes", () =>
  Effect.gen(function* () {
    const { code, stderr } = yield* Effect.promise(async () => {
      const child = new Deno.Command(serverCommand.command, {
        args: [...serverCommand.args, "carol", "4096"],
        stdin: "piped",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(`{"jsonrpc":"2.0","id":1,"method":"${"x".repeat(8_192)}"`));
      const ended = await child.output();
      await writer.abort().catch(() => {});
      return ended;
    });
    assert.equal(code, 1);
    assert.match(
      new TextDecoder().decode(stderr),
      /CAISSON_BODY_BYTES_MAX is 4096, and a message of the client is larger/,
    );
  }));
