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
import { cutMiddle, cutText } from "./cutText.ts";

/** The words of a marker line: what the fenced block after it holds. */
export const activityMark = { call: "caisson:call", result: "caisson:result" } as const;

/** Characters of a call that are shown: the model's whole text is in the session, people need the gist. */
const callCharactersMax = 2_000;
/** Characters of one argument in a call that is not a command. */
const argumentCharactersMax = 200;
/** Characters of a result that are shown, head and tail. */
const resultCharactersMax = 8_000;
/** The shortest fence Markdown knows. */
const fenceLengthMin = 3;
/** Characters of a line that may be a marker, a fence or a link of ours; a longer line is somebody's text. */
const ownLineCharactersMax = 10_000;

const decodeArguments = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)));

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

const block = (mark: string, language: string, body: string): string => {
  const fence = fenceFor(body);
  return `\n\n${mark}\n\n${fence}${language}\n${body}\n${fence}\n\n`;
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
      : `${key}=${cutText(json, argumentCharactersMax)} (${json.length} characters)`;
  });
  return { language: "text", body: `${call.name}(${shown.join(", ")})` };
};

const describeResult = (result: ToolResult): string => {
  const outcome = result.outcome;
  if (outcome === undefined) return result.text;
  const lines = [outcome.stdout, outcome.stderr].filter((text) => text !== "").map((text) =>
    text.endsWith("\n") ? text.slice(0, -1) : text
  );
  if (outcome.timedOut) lines.push("[timed out]");
  if (outcome.oomKilled) lines.push("[out of memory]");
  if (outcome.exitCode !== 0) lines.push(`[exit code ${outcome.exitCode}]`);
  if (outcome.note !== undefined) lines.push(`[${outcome.note}]`);
  return lines.length === 0 ? "[no output]" : lines.join("\n");
};

/** Renders a tool call as a fenced block of ours, its marker and blank lines included. */
export const renderCallBlock = (call: ToolCall): string => {
  const { language, body } = describeCall(call);
  return block(marker(activityMark.call, call.id), language, cutMiddle(body, callCharactersMax));
};

/** Renders the result of a call as a fenced block of ours, its marker and blank lines included; it keeps head and tail. */
export const renderResultBlock = (result: ToolResult, callId: string): string =>
  block(marker(activityMark.result, callId), "text", cutMiddle(describeResult(result), resultCharactersMax));

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

// Taking it out ----------------------------------------------------------------------------------

/** The longest part of a line that is looked at as a link: a name of 255 characters, a sealed path, a signature. */
const artifactLine =
  /^!?\[[^\]]{0,2000}\]\([^\s)]{0,2000}\/v1\/artifacts\/artifact-[\w-]{1,8000}\/content\?[^\s)]{1,500}\)(?: \([\d.]{1,20} k?M?B\))?$/;

const isArtifactLine = (line: string): boolean =>
  line.length <= ownLineCharactersMax && line.includes("/v1/artifacts/artifact-") && artifactLine.test(line.trim());

const stripArtifacts = (text: string): string =>
  text.includes("/v1/artifacts/artifact-") ? text.split("\n").filter((line) => !isArtifactLine(line)).join("\n") : text;

const markerLine = /^\[\/\/\]: # \(caisson:(?:call|result)(?: ([\w-]{1,64}))?\)$/;

/** A marker line's call id, "" when it names none, undefined for every other line. */
const markedId = (line: string): string | undefined => {
  if (line.length > ownLineCharactersMax || !line.startsWith("[//]: # (caisson:")) return undefined;
  const found = markerLine.exec(line.trimEnd());
  return found === null ? undefined : found[1] ?? "";
};

/** The backticks a line opens a fence with, "" when it opens none. */
const fenceOpenedBy = (line: string): string => {
  let length = 0;
  while (line[length] === "`") length++;
  return length < fenceLengthMin || line.includes("`", length) ? "" : line.slice(0, length);
};

/** Blocks of earlier versions name themselves in the fence. */
const oldFenceInfo = /^[\w+#-]{0,40} caisson:(?:call|result)$/;

const isOldFence = (line: string, fence: string): boolean =>
  fence !== "" && line.length <= ownLineCharactersMax && oldFenceInfo.test(line.slice(fence.length).trimEnd());

/**
 * Walks over a text's lines once: drops our blocks, and tells of each marker.
 *
 * A block that was cut before its closing fence reaches to the end; a marker without a block is dropped alone.
 */
const stripBlocks = (text: string): string => {
  if (!text.includes("caisson:")) return text;
  const kept: Array<string> = [];
  let closing = "";
  let marked = false;
  for (const line of text.split("\n")) {
    if (closing !== "") {
      if (line.trimEnd() === closing) closing = "";
      continue;
    }
    if (markedId(line) !== undefined) {
      marked = true;
      continue;
    }
    const fence = fenceOpenedBy(line);
    if (fence !== "" && (marked || isOldFence(line, fence))) {
      closing = fence;
      marked = false;
      continue;
    }
    if (line.trim() !== "") marked = false;
    kept.push(line);
  }
  return kept.join("\n");
};

const openingDetails = "<details";
const closingDetails = "</details>";
const ownDetails = ['type="tool_calls"', 'type="reasoning"', 'type="code_interpreter"'] as const;

/** Drops the details blocks in which Open WebUI shows activity and thought; a cut one reaches to the end. */
const stripDetails = (text: string): string => {
  if (!text.includes(openingDetails)) return text;
  const kept: Array<string> = [];
  let position = 0;
  for (let at = text.indexOf(openingDetails); at !== -1; at = text.indexOf(openingDetails, at)) {
    const tagEnd = text.indexOf(">", at);
    // Without an end there is no tag here, and none after it either.
    if (tagEnd === -1) break;
    const tag = text.slice(at + openingDetails.length, tagEnd);
    const nested = tag.lastIndexOf(openingDetails);
    if (nested !== -1) {
      // A tag that was never closed: the one that begins last is the one that ends here.
      at += openingDetails.length + nested;
      continue;
    }
    if (!/^\s/.test(tag) || !ownDetails.some((type) => tag.includes(type))) {
      at = tagEnd;
      continue;
    }
    kept.push(text.slice(position, at));
    const end = text.indexOf(closingDetails, tagEnd);
    position = end === -1 ? text.length : end + closingDetails.length;
    at = position;
  }
  kept.push(text.slice(position));
  return kept.join("");
};

/**
 * Removes every piece of tool activity that a view of ours wrote into answer text.
 *
 * *Details*: fenced blocks of {@link renderCallBlock} and {@link renderResultBlock} with their markers, and `<details>`
 * blocks of type `tool_calls`, `reasoning` and `code_interpreter`, and the lines of {@link renderArtifacts}.
 * Blank lines around them stay. One pass over the text, whatever stands in it.
 */
export const stripActivity = (text: string): string => stripArtifacts(stripDetails(stripBlocks(text)));

const detailsId = /\sid="([\w-]{1,64})"/;

/**
 * The call ids that markers and details blocks of ours name in an answer, in order, at most `idsMax`.
 *
 * *Details*: what stands inside a block is output, not ours, and names nothing.
 */
export const callIdsIn = (text: string, idsMax: number): ReadonlyArray<string> => {
  const ids: Array<string> = [];
  if (text.includes("[//]: # (caisson:")) {
    let closing = "";
    for (const line of text.split("\n")) {
      if (ids.length >= idsMax) return ids;
      if (closing !== "") {
        if (line.trimEnd() === closing) closing = "";
        continue;
      }
      const id = markedId(line);
      if (id !== undefined && id !== "") ids.push(id);
      if (id === undefined) closing = fenceOpenedBy(line);
    }
  }
  for (let at = text.indexOf(openingDetails); at !== -1 && ids.length < idsMax;) {
    const tagEnd = text.indexOf(">", at);
    if (tagEnd === -1) break;
    const tag = text.slice(text.lastIndexOf(openingDetails, tagEnd), tagEnd);
    const own = tag.includes(ownDetails[0]);
    const id = own ? detailsId.exec(tag.slice(0, ownLineCharactersMax))?.[1] : undefined;
    if (id !== undefined) ids.push(id);
    const end = own ? text.indexOf(closingDetails, tagEnd) : tagEnd;
    at = end === -1 ? -1 : text.indexOf(openingDetails, end);
  }
  return ids;
};
