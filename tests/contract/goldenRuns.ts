/**
 * Runs whose rendering is kept byte for byte in `tests/fixtures/views/`, one file a view.
 *
 * `deno run --allow-read --allow-write tests/contract/goldenRuns.ts` writes the files anew; a change of
 * theirs is a change of what clients read.
 */
import { make as converter } from "../../src/adapters/converter/OpenAiChunks.ts";
import type { AgentEvent, FinishReason } from "../../src/domain/AgentEvent.ts";
import type { ExecutionOutcome } from "../../src/domain/Execution.ts";
import { type ConversionOptions, View } from "../../src/services/Converter.ts";

const usage = { inputTokens: 120, cachedInputTokens: 40, outputTokens: 33, reasoningTokens: 7 };
const finished = (reason: FinishReason, turns = 2): AgentEvent => ({ _tag: "RunFinished", reason, usage, turns });
const said = (text: string): AgentEvent => ({ _tag: "TextDelta", text });
const thought = (text: string): AgentEvent => ({ _tag: "ReasoningDelta", text });

const outcome = (changes: Partial<ExecutionOutcome>): ExecutionOutcome => ({
  exitCode: 0,
  stdout: "",
  stderr: "",
  timedOut: false,
  truncated: false,
  oomKilled: false,
  durationMs: 5,
  stdoutBytes: 0,
  stderrBytes: 0,
  ...changes,
});

/** A call of ours and its result. */
const called = (
  id: string,
  name: string,
  args: unknown,
  text: string,
  ended?: Partial<ExecutionOutcome>,
): ReadonlyArray<AgentEvent> => {
  const call = { id, name, argumentsJson: typeof args === "string" ? args : JSON.stringify(args) };
  const isError = name === "read_file";
  const result = { text, isError, ...(ended === undefined ? {} : { outcome: outcome(ended) }) };
  return [{ _tag: "ToolCallStarted", call }, { _tag: "ToolCallFinished", call, result, durationMs: 5 }];
};

const bash = (id: string, command: string, ended: Partial<ExecutionOutcome>) =>
  called(id, "execute_bash", { command }, JSON.stringify({ exit_code: ended.exitCode ?? 0, ...ended }), ended);

const artifact = (name: string, isImage: boolean, sizeBytes: number) => ({
  id: `artifact-${name}`,
  path: `/workspace/${name}`,
  name,
  sizeBytes,
  mediaType: isImage ? "image/png" : "text/csv",
  modifiedAtMs: 1_700_000_000_000,
  isImage,
  url: `https://caisson.test/v1/artifacts/artifact-${name}/content?expires=1&signature=s`,
  urlExpiresAtMs: 1_700_000_600_000,
});

/** Runs by what they show. */
const runs: Readonly<Record<string, ReadonlyArray<AgentEvent>>> = {
  "text": [said("Hel"), said(""), said("lo \u{1F30D}"), finished("Stop", 1)],
  "reasoning": [thought("They greet"), thought(""), thought(" me."), said("Hello."), finished("Stop", 1)],
  "tools": [
    thought("hm"),
    said("Let me "),
    said("look."),
    ...bash("call_1", "echo '<a> & \"b\"'", { stdout: '<a> & "b"\n' }),
    ...bash("call_2", "false; printf '```\\n'", { stdout: "```\n", stderr: "no\n", exitCode: 1 }),
    thought("Again."),
    ...called("call_3", "write_file", { file_path: "a.txt", content: "x".repeat(300) }, "Successfully wrote 300 bytes"),
    ...called("call_4", "read_file", { file_path: "missing" }, "Error: no such file"),
    said("It is done."),
    finished("Stop", 3),
  ],
  "tools before any text": [...bash("call_1", "true", {}), said("Done."), finished("Stop")],
  "arguments that are no JSON": [
    ...called("call_1", "execute_bash", '{"command":', "Invalid arguments"),
    said("Sorry."),
    finished("Stop"),
  ],
  "long output": [
    ...bash("call_1", `seq ${"1".repeat(3_000)}`, {
      stdout: "0123456789\n".repeat(750),
      note: "cut",
      timedOut: true,
    }),
    said("Long."),
    finished("Stop"),
  ],
  "out of memory": [...bash("call_1", "boom", { exitCode: 137, oomKilled: true }), said("Too big."), finished("Stop")],
  "client tools": [
    said("I ask you."),
    ...bash("call_1", "ls", { stdout: "a\n" }),
    { _tag: "ClientToolCalled", call: { id: "call_8", name: "weather", argumentsJson: '{"city":"Oslo"}' } },
    { _tag: "ClientToolCalled", call: { id: "call_9", name: "weather", argumentsJson: '{"city":"Rome"}' } },
    finished("ClientTools"),
  ],
  "client tools alone": [
    { _tag: "ClientToolCalled", call: { id: "call_9", name: "weather", argumentsJson: "{}" } },
    finished("ClientTools", 1),
  ],
  "approval": [
    said("I publish it."),
    ...bash("call_1", "ls", { stdout: "a\n" }),
    {
      _tag: "ApprovalRequested",
      id: "appr_1",
      calls: [
        {
          call: { id: "call_2", name: "execute_bash", argumentsJson: '{"command":"git push\\u202e","timeout":5}' },
          rule: "Bash(git push *)",
        },
        { call: { id: "call_3", name: "write_file", argumentsJson: '{"file_path":"a","content":"```"}' } },
      ],
      expiresAtMs: 1_700_000_000_000,
    },
    finished("Approval"),
  ],
  "artifacts": [
    ...bash("call_1", "plot", {}),
    said("Here it is."),
    {
      _tag: "ArtifactsChanged",
      artifacts: [artifact("chart [1].png", true, 900), artifact("data.csv", false, 2_500_000)],
    },
    finished("Stop"),
  ],
  "cut after a call": [said("Let me look."), ...bash("call_1", "ls", { stdout: "a\n" }), finished("TurnLimit", 1)],
  ...Object.fromEntries(
    (["OutputLimit", "ContentFilter", "TimeLimit", "RunOutputLimit", "SpendingLimit"] as const)
      .map((reason) => [`ended by ${reason}`, [said("half an "), finished(reason, 1)]]),
  ),
  "nothing but an end": [finished("TimeLimit", 1)],
  "broken off": [said("half"), ...bash("call_1", "ls", { stdout: "a\n" }), thought("and then")],
};

const variants: Readonly<Record<string, Partial<ConversionOptions>>> = {
  "plain": {},
  "with usage": { includeUsage: true },
  "answer only": { answerOnly: true },
};

const optionsOf = (view: View, changes: Partial<ConversionOptions>): ConversionOptions => ({
  view,
  id: "chatcmpl-golden",
  createdSeconds: 1_700_000_000,
  model: "golden",
  includeUsage: false,
  answerOnly: false,
  ...changes,
});

/** Every run in a view: each chunk that is streamed as a line, then the whole response as one. */
export const golden = (view: View): string =>
  Object.entries(runs).flatMap(([name, events]) =>
    Object.entries(variants).flatMap(([variant, changes]) => {
      const { step } = converter.start(optionsOf(view, changes));
      return [
        `# ${name}, ${variant}: streamed`,
        ...events.flatMap((event) => step(event)),
        `# ${name}, ${variant}: whole`,
        JSON.stringify(converter.fold(optionsOf(view, changes), events)),
      ];
    })
  ).join("\n") + "\n";

/** Where the golden file of a view is. */
export const goldenFile = (view: View): URL => new URL(`../fixtures/views/${view}.txt`, import.meta.url);

if (import.meta.main) { for (const view of View.literals) Deno.writeTextFileSync(goldenFile(view), golden(view)); }
