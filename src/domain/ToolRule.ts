/**
 * Rules that name tool calls, as operators write them: `tool` or `tool(pattern)`.
 */
import {
  agentToolNames,
  editFile,
  executeBash,
  executePython,
  killJob,
  readDocstring,
  readFile,
  readJob,
  viewImage,
  writeFile,
} from "./agentTools.ts";
import { Option, Schema } from "effect";
import { accessTarget, requestAccess, targetText } from "./accessRequest.ts";
import type { ToolCall } from "./Message.ts";
import { ArgumentsObject, ObjectCall } from "./toolArguments.ts";
import { readShellScript, type ShellScript } from "./shellScript.ts";
import { webFetch, webSearch } from "./webTools.ts";
import { workspaceFolder } from "./workspacePaths.ts";

/** A text with places where anything may stand: what stands before, between and after them. */
type Glob = ReadonlyArray<string>;

/** One rule. */
export interface ToolRule {
  /** As it was written; also its name. */
  readonly text: string;
  readonly tool: Glob;
  /** What the call's subject must be like; absent, every call of the tool is meant. */
  readonly pattern?: Glob;
}

/** Characters of one rule. */
const ruleCharactersMax = 1_000;

/** Names of tools as Claude Code writes them. */
const aliases: Readonly<Record<string, string>> = {
  Bash: executeBash.name,
  Edit: editFile.name,
  Python: executePython.name,
  Read: readFile.name,
  WebFetch: webFetch.name,
  WebSearch: webSearch.name,
  Write: writeFile.name,
};

/** The names that a rule can have for a tool of this project: as we write them, and as Claude Code does. */
export const toolsOfRules: ReadonlySet<string> = new Set([
  ...Object.keys(aliases),
  ...agentToolNames,
  requestAccess.name,
  webFetch.name,
  webSearch.name,
]);

const globOf = (text: string): Glob => text.split("*");

/** Whether a text is what a glob says, from its first to its last character. */
const fits = (glob: Glob, text: string): boolean => {
  const [first = "", ...further] = glob;
  const last = further.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of further) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
};

const parseRule = (text: string): ToolRule | undefined => {
  const opening = text.indexOf("(");
  const name = (opening === -1 ? text : text.slice(0, opening)).trim();
  if (text.length > ruleCharactersMax || !/^[A-Za-z0-9_.*-]+$/.test(name)) return undefined;
  const tool = globOf(Object.hasOwn(aliases, name) ? aliases[name] ?? name : name);
  if (opening === -1) return { text, tool };
  const written = text.endsWith(")") ? text.slice(opening + 1, -1).trim() : "";
  if (written === "") return undefined;
  const pattern = written.endsWith(":*") ? `${written.slice(0, -2)} *` : written;
  return pattern === "*" ? { text, tool } : { text, tool, pattern: globOf(pattern) };
};

/**
 * Reads rules with commas between them; undefined when one of them is none.
 *
 * *Details*: a comma between parentheses belongs to its pattern.
 */
export const parseToolRules = (text: string): ReadonlyArray<ToolRule> | undefined => {
  const entries: Array<string> = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const character = text[at];
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (character !== undefined && (character !== "," || depth > 0)) continue;
    entries.push(text.slice(from, at).trim());
    from = at + 1;
  }
  const rules = entries.filter((entry) => entry !== "").map(parseRule);
  return depth === 0 && rules.every((rule) => rule !== undefined) ? rules : undefined;
};

// Subjects ---------------------------------------------------------------------------------------

/** The argument that a pattern is held against, and how it is read, of the tools that have one. */
const subjects: Readonly<Record<string, readonly [argument: string, kind: "Script" | "Path" | "Text"]>> = {
  [executeBash.name]: ["command", "Script"],
  [executePython.name]: ["code", "Text"],
  [writeFile.name]: ["file_path", "Path"],
  [editFile.name]: ["file_path", "Path"],
  [readFile.name]: ["file_path", "Path"],
  [viewImage.name]: ["file_path", "Path"],
  [readDocstring.name]: ["file_path", "Path"],
  [readJob.name]: ["job_id", "Text"],
  [killJob.name]: ["job_id", "Text"],
  [webFetch.name]: ["url", "Text"],
  [webSearch.name]: ["query", "Text"],
};

/** A path as it is opened, but for links: absolute, without `.` and `..`. */
const plainPath = (path: string): string => {
  const parts: Array<string> = [];
  for (const part of (path.startsWith("/") ? path : `${workspaceFolder}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
};

/** What patterns are held against, read once for all rules. */
export type CallSubject =
  | { readonly _tag: "Script"; readonly whole: string; readonly script: ShellScript }
  /** `texts` are what one of which a rule may mean, `whole` what a permission must mean. */
  | { readonly _tag: "Texts"; readonly texts: ReadonlyArray<string>; readonly whole: string };

const decodeArguments = Schema.decodeUnknownOption(ArgumentsObject);

/** Reads what a call is about. */
export const subjectOf = (call: ToolCall): CallSubject => {
  const { name } = call;
  const target = name === requestAccess.name ? accessTarget(call.argumentsJson) : undefined;
  if (target !== undefined) {
    // However it was spelt: with the port, or as the name alone.
    const whole = targetText(target);
    return { _tag: "Texts", texts: [whole, target.host], whole };
  }
  const decoded = call instanceof ObjectCall ? Option.some(call.given) : decodeArguments(call.argumentsJson);
  if (Option.isNone(decoded)) return { _tag: "Texts", texts: [call.argumentsJson], whole: call.argumentsJson };
  const [argument, kind] = Object.hasOwn(subjects, name) ? subjects[name] ?? [] : [];
  const value = argument === undefined ? undefined : decoded.value[argument];
  if (typeof value !== "string") {
    // Written anew, so that a text is found however its characters were escaped.
    const whole = JSON.stringify(decoded.value);
    const texts = Object.values(decoded.value).filter((each) => typeof each === "string");
    return { _tag: "Texts", texts: [whole, ...texts], whole };
  }
  if (kind === "Script") return { _tag: "Script", whole: value.trim(), script: readShellScript(value) };
  const text = kind === "Path" ? plainPath(value) : value;
  return { _tag: "Texts", texts: [text], whole: text };
};

/** Whether a pattern means a text; one that ends in a space and anything means the text without them, too. */
const means = (pattern: Glob, text: string): boolean =>
  fits(pattern, text) || (pattern.length > 1 && pattern.at(-1) === "" && fits(pattern, `${text} `));

/** Whether a rule means a call in part or in whole: what is forbidden or asked for is found in any part of it. */
export const concerns = ({ tool, pattern }: ToolRule, { name }: ToolCall, subject: CallSubject): boolean => {
  if (!fits(tool, name)) return false;
  if (pattern === undefined) return true;
  if (subject._tag === "Texts") return subject.texts.some((text) => means(pattern, text));
  return means(pattern, subject.whole) ||
    subject.script.commands.some(({ written, readings }) =>
      means(pattern, written) || readings.some((reading) => means(pattern, reading))
    );
};

/** Whether a rule means all that a call does; never where a script may do more than it says. */
export const covers = ({ tool, pattern }: ToolRule, { name }: ToolCall, subject: CallSubject): boolean => {
  if (!fits(tool, name)) return false;
  if (pattern === undefined) return true;
  if (subject._tag === "Texts") return means(pattern, subject.whole);
  const { commands, isOpaque } = subject.script;
  return !isOpaque && commands.length > 0 && commands.every(({ written }) => means(pattern, written));
};
