import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import { layer as combined } from "../../src/adapters/toolbox/Combined.ts";
import { declarations } from "../../src/domain/agentTools.ts";
import { Settings } from "../../src/config.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { ToolServers } from "../../src/domain/ToolServer.ts";
import { Toolbox } from "../../src/services/Toolbox.ts";
import { it } from "../support/it.ts";
import { makeFakeToolbox } from "./support/fakeToolbox.ts";
import { listen } from "./support/listening.ts";
import { serverCommand } from "./support/stdioCommand.ts";

const alice = { principal: "p", user: "alice", ephemeral: false };
const bash = (name: string, command: string) => ({ id: "1", name, argumentsJson: JSON.stringify({ command }) });

/** A toolbox of our own plus the given servers. */
const withServers = (mcpServers: ToolServers) =>
  Effect.gen(function* () {
    const own = yield* makeFakeToolbox;
    return combined(own.layer).pipe(Layer.provide(Settings.layerWith({ mcpServers })));
  });

it.live("Combined offers further servers' tools under their names and calls them for the owner", () =>
  Effect.gen(function* () {
    const remote = yield* listen();
    const layer = yield* withServers({
      remote: { url: remote.url },
      child: { command: serverCommand.command, args: [...serverCommand.args, "carol"] },
    });
    yield* Effect.gen(function* () {
      const tools = yield* (yield* Toolbox).open(alice);
      const own = declarations.map(({ name }) => name);
      assert.deepEqual(tools.declarations.map(({ name }) => name), [
        ...own,
        ...own.map((name) => `remote__${name}`),
        ...own.map((name) => `child__${name}`),
      ]);
      assert.equal((yield* tools.call(bash("execute_bash", "a"))).text, "alice: a");
      assert.equal((yield* tools.call(bash("remote__execute_bash", "b"))).text, `${ownerKey(alice)}: b`);
      assert.equal((yield* tools.call(bash("child__execute_bash", "c"))).text, "carol: c");
      assert.equal((yield* tools.call(bash("remote__nothing", "d"))).isError, true);
    }).pipe(Effect.provide(layer));
  }));

it.live("Combined leaves a server out that cannot be reached, and tells the model when one is lost", () =>
  Effect.gen(function* () {
    const remote = yield* listen();
    const layer = yield* withServers({
      remote: { url: remote.url },
      dead: { command: "/nonexistent/server" },
      empty: { url: "http://127.0.0.1:1/mcp" },
    });
    yield* Effect.gen(function* () {
      const tools = yield* (yield* Toolbox).open(alice);
      assert.equal(tools.declarations.length, 2 * declarations.length);
      yield* remote.stop;
      const result = yield* tools.call(bash("remote__execute_bash", "b"));
      assert.deepEqual(result, { text: "Error: remote is not available at the moment", isError: true });
      assert.equal((yield* tools.call(bash("execute_bash", "a"))).text, "alice: a");
    }).pipe(Effect.provide(layer));
  }));
