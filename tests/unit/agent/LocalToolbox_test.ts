import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Exit, Layer, Stream } from "effect";
import { layer as toolboxLayer } from "../../../src/agent/LocalToolbox.ts";
import { declarations } from "../../../src/domain/agentTools.ts";
import { Settings } from "../../../src/config.ts";
import type { ExecutionOutcome } from "../../../src/domain/Execution.ts";
import type { Owner } from "../../../src/domain/Owner.ts";
import { ObjectCall } from "../../../src/domain/toolArguments.ts";
import { judge } from "../../../src/domain/toolPolicy.ts";
import { parseToolRules } from "../../../src/domain/ToolRule.ts";
import {
  FileError,
  Sandbox,
  SandboxError,
  type SandboxHandle,
  SandboxLost,
  type SandboxService,
} from "../../../src/services/Sandbox.ts";
import { Toolbox } from "../../../src/services/Toolbox.ts";
import { contentOf } from "../../support/fakeSandbox.ts";
import { it } from "../../support/it.ts";

const owner: Owner = { principal: "p", user: "u", ephemeral: false };

const outcome: ExecutionOutcome = {
  exitCode: 0,
  stdout: "out",
  stderr: "",
  timedOut: false,
  truncated: false,
  oomKilled: false,
  durationMs: 1,
  stdoutBytes: 3,
  stderrBytes: 0,
};

const unplanned = () => Effect.die(new Error("unplanned call"));

/** A sandbox of planned answers that counts how often it is opened and how many uses are open. */
const sandbox = (handle: Partial<SandboxHandle>) => {
  const counts = { opened: 0, open: 0 };
  const service: SandboxService = {
    info: { kind: "scripted", why: "a test", controls: [], notes: [] },
    health: Effect.succeed({ healthy: true, detail: "", open: 0 }),
    open: () =>
      Effect.acquireRelease(
        Effect.sync((): SandboxHandle => {
          counts.opened += 1;
          counts.open += 1;
          return {
            id: "s",
            execute: unplanned,
            writeFile: unplanned,
            readText: unplanned,
            readBytes: () => Stream.die(new Error("unplanned call")),
            readDocstring: unplanned,
            runCell: unplanned,
            changedFiles: unplanned,
            dial: unplanned,
            ...handle,
          };
        }),
        () => Effect.sync(() => counts.open -= 1),
      ),
    reset: () => Effect.void,
  };
  const layer = toolboxLayer.pipe(
    Layer.provide(Layer.succeed(Sandbox, Sandbox.of(service))),
    Layer.provide(Settings.layerWith()),
  );
  return { counts, layer };
};

const call = (name: string, args: unknown) =>
  Effect.gen(function* () {
    const tools = yield* (yield* Toolbox).open(owner);
    return yield* tools.call({ id: "1", name, argumentsJson: typeof args === "string" ? args : JSON.stringify(args) });
  });

it.effect("Tools.call runs a command with the default timeout and reports only the flags that are true", () => {
  const asked: Array<number> = [];
  const { layer } = sandbox({
    execute: ({ timeoutMs }) =>
      Effect.sync(() => {
        asked.push(timeoutMs);
        return { ...outcome, timedOut: true, exitCode: 124 };
      }),
  });
  return Effect.gen(function* () {
    // A null is what some models send for an argument that they leave out.
    const result = yield* call("execute_bash", { command: "sleep 99", timeout: null });
    assert.equal(result.text, '{"exit_code":124,"stdout":"out","stderr":"","timed_out":true}');
    assert.equal(result.isError, false);
    assert.deepEqual(asked, [30_000]);
  }).pipe(Effect.provide(layer));
});

it.effect("Tools.call writes text as UTF-8 and says how many bytes it wrote", () => {
  const { layer } = sandbox({ writeFile: (_path, content) => Effect.map(contentOf(content), ({ length }) => length) });
  return Effect.gen(function* () {
    const result = yield* call("write_file", { file_path: "a.txt", content: "häß" });
    assert.equal(result.text, "Successfully wrote 5 bytes to a.txt");
  }).pipe(Effect.provide(layer));
});

/** A call of which nobody may ask for the text of its arguments. */
class Unwritten extends ObjectCall {
  override get argumentsJson(): string {
    return assert.fail("the arguments were written as a text");
  }
}

it.effect("Tools.call hands over a long text in pieces, and never writes its arguments out to read them again", () => {
  const pieces: Array<Uint8Array> = [];
  const { layer } = sandbox({
    writeFile: (_path, content) =>
      content instanceof Uint8Array
        ? Effect.sync(() => assert.fail("all in one piece"))
        : Stream.runForEachArray(content, (batch) =>
          Effect.sync(() => {
            assert.equal(batch.length, 1);
            pieces.push(...batch);
          })).pipe(Effect.andThen(Effect.sync(() => Buffer.concat(pieces).length))),
  });
  return Effect.gen(function* () {
    const tools = yield* (yield* Toolbox).open(owner);
    // Characters of two units at every place where a piece could end.
    for (const content of [`${"😀".repeat(500_000)}`, `a${"😀".repeat(500_000)}`, `${"水a".repeat(500_000)}\ud83d`]) {
      pieces.length = 0;
      const result = yield* tools.call(new Unwritten("1", "write_file", { file_path: "a.txt", content }));
      const expected = new TextEncoder().encode(content);
      assert.equal(result.text, `Successfully wrote ${expected.length} bytes to a.txt`);
      assert.equal(Buffer.concat(pieces).equals(expected), true);
      assert.ok(pieces.every(({ length }) => length <= 1024 * 1024));
    }
    const denied = judge(
      { deny: parseToolRules("Write(/etc/*)") ?? [], ask: [], allow: [], otherwise: "allow" },
      [new Unwritten("1", "write_file", { file_path: "../etc/a", content: "" })],
    );
    assert.equal(denied._tag, "Deny");
  }).pipe(Effect.provide(layer));
});

it.effect("Tools.call takes the text of a number or boolean where the schema says so, and nothing else", () => {
  const asked: Array<unknown> = [];
  const { layer } = sandbox({
    execute: ({ command, timeoutMs }) =>
      Effect.sync(() => void asked.push([command, timeoutMs])).pipe(Effect.as(outcome)),
    readText: (path, options) =>
      Effect.sync(() => void asked.push([path, options])).pipe(Effect.as({ text: "5", truncated: false })),
  });
  return Effect.gen(function* () {
    for (const timeout of ["5", "2.5", "1e1", 5]) {
      const result = yield* call("execute_bash", { command: "true", timeout, background: "false" });
      assert.equal(result.isError, false, result.text);
    }
    yield* call("read_file", { file_path: "5", offset: "3", line_count: "2.0", column: null });
    assert.deepEqual(asked, [
      ["true", 5_000],
      ["true", 2_500],
      ["true", 10_000],
      ["true", 5_000],
      ["5", { offset: 3, lineCount: 2 }],
    ]);
  }).pipe(Effect.provide(layer));
});

it.effect("Tools.call tells where to read on when a page does not end the file", () => {
  const { layer } = sandbox({ readText: () => Effect.succeed({ text: "a\nb\n", truncated: true }) });
  return Effect.gen(function* () {
    const result = yield* call("read_file", { file_path: "a.txt", offset: 10, line_count: 2 });
    assert.equal(result.text, "a\nb\n\n[cut here: read on with offset 12]");
  }).pipe(Effect.provide(layer));
});

it.effect("Tools.call returns an empty docstring as an empty result", () => {
  const { layer } = sandbox({ readDocstring: () => Effect.succeed("") });
  return Effect.gen(function* () {
    const result = yield* call("read_docstring", { file_path: "a.py", function_name: "f" });
    assert.deepEqual(result, { text: "", isError: false, structured: { docstring: "" } });
  }).pipe(Effect.provide(layer));
});

it.effect("Tools.call gives the model a result it can mend when a file is refused", () => {
  const { layer } = sandbox({
    readText: (path) => Effect.fail(new FileError({ path, reason: "NotFound", why: "no such file" })),
  });
  return Effect.gen(function* () {
    const result = yield* call("read_file", { file_path: "nope.txt" });
    assert.deepEqual(result, {
      text: "Error: nope.txt: no such file",
      isError: true,
      refusedFile: { path: "nope.txt", reason: "NotFound", why: "no such file" },
    });
  }).pipe(Effect.provide(layer));
});

const mistakes: ReadonlyArray<readonly [name: string, args: unknown, expected: RegExp]> = [
  ["execute_bash", "{not json", /Invalid arguments for execute_bash/],
  ["execute_bash", {}, /Invalid arguments for execute_bash.*[\s\S]*command/],
  ["execute_bash", { command: "x", timeout: 100000 }, /Invalid arguments for execute_bash.*[\s\S]*timeout/],
  ["read_file", { file_path: "x", offset: -1 }, /Invalid arguments for read_file.*[\s\S]*offset/],
  ...["5s", " 5", "+5", "05", "0x5", "5.", "Infinity", "", "9".repeat(41), ["5"]].map((timeout) =>
    ["execute_bash", { command: "x", timeout }, /Invalid arguments for execute_bash[^]*timeout/] as const
  ),
  ["execute_bash", { command: "x", timeout: "601" }, /Invalid arguments for execute_bash[^]*timeout/],
  ["execute_bash", { command: 5 }, /Invalid arguments for execute_bash[^]*command/],
  ["read_file", { file_path: "x", offset: "1.5" }, /Invalid arguments for read_file[^]*offset/],
  ...["True", "yes", "1", "", 1, "toString"].map((all) =>
    [
      "edit_file",
      { file_path: "x", old_text: "a", new_text: "b", all },
      /Invalid arguments for edit_file[^]*all/,
    ] as const
  ),
  ["rm_rf", {}, /no tool named 'rm_rf'.*execute_bash, execute_python, write_file, edit_file, read_file/],
  ["toString", {}, /no tool named 'toString'/],
];

for (const [name, args, expected] of mistakes) {
  it.effect(`Tools.call answers a mistaken call of ${name} with ${JSON.stringify(args)} without a sandbox`, () => {
    const { layer, counts } = sandbox({});
    return Effect.gen(function* () {
      const result = yield* call(name, args);
      assert.equal(result.isError, true);
      assert.match(result.text, expected);
      assert.equal(counts.opened, 0);
    }).pipe(Effect.provide(layer));
  });
}

it.effect("Toolbox.open holds the sandbox from the first call to the end of the scope", () => {
  const { layer, counts } = sandbox({ execute: () => Effect.succeed(outcome) });
  return Effect.gen(function* () {
    yield* Effect.scoped(Effect.gen(function* () {
      const tools = yield* (yield* Toolbox).open(owner);
      assert.deepEqual(tools.declarations, declarations);
      assert.equal(counts.open, 0);
      const bash = { id: "1", name: "execute_bash", argumentsJson: '{"command":"x"}' };
      yield* tools.call(bash);
      yield* tools.call(bash);
      assert.equal(counts.open, 1);
    }));
    assert.equal(counts.open, 0);
  }).pipe(Effect.provide(layer));
});

it.effect("Tools.call fails when the sandbox itself failed", () => {
  const lost = new SandboxError({ reason: new SandboxLost({}), detail: "gone" });
  const { layer } = sandbox({ execute: () => Effect.fail(lost) });
  return Effect.gen(function* () {
    const exit = yield* Effect.exit(call("execute_bash", { command: "x" }));
    assert.deepEqual(exit, Exit.fail(lost));
  }).pipe(Effect.provide(layer));
});
