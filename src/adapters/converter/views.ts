/**
 * How each view shows the tool activity of a run.
 *
 * A view is a pure description: for a call and for its result, the parts that go into the answer,
 * into the reasoning, or into `tool_calls`. It knows neither chunks nor streams.
 */
import {
  renderCallBlock,
  renderCallThought,
  renderResultBlock,
  renderResultThought,
} from "../../domain/activityMarkup.ts";
import type { ToolCallFinished } from "../../domain/AgentEvent.ts";
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
  readonly finished: (event: ToolCallFinished) => Shown;
}

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
    finished: (event) => content(renderResultBlock(event.result, event.call.id)),
  },
  tool_calls: {
    started: (call) => ({ _tag: "ToolCall", call }),
    finished: (event) => content(renderResultBlock(event.result, event.call.id)),
  },
  reasoning: {
    started: (call) => reasoning(renderCallThought(call)),
    finished: (event) => reasoning(renderResultThought(event.result)),
  },
  details: { started: () => nothing, finished: (event) => content(renderDetails(event)) },
  none: { started: () => nothing, finished: () => nothing },
};
