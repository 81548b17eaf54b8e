import assert from "node:assert/strict";
import { FrameReader } from "../../../../web/src/sse.ts";
import { newRun, RunReader, type RunView, storedRun } from "../../../../web/src/state/run.ts";
import { pathOf } from "../../../../web/src/state/tree.ts";
import { titleOfStep } from "../../../../web/src/thread/stepTitle.ts";
import type { CaissonEvent, Chunk, FileOut, TurnOut } from "../../../../web/src/wire.ts";

const start = () => newRun({ text: "q", uploads: [], model: "m", parent: null, startedMs: 0 });

/** A run as plain data, without what differs each time. */
const plain = (run: RunView) => ({
  status: run.status.value,
  reason: run.reason.value,
  turn: run.turn.value,
  files: run.files.value.map(({ path }) => path),
  spans: run.spans.value,
  parts: run.parts.value.map((part) =>
    part.kind === "step"
      ? { tool: part.tool, output: part.output.pieces.map(({ text }) => text).join(""), end: part.end.value }
      : { kind: part.kind, text: part.text.value }
  ),
});

let seq = 0;
type Event = CaissonEvent extends infer E ? E extends CaissonEvent ? Omit<E, "seq" | "at_ms"> : never : never;
const chunk = (delta: Chunk["choices"][number]["delta"], event?: Event): Chunk => ({
  id: "r",
  model: "m",
  choices: [{ index: 0, delta, finish_reason: null } as Chunk["choices"][number]],
  ...(event === undefined ? {} : { caisson: { seq: ++seq, at_ms: seq * 10, ...event } as CaissonEvent }),
});

const file = (path: string, change: "added" | "deleted") => ({
  id: path,
  path,
  filename: path,
  bytes: 1,
  media_type: "text/plain",
  created_at: 0,
  url: "http://x/y",
  change,
});

const story = (): ReadonlyArray<Chunk> => {
  seq = 0;
  return [
    chunk({}, { type: "run.started", run: "run_1", session: "s", turn: "t1", parent: null, model: "m" }),
    chunk({ reasoning_content: "hm" }),
    chunk({ content: "I will " }),
    chunk({ content: "look." }),
    chunk({}, { type: "tool.started", call: { id: "c", name: "execute_bash", arguments: '{"command":"ls"}' } }),
    chunk({}, { type: "tool.output", call_id: "c", stream: "stdout", text: "a\n" }),
    chunk({}, { type: "tool.output", call_id: "c", stream: "stderr", text: "b\n" }),
    chunk({}, {
      type: "tool.finished",
      call_id: "c",
      is_error: false,
      result: { exit_code: 3, stdout: "a\n", stderr: "b\n", timed_out: true },
      duration_ms: 5,
    }),
    chunk({}, { type: "files.changed", files: [file("x", "added"), file("y", "added")] }),
    chunk({}, { type: "files.changed", files: [file("x", "deleted")] }),
    chunk({ content: "Done." }),
    chunk({}, { type: "run.finished", reason: "Stop", turns: 2, usage: { prompt_tokens: 1, completion_tokens: 2 } }),
  ];
};

const hear = (chunks: ReadonlyArray<Chunk>): RunView => {
  const run = start();
  const reader = new RunReader(run, () => 1);
  for (const each of chunks) reader.hear(each);
  return run;
};

Deno.test("a run is told in the order it happened", () => {
  assert.deepEqual(plain(hear(story())), {
    status: "running",
    reason: "Stop",
    turn: "t1",
    files: ["y"],
    spans: [{ kind: "model", fromMs: 0, toMs: 20 }, { kind: "tool", fromMs: 20, toMs: 50 }, {
      kind: "model",
      fromMs: 50,
      toMs: 80,
    }],
    parts: [
      { kind: "thought", text: "hm" },
      { kind: "text", text: "I will look." },
      {
        tool: "execute_bash",
        output: "a\nb\n",
        end: { exitCode: 3, isError: false, flags: ["timed_out"], result: "", durationMs: 5 },
      },
      { kind: "text", text: "Done." },
    ],
  });
});

Deno.test("any cutting of one stream gives the same run", () => {
  const text = story().map((each, index) => `id: ${index}\ndata: ${JSON.stringify(each)}\n\n`).join(": tick\n\n");
  const wanted = plain(hear(story()));
  for (const size of [1, 2, 3, 7, 50, text.length]) {
    const reader = new FrameReader();
    const run = start();
    const hearer = new RunReader(run, () => 1);
    for (let at = 0; at < text.length; at += size) {
      for (const { data } of reader.read(text.slice(at, at + size))) hearer.hear(JSON.parse(data));
    }
    assert.deepEqual(plain(run), wanted);
  }
});

Deno.test("events that are heard again after a break change nothing", () => {
  const chunks = story().filter(({ caisson }) => caisson !== undefined);
  assert.deepEqual(plain(hear([...chunks, ...chunks])), plain(hear(chunks)));
});

Deno.test("output that was cut while it ran is replaced by the result", () => {
  seq = 0;
  const run = hear([
    chunk({}, { type: "tool.started", call: { id: "c", name: "execute_bash", arguments: "{}" } }),
    chunk({}, { type: "tool.output", call_id: "c", stream: "stdout", text: "head" }),
    chunk({}, {
      type: "tool.finished",
      call_id: "c",
      is_error: false,
      result: { exit_code: 0, stdout: "head…tail", stderr: "", truncated: true },
      duration_ms: 1,
    }),
  ]);
  const [step] = run.parts.value;
  assert.equal(step?.kind === "step" && step.output.pieces.map(({ text }) => text).join(""), "head…tail");
});

Deno.test("what was printed in the last moment, and told by the result alone, is shown too", () => {
  seq = 0;
  const run = hear([
    chunk({}, { type: "tool.started", call: { id: "c", name: "execute_bash", arguments: "{}" } }),
    chunk({}, { type: "tool.output", call_id: "c", stream: "stdout", text: "epoch 1\n" }),
    chunk({}, {
      type: "tool.finished",
      call_id: "c",
      is_error: false,
      result: { exit_code: 0, stdout: "epoch 1\nepoch 2\n", stderr: "" },
      duration_ms: 1,
    }),
  ]);
  const [step] = run.parts.value;
  assert.equal(step?.kind === "step" && step.output.pieces.map(({ text }) => text).join(""), "epoch 1\nepoch 2\n");
});

Deno.test("output beyond what is shown costs nothing", () => {
  seq = 0;
  const run = hear([
    chunk({}, { type: "tool.started", call: { id: "c", name: "execute_bash", arguments: "not json" } }),
    ...Array.from(
      { length: 10 },
      () => chunk({}, { type: "tool.output", call_id: "c", stream: "stdout", text: "x".repeat(100_000) }),
    ),
  ]);
  const [step] = run.parts.value;
  assert.equal(step?.kind === "step" && step.output.characters, 400_000);
});

Deno.test("a stored turn reads like the run it was", () => {
  const run = storedRun(
    {
      id: "t1",
      parent: null,
      status: "cancelled",
      model: "m",
      created_at: 1,
      finished_at: 3,
      usage: { prompt_tokens: 1, completion_tokens: 2 },
      messages: [
        { role: "user", content: "look" },
        {
          role: "assistant",
          content: "I will.",
          tool_calls: [{ id: "c", function: { name: "execute_bash", arguments: '{"command":"ls"}' } }],
        },
        { role: "tool", tool_call_id: "c", content: '{"exit_code":1,"stdout":"a","stderr":"b"}' },
        { role: "assistant", content: "Done." },
      ],
    },
    new Map(),
    [],
  );
  const { parts, status } = plain(run);
  assert.equal(status, "stopped");
  assert.deepEqual(parts, [
    { kind: "text", text: "I will." },
    {
      tool: "execute_bash",
      output: "ab",
      end: { exitCode: 1, isError: false, flags: [], result: "", durationMs: 0 },
    },
    { kind: "text", text: "Done." },
  ]);
});

Deno.test("the newest branch is shown unless another was chosen; a circle does not hang", () => {
  const turns = [
    { id: "a", parent: null },
    { id: "b", parent: "a" },
    { id: "c", parent: "a" },
    { id: "d", parent: null },
    { id: "e", parent: "b" },
  ];
  const ids = (chosen: Record<string, string>) => pathOf(turns, chosen).map(({ id }) => id).join("");
  assert.equal(ids({}), "d");
  assert.equal(ids({ "": "a" }), "ac");
  assert.equal(ids({ "": "a", a: "b" }), "abe");
  assert.equal(ids({ "": "gone" }), "d");
  const circle = pathOf([{ id: "x", parent: null }, { id: "x", parent: "x" }], {});
  assert.ok(circle.length <= 3);
});

Deno.test("steps are told in words", () => {
  const told = (tool: string, input: Record<string, unknown>) => {
    const { verb, what } = titleOfStep({ tool, input });
    return `${verb}: ${what}`;
  };
  assert.equal(told("execute_bash", { command: "python3 -c 'print(1)'" }), "Python: print(1)");
  assert.equal(told("execute_bash", { command: "ls -la" }), "Shell: ls -la");
  assert.equal(told("write_file", { file_path: "/workspace/a/b.csv", content: "" }), "Wrote: a/b.csv");
  assert.equal(told("anything", { a: 1 }), "anything: ");
});

Deno.test("a stored turn has the files that it made, as they are now, and those that are gone", () => {
  const turn: TurnOut = {
    id: "t",
    parent: null,
    status: "completed",
    model: "m",
    created_at: 0,
    finished_at: 1,
    usage: { prompt_tokens: 1, completion_tokens: 1 },
    files: [file("/workspace/a", "added"), file("/workspace/b", "added")],
    messages: [{ role: "user", content: "q" }],
  };
  const now = { ...file("/workspace/a", "added"), bytes: 9 };
  const shown = (files: ReadonlyArray<FileOut> | undefined) =>
    storedRun(turn, new Map(), files).files.value.map(({ path, bytes, isGone }) => [path, bytes, isGone]);
  assert.deepEqual(shown([now]), [["/workspace/a", 9, undefined], ["/workspace/b", 1, true]]);
  assert.deepEqual(shown(undefined), [["/workspace/a", 1, undefined], ["/workspace/b", 1, undefined]]);
  assert.deepEqual(storedRun({ ...turn, files: null }, new Map(), [now]).files.value, []);
});

Deno.test("what a run asks is data: the words that tell it again are not shown, and a stored turn asks the same", () => {
  const held = {
    id: "c",
    name: "execute_bash",
    arguments: '{"command":"git push"}',
    rule: "Bash(git push *)",
  };
  const asking = { id: "appr_1", expires_at: 9, calls: [held] };
  const run = hear([
    chunk({ content: "I publish it." }),
    chunk({}, { type: "approval.requested", ...asking }),
    chunk({ content: "Waiting for you (appr_1). Answer yes, no or always." }),
  ]);
  assert.deepEqual(run.asking.value, asking);
  assert.deepEqual(plain(run).parts, [{ kind: "text", text: "I publish it." }]);

  const called = {
    id: "c",
    function: { name: held.name, arguments: held.arguments },
  };
  const turn: TurnOut = {
    id: "t1",
    parent: null,
    status: "awaiting-approval",
    model: "m",
    created_at: 0,
    finished_at: 0,
    usage: { prompt_tokens: 0, completion_tokens: 0 },
    approval: asking,
    messages: [{
      role: "assistant",
      content: "I publish it.",
      tool_calls: [called],
    }],
  };
  const stored = storedRun(turn, new Map(), []);
  assert.deepEqual(stored.asking.value, asking);
  assert.deepEqual(plain(stored).parts, [{
    kind: "text",
    text: "I publish it.",
  }]);

  // The turn that decides carries the call out; one that only has a refusal for it shows no step.
  const { approval: _asked, ...plainTurn } = turn;
  const answer: TurnOut = {
    ...plainTurn,
    id: "t2",
    parent: "t1",
    status: "completed",
    messages: [{ role: "tool", content: "{}", tool_call_id: "c" }, { role: "user", content: "yes" }],
  };
  const ran = {
    id: "c",
    turn: "t2",
    tool: held.name,
    exit_code: 0,
    stdout: "pushed",
    stderr: "",
    flags: [],
    result: "",
    is_error: false,
    started_at_ms: 0,
    duration_ms: 3,
  };
  const parts = (executions: ReadonlyMap<string, typeof ran>) =>
    storedRun(answer, executions, [], asking).parts.value.map(({ kind }) => kind);
  assert.deepEqual(parts(new Map([["c", ran]])), ["step"]);
  assert.deepEqual(parts(new Map()), []);
});
