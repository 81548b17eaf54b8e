/**
 * How each view shows the tool activity of a run.
 *
 * A view is a pure description: for a call, for what it prints while it runs and for its result, the part that goes
 * into the answer, into the reasoning, or into `tool_calls`. It knows neither chunks nor streams.
 */
import {
  renderCallBlock,
  renderCallThought,
  renderResultBlock,
  renderResultThought,
} from "../../domain/activityMarkup.ts";
import type { ToolCallFinished, ToolOutput } from "../../domain/AgentEvent.ts";
import type { ToolCall } from "../../domain/Message.ts";
import type { View } from "../../services/Converter.ts";

/** Where a piece of activity goes in a response. */
export type Shown =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "Content"; readonly text: string }
  | { readonly _tag: "Reasoning"; readonly text: string }
  | { readonly _tag: "ToolCall"; readonly call: ToolCall };

const nothing: Shown = { _tag: "Nothing" };
const content = (text: string): Shown => ({ _tag: "Content", text });
const reasoning = (text: string): Shown => ({ _tag: "Reasoning", text });

interface Showing {
  readonly started: (call: ToolCall) => Shown;
  /** What people read while a call runs, in a response that streams; `isFirst` for the first of a call. */
  readonly running: (call: ToolCall, output: ToolOutput, isFirst: boolean) => string;
  readonly finished: (event: ToolCallFinished) => Shown;
}

const silent = () => "";

/** What a call printed lately, and how much of it is not shown. */
const renderOutput = ({ text, omitted }: ToolOutput): string =>
  omitted === undefined ? text : `\n… ${omitted} characters left out …\n${text}`;

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#x27;",
};

const attribute = (value: string) => value.replace(/[&<>"']/g, (character) => escapes[character] ?? character);

/**
 * The block in which Open WebUI draws an executed call.
 *
 * It reads `arguments` and `result` as JSON, so texts are encoded as JSON strings; that also keeps
 * line breaks out of the tag. The id stands first: a block that begins with its type is replaced by its bare result
 * before Open WebUI sends a history back, and the id would be lost with it.
 */
const renderDetails = ({ call, result }: ToolCallFinished): string =>
  `\n\n<details id="${attribute(call.id)}" type="tool_calls" done="true" name="${attribute(call.name)}" ` +
  `arguments="${attribute(JSON.stringify(call.argumentsJson))}" result="${attribute(JSON.stringify(result.text))}">\n` +
  `<summary>Tool Executed</summary>\n</details>\n\n`;

/** The views by name; the table for people stands in `docs/views.md`. */
export const showings: { readonly [K in View]: Showing } = {
  text: {
    started: (call) => content(renderCallBlock(call)),
    running: silent,
    finished: (event) => content(renderResultBlock(event.result, event.call.id)),
  },
  tool_calls: {
    started: (call) => ({ _tag: "ToolCall", call }),
    running: silent,
    finished: (event) => content(renderResultBlock(event.result, event.call.id)),
  },
  reasoning: {
    started: (call) => reasoning(renderCallThought(call)),
    running: (_call, output) => renderOutput(output),
    finished: (event) => reasoning(renderResultThought(event.result)),
  },
  details: {
    started: () => nothing,
    // A block cannot be shown before it is whole, but a call that takes its time can be thought of aloud.
    running: (call, output, isFirst) => (isFirst ? renderCallThought(call) : "") + renderOutput(output),
    finished: (event) => content(renderDetails(event)),
  },
  none: { started: () => nothing, running: silent, finished: () => nothing },
  // Told as data beside the answer.
  events: { started: () => nothing, running: silent, finished: () => nothing },
};
