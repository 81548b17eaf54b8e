/**
 * How tool activity looks inside answer text, and how to take it out again.
 *
 * The `text` view writes these blocks and session alignment removes them from what clients resend;
 * both use this file, so answer and activity can always be told apart.
 */
import { Option, Schema } from "effect";
import type { Artifact } from "./Artifact.ts";
import type { ToolCall } from "./Message.ts";
import type { ToolResult } from "./Tool.ts";

/** The word in a fence's info string that marks a block as ours; the language before it is for highlighting. */
export const activityFenceInfo = { call: "caisson:call", result: "caisson:result" } as const;

/** Characters of a call that are shown: the model's whole text is in the session, people need the gist. */
const callCharactersMax = 2_000;
/** Characters of one argument in a call that is not a command. */
const argumentCharactersMax = 200;
/** Characters of a result that are shown, head and tail. */
const resultCharactersMax = 8_000;
/** The shortest fence Markdown knows. */
const fenceLengthMin = 3;

const decodeArguments = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)));

/** Keeps head and tail of a text that is too long, and says how much is left out. */
const shorten = (text: string, charactersMax: number): string => {
  if (text.length <= charactersMax) return text;
  const half = Math.floor(charactersMax / 2);
  const left = text.length - 2 * half;
  return `${text.slice(0, half)}\n… ${left} characters left out …\n${text.slice(text.length - half)}`;
};

/** A fence that no run of backticks in `body` can close. */
const fenceFor = (body: string): string => {
  let longest = fenceLengthMin - 1;
  for (const run of body.matchAll(/`+/g)) longest = Math.max(longest, run[0].length);
  return "`".repeat(longest + 1);
};

const block = (info: string, body: string): string => {
  const fence = fenceFor(body);
  return `\n\n${fence}${info}\n${body}\n${fence}\n\n`;
};

const describeCall = (call: ToolCall): { readonly language: string; readonly body: string } => {
  const decoded = decodeArguments(call.argumentsJson);
  if (Option.isNone(decoded)) return { language: "text", body: `${call.name} ${call.argumentsJson}` };
  const values = decoded.value;
  if (call.name === "execute_bash" && typeof values["command"] === "string") {
    return { language: "bash", body: values["command"] };
  }
  const shown = Object.entries(values).map(([key, value]) => {
    const json = JSON.stringify(value);
    return json.length <= argumentCharactersMax
      ? `${key}=${json}`
      : `${key}=${json.slice(0, argumentCharactersMax)}… (${json.length} characters)`;
  });
  return { language: "text", body: `${call.name}(${shown.join(", ")})` };
};

const describeResult = (result: ToolResult): string => {
  const outcome = result.outcome;
  if (outcome === undefined) return result.text;
  const lines = [outcome.stdout, outcome.stderr].filter((text) => text !== "").map((text) => text.replace(/\n$/, ""));
  if (outcome.timedOut) lines.push("[timed out]");
  if (outcome.oomKilled) lines.push("[out of memory]");
  if (outcome.exitCode !== 0) lines.push(`[exit code ${outcome.exitCode}]`);
  if (outcome.note !== undefined) lines.push(`[${outcome.note}]`);
  return lines.length === 0 ? "[no output]" : lines.join("\n");
};

/** Renders a tool call as a fenced block of ours, blank lines included. */
export const renderCallBlock = (call: ToolCall): string => {
  const { language, body } = describeCall(call);
  return block(`${language} ${activityFenceInfo.call}`, shorten(body, callCharactersMax));
};

/** Renders a tool result as a fenced block of ours, blank lines included; long results keep head and tail. */
export const renderResultBlock = (result: ToolResult): string =>
  block(`text ${activityFenceInfo.result}`, shorten(describeResult(result), resultCharactersMax));

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

const artifactLine = /^!?\[[^\]]*\]\(\S*\/v1\/artifacts\/artifact-[\w-]+\/content\?\S+\)(?: \([\d.]+ k?M?B\))?$/;

const stripArtifacts = (text: string): string =>
  text.includes("/v1/artifacts/artifact-")
    ? text.split("\n").filter((line) => !artifactLine.test(line.trim())).join("\n")
    : text;

const openingFence = /^(`{3,})\S* caisson:(?:call|result)\s*$/;

/** Drops our fenced blocks; one that was cut before its closing fence reaches to the end. */
const stripBlocks = (text: string): string => {
  if (!text.includes("caisson:")) return text;
  const kept: Array<string> = [];
  let closing: string | undefined;
  for (const line of text.split("\n")) {
    if (closing !== undefined) {
      if (line.trimEnd() === closing) closing = undefined;
      continue;
    }
    const opening = openingFence.exec(line);
    if (opening === null) kept.push(line);
    else closing = opening[1];
  }
  return kept.join("\n");
};

const openingDetails = /<details\b[^>]*\btype="(?:tool_calls|reasoning|code_interpreter)"[^>]*>/g;
const closingDetails = "</details>";

/** Drops the details blocks in which Open WebUI shows activity and thought; a cut one reaches to the end. */
const stripDetails = (text: string): string => {
  if (!text.includes("<details")) return text;
  const kept: Array<string> = [];
  let position = 0;
  for (const opening of text.matchAll(openingDetails)) {
    if (opening.index < position) continue;
    kept.push(text.slice(position, opening.index));
    const end = text.indexOf(closingDetails, opening.index + opening[0].length);
    position = end === -1 ? text.length : end + closingDetails.length;
  }
  kept.push(text.slice(position));
  return kept.join("");
};

/**
 * Removes every piece of tool activity that a view of ours wrote into answer text.
 *
 * *Details*: fenced blocks of {@link renderCallBlock} and {@link renderResultBlock}, and `<details>`
 * blocks of type `tool_calls`, `reasoning` and `code_interpreter`, and the lines of {@link renderArtifacts}.
 * Blank lines around them stay.
 */
export const stripActivity = (text: string): string => stripArtifacts(stripDetails(stripBlocks(text)));
