/**
 * How tool activity looks inside answer text.
 *
 * The views write these blocks, `resentActivity.ts` reads them again in what clients send back; the marker of a block
 * is declared here, so answer and activity can always be told apart.
 */
import { executeBash, executePython } from "./agentTools.ts";
import { Option, Schema } from "effect";
import type { ApprovalRequested } from "./AgentEvent.ts";
import type { HeldCall } from "./Approval.ts";
import type { Artifact } from "./Artifact.ts";
import type { ToolCall } from "./Message.ts";
import type { ToolResult } from "./Tool.ts";
import { cutMiddle, cutText } from "./cutText.ts";

/** The words of a marker line: what the fenced block after it holds. */
const activityMark = { call: "caisson:call", result: "caisson:result", ask: "caisson:ask" } as const;

/** Characters of a call that are shown: the model's whole text is in the session, people need the gist. */
const callCharactersMax = 2_000;
/** Characters of one argument in a call that is not a command. */
const argumentCharactersMax = 200;
/** Characters of a result that are shown, head and tail. */
const resultCharactersMax = 8_000;
/** The shortest fence Markdown knows. */
export const fenceLengthMin = 3;
const decodeArguments = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)));

const decodeCell = Schema.decodeUnknownOption(executePython.output);

/** A fence that no run of backticks in `body` can close. */
const fenceFor = (body: string): string => {
  let longest = fenceLengthMin - 1;
  let run = 0;
  for (let at = 0; at < body.length; at++) {
    run = body[at] === "`" ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return "`".repeat(longest + 1);
};

/** What an id may look like to stand in a marker: models and providers choose some of them. */
const idInMark = /^[\w-]{1,64}$/;

/**
 * The line before a block that says it is ours and whose call it shows.
 *
 * It is a link reference definition of Markdown, which no renderer shows and no client takes out: what chat UIs keep,
 * send back and do not show. The fence itself carries nothing but the language, so that highlighting works.
 */
const marker = (word: string, callId: string): string =>
  `[//]: # (${word}${idInMark.test(callId) ? ` ${callId}` : ""})`;

const fenced = (language: string, body: string): string => {
  const fence = fenceFor(body);
  return `${fence}${language}\n${body}\n${fence}`;
};

const describedCall = (call: ToolCall): string => {
  const { language, body } = describeCall(call);
  return fenced(language, cutMiddle(body, callCharactersMax));
};

const describedResult = (result: ToolResult): string =>
  fenced("text", cutMiddle(describeResult(result), resultCharactersMax));

const describeCall = (call: ToolCall): { readonly language: string; readonly body: string } => {
  const decoded = decodeArguments(call.argumentsJson);
  if (Option.isNone(decoded)) return { language: "text", body: `${call.name} ${call.argumentsJson}` };
  const values = decoded.value;
  if (call.name === executeBash.name && typeof values["command"] === "string") {
    return { language: "bash", body: values["command"] };
  }
  if (call.name === executePython.name && typeof values["code"] === "string") {
    return { language: "python", body: values["code"] };
  }
  const shown = Object.entries(values).map(([key, value]) => {
    const json = JSON.stringify(value);
    return json.length <= argumentCharactersMax
      ? `${key}=${json}`
      : `${key}=${cutText(json, argumentCharactersMax)} (${json.length} characters)`;
  });
  return { language: "text", body: `${call.name}(${shown.join(", ")})` };
};

const withoutLastBreak = (text: string): string => text.endsWith("\n") ? text.slice(0, -1) : text;

/** What a cell of Python came to, as a notebook shows it; undefined for the result of another tool. */
const describeCell = ({ structured }: ToolResult): string | undefined => {
  if (structured === undefined || !("images" in structured)) return undefined;
  const decoded = decodeCell(structured);
  if (Option.isNone(decoded)) return undefined;
  const { stdout, stderr, displays = [], result, error, images, timed_out, oom_killed, note } = decoded.value;
  const lines = [stdout, stderr, ...displays, result ?? "", error ?? ""].filter((text) => text !== "")
    .map(withoutLastBreak);
  for (const path of images) lines.push(`[image ${path}]`);
  if (timed_out === true) lines.push("[timed out]");
  if (oom_killed === true) lines.push("[out of memory]");
  if (note !== undefined) lines.push(`[${note}]`);
  return lines.length === 0 ? "[no output]" : lines.join("\n");
};

const describeResult = (result: ToolResult): string => {
  const outcome = result.outcome;
  if (outcome === undefined) return describeCell(result) ?? result.text;
  const lines = [outcome.stdout, outcome.stderr].filter((text) => text !== "").map(withoutLastBreak);
  if (outcome.timedOut) lines.push("[timed out]");
  if (outcome.oomKilled) lines.push("[out of memory]");
  if (outcome.exitCode !== 0) lines.push(`[exit code ${outcome.exitCode}]`);
  if (outcome.note !== undefined) lines.push(`[${outcome.note}]`);
  return lines.length === 0 ? "[no output]" : lines.join("\n");
};

/** Renders a tool call as a fenced block of ours, its marker and blank lines included. */
export const renderCallBlock = (call: ToolCall): string =>
  `\n\n${marker(activityMark.call, call.id)}\n\n${describedCall(call)}\n\n`;

/** Renders the result of a call as a fenced block of ours with its marker; a long one keeps head and tail. */
export const renderResultBlock = (result: ToolResult, callId: string): string =>
  `\n\n${marker(activityMark.result, callId)}\n\n${describedResult(result)}\n\n`;

/** Renders a tool call among thoughts: nobody sends those back, and many clients show them as they are. */
export const renderCallThought = (call: ToolCall): string => `\n\n${describedCall(call)}\n\n`;

/** Renders the result of a call among thoughts, head and tail. */
export const renderResultThought = (result: ToolResult): string => `\n\n${describedResult(result)}\n\n`;

/** Characters that nobody sees, or that make a text read as another: each is shown as its number. */
const unseen =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e01ef}\p{Cs}]/gu;

const visible = (text: string): string =>
  text.replace(unseen, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);

/** A call with all of its arguments: its name, the text that runs if it is one, and the rest as JSON. */
const wholeCall = ({ name, argumentsJson }: ToolCall): string => {
  const decoded = decodeArguments(argumentsJson);
  if (Option.isNone(decoded)) return `${name}\n${argumentsJson}`;
  const main = name === executeBash.name ? "command" : name === executePython.name ? "code" : undefined;
  const lines = Object.entries(decoded.value).map(([key, value]) =>
    key === main && typeof value === "string" ? value : `${key}=${JSON.stringify(value)}`
  );
  return [name, ...lines].join("\n");
};

/** A call as a person is asked about it: whole, and what hides in it made visible; its place is told among several. */
export const askedCall = ({ call, rule }: HeldCall, index = 0, count = 1): string => {
  const [name = "", ...lines] = visible(wholeCall(call)).split("\n");
  const why = rule === undefined ? "waits for the one before" : `rule: ${visible(rule)}`;
  // The bar says what belongs to the call, so that its text cannot speak for the rest of the block.
  return [`${count > 1 ? `${index + 1}. ` : ""}${name} (${why})`, ...lines.map((line) => `| ${line}`)].join("\n");
};

/**
 * Renders what a person is asked, as a fenced block of ours.
 *
 * *Details*: arguments are shown whole, because what is approved is what is read.
 */
export const renderAskBlock = ({ id, calls }: ApprovalRequested): string => {
  const several = calls.length > 1;
  const body = [
    `Waiting for you (${id}). May I run ${several ? "these" : "this"}?`,
    "",
    ...calls.map((held, index) => askedCall(held, index, calls.length)),
    "",
    `Answer yes, no or always${several ? ", or yes 1 3 for some of them" : ""}. Anything else means no.`,
  ].join("\n");
  return `\n\n${marker(activityMark.ask, calls[0]?.call.id ?? id)}\n\n${fenced("text", body)}\n\n`;
};

/** Characters that would end a link's text, and what stands for them. */
const linkText = (name: string): string => name.replace(/[\[\]()<>\\`*\s]+/g, "_");

const sizeText = (bytes: number): string =>
  bytes < 1_000
    ? `${bytes} B`
    : bytes < 1_000_000
    ? `${(bytes / 1_000).toFixed(1)} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`;

/** Renders files as Markdown, one a line: images are shown, others linked. */
export const renderArtifacts = (artifacts: ReadonlyArray<Artifact>): string => {
  const lines = artifacts.map(({ name, url, isImage, sizeBytes }) =>
    isImage ? `![${linkText(name)}](${url})` : `[${linkText(name)}](${url}) (${sizeText(sizeBytes)})`
  );
  return lines.length === 0 ? "" : `\n\n${lines.join("\n\n")}\n\n`;
};
