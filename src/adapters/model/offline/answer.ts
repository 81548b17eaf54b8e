/**
 * The offline model's words: what came of the steps, and what it can do.
 *
 * Results are quoted in fenced blocks that no fence of theirs can close. Indented code would need no fence, and chat
 * UIs lose its line breaks.
 */
import { executeBash } from "../../../domain/agentTools.ts";
import { Option, Schema } from "effect";
import { cutMiddle } from "../../../domain/cutText.ts";
import type { Step } from "./Step.ts";
import { understoodCharsMax } from "./understand.ts";

/** Characters of one result that an answer quotes; the whole of it stands in the tool's own result. */
const quotedCharsMax = 4_000;

/** The one sentence that says what this model is. */
export const confession =
  "I am caisson-offline, a rule-based stand-in and not a language model: set GOOGLE_API_KEY (or OPENAI_API_KEY) to use a real one.";

/** What it can be asked, shown when nothing was understood. */
export const abilities = [
  "I understand requests such as:",
  "- `Execute: print('Hello, World!')`, or a fenced ```python or ```bash block",
  "- `Run in a notebook cell: x = 41`, then `Run in a notebook cell: x + 1`: variables stay",
  "- `Execute this bash command: echo hello`, or `Run ls -la`",
  "- `Write a file notes.txt with content 'first line\\nsecond line'`",
  "- `Read the file you just created`, `Read notes.txt`, or `List files`",
  "- `Calculate (2 + 3) * 4`, or `What is the factorial of 20?`",
  "- `Write a Python script hello.py that prints 2+2, then run it`, or a numbered list of such steps",
  '- `Call the tool NAME with {"key": "value"}` for tools your client offers',
  `Outside fenced code blocks I read up to ${understoodCharsMax} characters.`,
].join("\n");

/** How a step ended, as its tool message tells. */
export interface StepResult {
  readonly content: string;
  readonly isError: boolean;
}

const Outcome = executeBash.output;
const decodeOutcome = Schema.decodeUnknownOption(Schema.fromJsonString(Outcome));

/** Whether a result is one that later steps cannot build on. */
export const failed = (result: StepResult): boolean =>
  result.isError || Option.exists(decodeOutcome(result.content), (outcome) => outcome.exit_code !== 0);

/** The longest run of backticks in a text. */
const longestRun = (text: string): number => {
  let longest = 0;
  let run = 0;
  for (let at = 0; at < text.length; at++) {
    run = text[at] === "`" ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return longest;
};

/** Ends a sentence with a quotation. */
const quoting = (sentence: string, quoted: string): string => {
  const text = cutMiddle(quoted.trimEnd(), quotedCharsMax);
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${sentence}:\n\n${fence}\n${text}\n${fence}`;
};

const nameOf = (step: Step): string => {
  switch (step._tag) {
    case "Bash":
      return "The command";
    case "Python":
      return "The Python code";
    case "Write":
      return `Writing ${step.path}`;
    case "Read":
      return `Reading ${step.path}`;
    case "Docstring":
      return `Reading the docstring of ${step.name}`;
    case "Hosted":
      return step.tool === "shell" ? "The command" : "The Python code";
    case "Named":
      return `The tool ${step.tool}`;
  }
};

const flagsOf = (outcome: typeof Outcome.Type): string =>
  [
    outcome.timed_out === true ? "it ran out of time" : "",
    outcome.oom_killed === true ? "it ran out of memory" : "",
    outcome.truncated === true ? "its output was longer than the limit" : "",
  ].filter((flag) => flag !== "").join(", ");

const ofOutcome = (name: string, outcome: typeof Outcome.Type): string => {
  const flags = flagsOf(outcome);
  const ended = outcome.exit_code === 0 ? "" : ` failed with exit code ${outcome.exit_code}`;
  const parts: Array<string> = [];
  const head = `${name}${ended}${flags === "" ? "" : `${ended === "" ? ":" : ","} ${flags}`}`;
  const [out, err] = [outcome.stdout.trimEnd(), outcome.stderr.trimEnd()];
  if (out !== "") parts.push(quoting(ended === "" ? `${head} printed` : `${head}. It printed`, out));
  else parts.push(ended === "" ? `${head} finished and printed nothing.` : `${head}.`);
  if (err !== "") parts.push(quoting("On stderr it said", err));
  // What the server remarks, such as which host was refused, is nowhere else.
  if (outcome.note !== undefined) parts.push(quoting("The server remarks", outcome.note));
  return parts.join("\n\n");
};

const Printed = Schema.Struct({
  stdout: Schema.String,
  result: Schema.optionalKey(Schema.String),
  error: Schema.optionalKey(Schema.String),
});
const decodePrinted = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Union([Printed, Schema.Array(Printed)])),
);

/** What a hosted tool's result says in words; as it stands where it is none of those known here. */
const printed = (content: string): string =>
  Option.match(decodePrinted(content), {
    onNone: () => content,
    onSome: (found) =>
      ("stdout" in found ? [found] : found).flatMap(({ stdout, result = "", error = "" }) => [stdout, result, error])
        .map((text) => text.trimEnd()).filter((text) => text !== "").join("\n"),
  });

/** What to say about a step and its result, quoting the result. */
export const describe = (step: Step, result: StepResult): string => {
  const name = nameOf(step);
  if (result.isError) return quoting(`${name} was refused`, result.content);
  switch (step._tag) {
    case "Bash":
    case "Python": {
      const outcome = decodeOutcome(result.content);
      return Option.isSome(outcome) ? ofOutcome(name, outcome.value) : quoting(`${name} returned`, result.content);
    }
    case "Write":
      return `${result.content.trim()}${result.content.trim().endsWith(".") ? "" : "."}`;
    case "Read":
      return result.content.trim() === "" ? `${step.path} is empty.` : quoting(`${step.path} contains`, result.content);
    case "Docstring":
      return result.content.trim() === ""
        ? `${step.name} has no docstring.`
        : quoting(`The docstring of ${step.name} says`, result.content);
    case "Hosted": {
      const text = printed(result.content);
      return text === "" ? `${name} finished and printed nothing.` : quoting(`${name} printed`, text);
    }
    case "Named":
      return quoting(`${name} answered`, result.content);
  }
};

/** What to say before a step of several. */
export const announce = (step: Step, index: number, total: number): string =>
  `Step ${index + 1} of ${total}: ${
    {
      Bash: "run a command",
      Python: "run Python",
      Hosted: "run code",
      Write: "write",
      Read: "read",
      Docstring: "read the docstring of",
      Named: "call",
    }[
      step._tag
    ]
  }${
    step._tag === "Write" || step._tag === "Read"
      ? ` ${step.path}`
      : step._tag === "Docstring"
      ? ` ${step.name}`
      : step._tag === "Named"
      ? ` ${step.tool}`
      : ""
  }.`;
