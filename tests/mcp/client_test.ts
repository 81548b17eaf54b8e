import assert from "node:assert/strict";
import { Deferred, Effect, Exit, Fiber, Option, Redacted } from "effect";
import { layer as clientLayer } from "../../src/adapters/toolbox/McpClient.ts";
import { declarations } from "../../src/domain/agentTools.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { Toolbox, type ToolboxService } from "../../src/services/Toolbox.ts";
import { it } from "../support/it.ts";
import { reached } from "./support/fakeToolbox.ts";
import { listen, type Listening } from "./support/listening.ts";
import { keyed } from "./support/server.ts";

const alice: Owner = { principal: "api-key:app", user: "alice", ephemeral: false };
const bob: Owner = { ...alice, user: "bob" };
const bash = (command: string) => ({ id: "call", name: "execute_bash", argumentsJson: JSON.stringify({ command }) });

/** The agent's side of a server. */
const withClient = <A, E, R>(
  { url }: Pick<Listening, "url">,
  use: (toolbox: ToolboxService) => Effect.Effect<A, E, R>,
  settings: Partial<SettingsService> = {},
) =>
  Effect.flatMap(Toolbox, use).pipe(
    Effect.provide(clientLayer(url)),
    Effect.provide(Settings.layerWith(settings)),
  );

it.live("McpClient offers the server's tools and gets results with their outcome", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* withClient(server, (toolbox) =>
      Effect.gen(function* () {
        const tools = yield* toolbox.open(alice);
        assert.deepEqual(tools.declarations.map(({ name }) => name), declarations.map(({ name }) => name));
        const result = yield* tools.call(bash("echo hi"));
        const stdout = `${ownerKey(alice)}: echo hi`;
        assert.equal(result.text, stdout);
        assert.equal(result.isError, false);
        assert.equal(result.outcome?.stdout, stdout);
        assert.equal(result.outcome?.durationMs, 5);
        assert.deepEqual(result.structured, { exit_code: 0, stdout, stderr: "" });
        assert.equal(result.egress, undefined);
        assert.deepEqual((yield* tools.call(bash("curl"))).egress, reached);
        assert.equal(yield* toolbox.serverConnected, true);
      }));
  }));

it.live("McpClient gives what the model can mend as results and what it cannot as errors", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* withClient(server, (toolbox) =>
      Effect.gen(function* () {
        const tools = yield* toolbox.open(alice);
        for (
          const call of [
            { id: "1", name: "read_file", argumentsJson: "{}" },
            { id: "2", name: "no_such_tool", argumentsJson: "{}" },
            { id: "3", name: "execute_bash", argumentsJson: "{not json" },
          ]
        ) {
          const result = yield* tools.call(call);
          assert.equal(result.isError, true, call.name);
          assert.match(result.text, /^Error: /);
        }
        const full = yield* Effect.flip(tools.call(bash("full")));
        assert.equal(full._tag, "SandboxError");
        assert.equal(full._tag === "SandboxError" && full.reason._tag, "NoCapacity");
      }));
  }));

it.live("McpClient passes live output on while the command runs", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* withClient(server, (toolbox) =>
      Effect.gen(function* () {
        const tools = yield* toolbox.open(alice);
        const seen: Array<string> = [];
        yield* tools.call(bash("wait"), {
          onOutput: (_stream, text) => {
            seen.push(text);
            server.toolbox.proceed.openUnsafe();
          },
        });
        assert.deepEqual(seen, ["one\n"]);
      }));
  }));

it.live("McpClient cancels the command on the server when its fiber is interrupted", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* withClient(server, (toolbox) =>
      Effect.gen(function* () {
        const tools = yield* toolbox.open(alice);
        const fiber = yield* Effect.forkScoped(tools.call(bash("hang")));
        yield* Deferred.await(server.toolbox.hanging);
        yield* Fiber.interrupt(fiber);
        yield* Deferred.await(server.toolbox.interrupted);
      }));
  }));

it.live("McpClient fails with ToolServerUnavailable when the server dies under a call, and works after its restart", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* withClient(server, (toolbox) =>
      Effect.gen(function* () {
        const tools = yield* toolbox.open(alice);
        const fiber = yield* Effect.forkScoped(Effect.flip(tools.call(bash("hang"))));
        yield* Deferred.await(server.toolbox.hanging);
        yield* server.stop;
        assert.equal((yield* Fiber.join(fiber))._tag, "ToolServerUnavailable");
        assert.equal(yield* toolbox.serverConnected, false);
        assert.equal((yield* Effect.flip(tools.call(bash("echo down"))))._tag, "ToolServerUnavailable");
        assert.equal((yield* Effect.flip(Effect.scoped(toolbox.open(bob))))._tag, "ToolServerUnavailable");
        yield* server.restart;
        assert.equal((yield* tools.call(bash("echo up"))).text, `${ownerKey(alice)}: echo up`);
        assert.equal(yield* toolbox.serverConnected, true);
        yield* Effect.scoped(toolbox.open(bob));
      }));
  }));

it.live("McpClient opens a new session when the server forgot the old one", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* withClient(server, (toolbox) =>
      Effect.gen(function* () {
        yield* Effect.scoped(toolbox.open(alice));
        yield* server.stop;
        yield* server.restart;
        const tools = yield* toolbox.open(alice);
        assert.equal((yield* tools.call(bash("echo again"))).text, `${ownerKey(alice)}: echo again`);
      }));
  }));

it.live("McpClient shares one connection between an owner's runs and keeps owners apart", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    const sessions = Effect.promise(async () =>
      (await (await fetch(new URL("/health", server.url))).json()).sessions as number
    );
    yield* withClient(server, (toolbox) =>
      Effect.gen(function* () {
        yield* Effect.forEach([alice, alice, alice, bob], (owner) => toolbox.open(owner), { concurrency: "unbounded" });
        assert.equal(yield* sessions, 2);
      }));
    assert.equal(yield* sessions, 0);
  }));

it.live("McpClient ends a one-request owner's session with the run", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* withClient(server, (toolbox) =>
      Effect.scoped(Effect.gen(function* () {
        const tools = yield* toolbox.open({ ...alice, ephemeral: true });
        yield* tools.call(bash("echo 1"));
        yield* tools.call(bash("echo 2"));
        assert.equal(server.toolbox.opened.length, 1);
        assert.equal(server.toolbox.opened[0]?.ephemeral, true);
        assert.equal(server.toolbox.released.length, 0);
      })).pipe(Effect.andThen(Effect.sync(() => assert.equal(server.toolbox.released.length, 1)))));
  }));

it.live("McpClient shows its key, asks for the prompt once, and fails without the key", () =>
  Effect.gen(function* () {
    const server = yield* listen({ identity: keyed });
    yield* withClient(server, (toolbox) =>
      Effect.gen(function* () {
        assert.equal(yield* toolbox.systemPrompt(alice), `prompt of ${ownerKey(alice)}`);
        yield* server.stop;
        assert.equal(yield* toolbox.systemPrompt(alice), `prompt of ${ownerKey(alice)}`);
        assert.ok(Exit.isFailure(yield* Effect.exit(toolbox.systemPrompt(bob))));
        yield* server.restart;
      }), { mcpApiKey: Option.some(Redacted.make("key-a")) });
    yield* withClient(server, (toolbox) =>
      Effect.gen(function* () {
        assert.equal((yield* Effect.flip(Effect.scoped(toolbox.open(alice))))._tag, "ToolServerUnavailable");
      }));
  }));
