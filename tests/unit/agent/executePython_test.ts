import assert from "node:assert/strict";
import { Effect } from "effect";
import { cellNotRun, type CellOutcome, type CellRequest } from "../../../src/domain/Cell.ts";
import { makeToolCalls } from "../../../src/agent/toolHandlers.ts";
import { Sandbox } from "../../../src/services/Sandbox.ts";
import { fakeSandbox } from "../../support/fakeSandbox.ts";
import { it } from "../../support/it.ts";
import { tinyPng } from "../../support/tinyPng.ts";

const handleToolCall = makeToolCalls();

const { error: _none, ...quiet } = cellNotRun("");

/** What `execute_python` answers when its cell comes to an outcome. */
const answered = (outcome: Partial<CellOutcome>, args: object = { code: "x" }, kernel?: string) => {
  const asked: Array<CellRequest> = [];
  const sandbox = fakeSandbox(undefined, (request) =>
    Effect.sync(() => {
      asked.push(request);
      return { ...quiet, ...outcome };
    }));
  return Effect.gen(function* () {
    const { open } = yield* Sandbox;
    const handle = yield* open({ principal: "p", user: "u", ephemeral: false });
    const result = yield* handleToolCall(
      { id: "1", name: "execute_python", argumentsJson: JSON.stringify(args) },
      Effect.succeed(handle),
      kernel === undefined ? {} : { kernel },
    );
    return { result, asked, files: [...sandbox.files.keys()] };
  }).pipe(Effect.scoped, Effect.provide(sandbox.layer));
};

it.effect("execute_python tells the result, what was shown and what was raised", () =>
  Effect.gen(function* () {
    const { result, asked } = yield* answered({
      stdout: "out\n",
      displays: [
        { kind: "display", forms: { "text/plain": "shown" } },
        { kind: "result", forms: { "text/plain": "   a", "text/markdown": "| a |", "text/html": "<table/>" } },
      ],
      error: { name: "ValueError", message: "no", traceback: "Traceback …\nValueError: no\n" },
    });
    assert.deepEqual(result.structured, {
      stdout: "out\n",
      stderr: "",
      result: "| a |",
      displays: ["shown"],
      error: "Traceback …\nValueError: no\n",
      images: [],
    });
    assert.deepEqual([result.isError, JSON.parse(result.text)], [false, result.structured]);
    assert.deepEqual(asked.map(({ code, timeoutMs, kernel }) => [code, timeoutMs, kernel]), [["x", 30_000, undefined]]);
  }));

it.effect("execute_python stores pictures as files and shows them", () =>
  Effect.gen(function* () {
    const picture = { kind: "display", forms: { "text/plain": "<Figure 1>", "image/png": tinyPng } } as const;
    const { result, files } = yield* answered({ displays: [picture, picture] });
    const paths = result.images?.map(({ path }) => path ?? "") ?? [];
    assert.equal(paths.length, 2);
    assert.match(paths[0] ?? "", /^\/artifacts\/cell-[a-zA-Z0-9]{8}-1\.png$/);
    assert.deepEqual(files.map((name) => name.slice(name.indexOf(":") + 1)), paths);
    assert.deepEqual(result.structured?.["images"], paths);
    assert.equal(result.images?.[0]?.base64, tinyPng);
    assert.ok(!result.text.includes(tinyPng), "the text holds no picture");
  }));

it.effect("execute_python shows no picture that a provider refuses, and says so", () =>
  Effect.gen(function* () {
    const broken = { kind: "display", forms: { "image/png": tinyPng.slice(0, 60) } } as const;
    const { result, files } = yield* answered({ displays: [broken] });
    assert.equal(files.length, 1);
    assert.equal(result.images, undefined);
    assert.match(
      String(result.structured?.["note"]),
      /cell-\w+-1\.png is not shown: it begins as image\/png and is cut off/,
    );
  }));

it.effect("execute_python says that variables are lost, and why", () =>
  Effect.gen(function* () {
    const { result } = yield* answered({
      restarted: true,
      stateLost: true,
      timedOut: true,
      oomKilled: true,
      displaysLeftOut: 7,
      error: { name: "KernelDied", message: "The Python process was ended by SIGSEGV.", traceback: "" },
    });
    assert.deepEqual({ ...result.structured, note: undefined }, {
      stdout: "",
      stderr: "",
      error: "KernelDied: The Python process was ended by SIGSEGV.",
      images: [],
      restarted: true,
      state_lost: true,
      timed_out: true,
      oom_killed: true,
      note: undefined,
    });
    const note = String(result.structured?.["note"]);
    assert.match(note, /started anew before this cell.*Variables are lost.*7 further displays/);
  }));

it.effect("execute_python works in the kernel of its run, and in another within it by name", () =>
  Effect.gen(function* () {
    const kernelOf = (args: object, kernel?: string) =>
      Effect.map(answered({}, { code: "x", ...args }, kernel), ({ asked }) => asked[0]?.kernel);
    assert.equal(yield* kernelOf({}), undefined);
    assert.equal(yield* kernelOf({}, "run"), "run");
    assert.equal(yield* kernelOf({ kernel: "b" }, "run"), "run.b");
    assert.equal(yield* kernelOf({ kernel: "b" }), "b");
    const { result } = yield* answered({}, { code: "x", kernel: "../b" });
    assert.match(result.text, /^Error: Invalid arguments for execute_python/);
  }));
