/**
 * Tool activity in what clients send back: taking it out of answers, and the ids of the calls it shows.
 *
 * What is read here was in somebody else's hands. Every function passes once over a text, whatever stands in it.
 */
import { fenceLengthMin } from "./activityMarkup.ts";

/** Characters of a line that may be a marker, a fence or a link of ours; a longer line is somebody's text. */
const ownLineCharactersMax = 10_000;

/** The longest part of a line that is looked at as a link: a name of 255 characters, a sealed path, a signature. */
const artifactLine =
  /^!?\[[^\]]{0,2000}\]\([^\s)]{0,2000}\/v1\/artifacts\/artifact-[\w-]{1,8000}\/content\?[^\s)]{1,500}\)(?: \([\d.]{1,20} k?M?B\))?$/;

const isArtifactLine = (line: string): boolean => line.length <= ownLineCharactersMax && artifactLine.test(line.trim());

/** Where the line after the one at `at` begins; behind the end of the text when that is the last. */
const nextLine = (text: string, at: number): number => {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length + 1 : end + 1;
};

/** What is kept of a text: pieces, and what stands from `from` on; without the break before what was dropped last. */
const withRest = (text: string, kept: Array<string>, from: number): string => {
  if (from <= text.length) return kept.join("") + text.slice(from);
  const all = kept.join("");
  return all.endsWith("\n") ? all.slice(0, -1) : all;
};

const artifactMark = "/v1/artifacts/artifact-";

const stripArtifacts = (text: string): string => {
  const kept: Array<string> = [];
  let from = 0;
  for (let at = text.indexOf(artifactMark); at !== -1;) {
    const start = text.lastIndexOf("\n", at) + 1;
    const next = nextLine(text, at);
    if (isArtifactLine(text.slice(start, next - 1))) {
      kept.push(text.slice(from, start));
      from = next;
    }
    at = next > text.length ? -1 : text.indexOf(artifactMark, next);
  }
  return from === 0 ? text : withRest(text, kept, from);
};

const markerLine = /^\[\/\/\]: # \(caisson:(?:call|result|ask)(?: ([\w-]{1,64}))?\)$/;

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

/** Codes between which no character is white space. */
const spaceCode = 32;
const asciiEnd = 127;

/** Where the text goes on behind the line that closes a fence; behind its end when nothing closes it. */
const behindFence = (text: string, inside: number, fence: string): number => {
  const onNewLine = `\n${fence}`;
  for (let start = inside;;) {
    if (text.startsWith(fence, start)) {
      // Nearly every line that only begins like the fence goes on with a letter or another backtick.
      const code = text.charCodeAt(start + fence.length);
      if (!(code > spaceCode && code < asciiEnd)) {
        const next = nextLine(text, start);
        if (text.slice(start, next - 1).trimEnd() === fence) return next;
      }
    }
    const found = text.indexOf(onNewLine, start);
    if (found === -1) return text.length + 1;
    start = found + 1;
  }
};

/** Whether a line that begins at `at` can be a marker or open a fence; nearly no line can, and none is made of it. */
const mayBeOurs = (text: string, at: number): boolean => text[at] === "[" || text[at] === "`";

/**
 * Walks over a text's lines once and drops our blocks.
 *
 * A block that was cut before its closing fence reaches to the end; a marker without a block is dropped alone.
 */
const stripBlocks = (text: string): string => {
  if (!text.includes("caisson:")) return text;
  const kept: Array<string> = [];
  let from = 0;
  let marked = false;
  for (let at = 0; at <= text.length;) {
    const next = nextLine(text, at);
    if (!mayBeOurs(text, at)) {
      if (marked && text.slice(at, next).trim() !== "") marked = false;
      at = next;
      continue;
    }
    const line = text.slice(at, next - 1);
    const isMarker = markedId(line) !== undefined;
    const fence = isMarker ? "" : fenceOpenedBy(line);
    if (!isMarker && (fence === "" || !(marked || isOldFence(line, fence)))) {
      marked = false;
      at = next;
      continue;
    }
    kept.push(text.slice(from, at));
    at = isMarker ? next : behindFence(text, next, fence);
    marked = isMarker;
    from = at;
  }
  return from === 0 ? text : withRest(text, kept, from);
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
 * *Details*: fenced blocks of `renderCallBlock` and `renderResultBlock` with their markers, and `<details>`
 * blocks of type `tool_calls`, `reasoning` and `code_interpreter`, and the lines of `renderArtifacts`.
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
    for (let at = 0; at <= text.length;) {
      if (ids.length >= idsMax) return ids;
      const next = nextLine(text, at);
      if (!mayBeOurs(text, at)) {
        at = next;
        continue;
      }
      const line = text.slice(at, next - 1);
      const id = markedId(line);
      if (id !== undefined && id !== "") ids.push(id);
      const fence = id === undefined ? fenceOpenedBy(line) : "";
      at = fence === "" ? next : behindFence(text, next, fence);
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
