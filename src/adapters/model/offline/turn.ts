/**
 * One turn of the offline model: a pure function of the request.
 *
 * The plan is made from the newest user message; how many of its steps were already called tells
 * which comes next. So a turn needs no memory, and the same request always gets the same turn.
 */
import { type Message, textOf, type ToolCall, toolCallsOf, type ToolMessage } from "../../../domain/Message.ts";
import type { ModelRequest, ToolChoice } from "../../../services/Model.ts";
import { readAttached } from "./attached.ts";
import { abilities, announce, confession, describe, failed } from "./answer.ts";
import { writtenFile } from "./history.ts";
import { offeredCall } from "./offered.ts";
import { answerTitleRequest, answerUiTask } from "./uiTask.ts";
import { argumentsOf, asCell, ourTools, type Step, toolOf, withOffered } from "./Step.ts";
import { tooLong, understand, understoodCharsMax } from "./understand.ts";

/** What the model does in a turn: it says `text`, then makes `call` if there is one. */
export interface Turn {
  readonly text: string;
  readonly call?: ToolCall;
}

/** The tool choice asks for a call that the text does not give. */
export interface Unfulfillable {
  readonly why: string;
}

const auto: ToolChoice = { _tag: "Auto" };

/** The step a named tool choice forces when the text gives no arguments for it. */
const forced = (request: ModelRequest, name: string, message: string): Step | undefined => {
  const parameters = request.tools.find((tool) => tool.name === name)?.parameters;
  const required: unknown = parameters?.["required"];
  const fields = Array.isArray(required) ? required.filter((field) => typeof field === "string") : [];
  const [only] = fields;
  if (fields.length > 1) return undefined;
  // A single required argument takes the whole message: the best that rules can do.
  return { _tag: "Named", tool: name, argumentsJson: JSON.stringify(only === undefined ? {} : { [only]: message }) };
};

/** What there is beside the words of the newest message. */
interface Known {
  readonly before: ReadonlyArray<Message>;
  /** Where the file is that came with it last. */
  readonly attached: string | undefined;
}

/** Letters at the beginning of a message that say where its code shall run. */
const wishMax = 120;
const cellWish = /\b(?:execute_python|notebook|kernel|cell)\b/i;

/** The steps of a message; where none of our own tools is offered, also the client's function that it clearly means. */
const stepsOf = (
  { tools }: ModelRequest,
  message: string,
  { before, attached }: Known,
): ReadonlyArray<Step> => {
  const offered = tools.map((tool) => tool.name);
  const wantsCell = offered.includes("execute_python") && cellWish.test(message.slice(0, wishMax));
  const understood = understand(message, { file: attached ?? writtenFile(before), tools: offered });
  const steps = wantsCell ? understood.map(asCell) : understood;
  const runsHosted = steps.length > 0 && offered.some((name) => name === "python" || name === "shell");
  const isTheirs = offered.length > 0 && !runsHosted && !offered.some((name) => ourTools.has(name));
  if (!isTheirs || message.length > understoodCharsMax || steps.some(({ _tag }) => _tag === "Named")) return steps;
  const meant = offeredCall(message, tools);
  return meant === undefined ? steps : [meant];
};

const planOf = (
  request: ModelRequest,
  message: string,
  known: Known,
): ReadonlyArray<Step> | Unfulfillable => {
  const choice = request.parameters.toolChoice ?? auto;
  const steps = stepsOf(request, message, known);
  switch (choice._tag) {
    case "Auto":
    case "None":
      return steps;
    case "Required":
      return steps.length > 0 ? steps : { why: "a tool call is required and the message asks for none it understands" };
    case "Named": {
      const fitting = steps.filter((step) => toolOf(step) === choice.name);
      const step = fitting.length > 0 ? undefined : forced(request, choice.name, message);
      if (fitting.length > 0) return fitting;
      return step === undefined ? { why: `the message gives no arguments for the tool ${choice.name}` } : [step];
    }
  }
};

/** The results of this run's calls, in the order of the calls. */
const resultsOf = (run: ReadonlyArray<Message>): ReadonlyArray<ToolMessage> => {
  const calls = run.flatMap(toolCallsOf);
  return calls.flatMap((call) =>
    run.find((message): message is ToolMessage => message.role === "tool" && message.callId === call.id) ?? []
  );
};

/** Words around the results: what this model is, said once in a conversation. */
const signed = (text: string, before: ReadonlyArray<Message>): string =>
  before.some((message) => message.role === "assistant") ? text : `${text}\n\n(${confession})`;

/** Decides a turn. */
export const decide = (request: ModelRequest): Turn | Unfulfillable => {
  const { messages } = request;
  const newest = messages.findLastIndex((message) => message.role === "user");
  const before = messages.slice(0, Math.max(newest, 0));
  const run = messages.slice(newest + 1);
  const newestText = newest < 0 ? "" : messages.slice(newest, newest + 1).map(textOf).join("");
  const { words: message, files } = readAttached(newestText);
  // Chat UIs ask for titles and tags without offering tools, quoting what was said before; they read
  // nothing but the JSON.
  const task = request.tools.length > 0
    ? undefined
    : answerUiTask(message) ?? answerTitleRequest(request.system, messages.map(textOf));
  if (task !== undefined) return { text: task };
  const planned = planOf(request, message, { before, attached: files.at(-1) });
  if ("why" in planned) return planned;

  const offered = new Set(request.tools.map((tool) => tool.name));
  const plan = planned.map((step) => withOffered(step, offered));
  const tools = request.parameters.toolChoice?._tag === "None" ? new Set<string>() : offered;
  const results = resultsOf(run);
  const described = plan.slice(0, results.length).map((step, index) => {
    const result = results[index];
    return result === undefined ? "" : describe(step, result);
  });
  const next = plan[results.length];

  if (plan.length === 0) {
    const why = tooLong(message);
    return { text: [confession, ...(why === undefined ? [] : [why]), abilities].join("\n\n") };
  }
  if (next === undefined) return { text: signed(described.join("\n\n"), before) };
  if (results.some(failed)) {
    const left = plan.length - results.length;
    described.push(`I stopped there: ${left === 1 ? "one step was" : `${left} steps were`} not tried.`);
    return { text: signed(described.join("\n\n"), before) };
  }
  const tool = toolOf(next);
  if (!tools.has(tool)) {
    const why = ourTools.has(tool) ? `the tool ${tool}, which this request does not offer` : `the tool ${tool}`;
    described.push(`For this I would need ${why}.`);
    return { text: signed(described.join("\n\n"), before) };
  }
  return {
    text: plan.length > 1 ? announce(next, results.length, plan.length) : "",
    // Unique within its conversation, and the same for the same request.
    call: { id: `call_offline_${messages.length}_${results.length}`, name: tool, argumentsJson: argumentsOf(next) },
  };
};
