/**
 * From a message to steps: the offline model's whole understanding of language.
 *
 * A clause is matched against the forms below, the first that fits wins. What fits none yields no
 * step: a rule-based stand-in must not guess.
 */
import { Option, Schema } from "effect";
import * as Arithmetic from "./arithmetic.ts";
import { clausesOf, codeColon, marks, plain, takeBlocks } from "./clauses.ts";
import * as Code from "./code.ts";
import { append, command, docstring, listFiles, readBack, readPath } from "./fileForms.ts";
import { bash, blocksIn, blockStep, codeStep, fileLike, type Form, python } from "./Form.ts";
import { ourTools, runFile, type Step } from "./Step.ts";
import { saveAs, script, writeContent } from "./writeForms.ts";

/**
 * Characters outside code blocks that are read. Rules need no more, and matching them takes quadratic time in the
 * worst case; a fenced block is taken as it is, however long.
 */
export const understoodCharsMax = 4_000;

/** Characters of a whole message, blocks included; a command line takes no more. */
const messageCharsMax = 1_000_000;

/** Why a message is too long to be read, undefined for one that is not. */
export const tooLong = (message: string): string | undefined => {
  if (message.length > messageCharsMax) {
    return `The message has ${message.length} characters; I read messages of up to ${messageCharsMax}.`;
  }
  const { length } = takeBlocks(message).text;
  return length <= understoodCharsMax
    ? undefined
    : `The message has ${length} characters outside fenced code blocks; I read up to ${understoodCharsMax} there. ` +
      "Put the code or the text into a block between lines of ``` and I take all of it.";
};

// Forms ------------------------------------------------------------------------------------------

const namedTool: Form = (clause, scene) => {
  const object = clause.indexOf("{");
  const [block] = blocksIn(clause, scene);
  const json = object >= 0
    ? jsonObject(clause.slice(object))
    : block === undefined
    ? undefined
    : jsonObject(block.code);
  const said = object >= 0 ? clause.slice(0, object) : clause;
  const name = scene.tools.find((tool) => said.split(/[^\w.-]+/).includes(tool));
  if (name === undefined) return undefined;
  if (json !== undefined) return [{ _tag: "Named", tool: name, argumentsJson: json }];
  // Our own tools all need arguments; a client's may need none.
  return /^(?:call|use|invoke)\b/i.test(clause) && !ourTools.has(name)
    ? [{ _tag: "Named", tool: name, argumentsJson: "{}" }]
    : undefined;
};

const decodeObject = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)));

/** The JSON object a text starts with, up to its closing brace. */
const jsonObject = (text: string): string | undefined => {
  const start = text.trimStart();
  let depth = 0;
  for (let at = 0, string = false; at < start.length; at++) {
    const char = start[at];
    if (string) {
      if (char === "\\") at++;
      else if (char === '"') string = false;
    } else if (char === '"') string = true;
    else if (char === "{") depth++;
    else if (char === "}" && --depth === 0) {
      const candidate = start.slice(0, at + 1);
      return Option.isSome(decodeObject(candidate)) ? candidate : undefined;
    }
  }
  return undefined;
};

const codeAfterColon: Form = (clause, scene) => {
  const found = codeColon.exec(clause);
  if (found === null) return undefined;
  const hint = found[1] ?? "";
  const rest = clause.slice(found[0].length);
  const blocks = blocksIn(rest, scene);
  if (blocks.length > 0) return blocks.flatMap((block) => blockStep(block, hint) ?? []);
  const code = Code.unquote(rest);
  if (code === "") return undefined;
  if (fileLike.test(code) && /\.(py|sh)$/.test(code)) return [runFile(code)];
  return [codeStep(code, hint) ?? (Code.looksLikeShell(code) ? bash(code) : python(code))];
};

const runIt: Form = (clause, { file }) =>
  file !== undefined &&
    /^(?:execute|run)\s+(?:it|that|them|(?:the|that|this|your)\s+(?:new |same |created |python |bash |shell )*(?:script|file|program|code)(?:\s+(?:you|that|we|i|which)\b.*)?)(?:\s+(?:again|now|and\b.*|with\b.*|to\b.*|in\b.*|using\b.*))?[.!]?$/i
      .test(clause)
    ? [runFile(file)]
    : undefined;

const runCommand: Form = (clause, scene) => {
  const found = /^(?:execute|run)\s+(.+)$/is.exec(clause);
  const text = found?.[1];
  if (text === undefined) return undefined;
  const [, hint = "", body = text] =
    /^((?:(?:this|the|a|following|python|python3(?=\s+code)|bash(?=\s+(?:command|script|code|-c))|shell|terminal|command|code|snippet|script|file|program)\s+)+)(?:called |named )?:?\s*([\s\S]+)$/i
      .exec(text) ?? [];
  const blocks = blocksIn(text, scene);
  if (blocks.length > 0) return blocks.flatMap((block) => blockStep(block, hint) ?? []);
  const inner = Code.quoted(body);
  const code = (inner === undefined ? body : inner.inner).trim();
  const bare = code.replace(/[.!]$/, "");
  if (fileLike.test(bare) && /\.(py|sh)$/.test(bare)) return [runFile(bare)];
  const hinted = codeStep(code, hint);
  if (inner !== undefined) {
    return [hinted ?? (Code.looksLikePython(code) && !Code.looksLikeShell(code) ? python(code) : bash(code))];
  }
  if (Code.looksLikeShell(code)) {
    return [bash(code.replace(/\s+(?:in|using|with) (?:the |a )?(?:bash|shell|terminal|sandbox)[.?!]*$/i, ""))];
  }
  if (hinted !== undefined && hinted._tag === "Bash") return [hinted];
  return Code.looksLikePython(code) ? [python(code)] : undefined;
};

const calculate: Form = (clause) => {
  const asked =
    /^(?:calculate|compute|evaluate|work out|solve|find|add up|what(?:'s| is| are)|how much is|tell me|give me|print|show(?: me)?|execute|run)\s+(.+)$/is
      .exec(clause);
  const wanted = (asked?.[1] ?? clause).replace(/^(?:the )?(?:result|value|answer)(?: of|:| to)?\s+/i, "")
    .replace(/\s+(?:in|using|with) python[.?!]*$/i, "");
  // A bare number is no question, and a bare formula needs an operator.
  if (asked === null && !/[-+*/^×÷!(]|factorial|square|\bof\b|\bplus\b|\bminus\b|\btimes\b/i.test(wanted)) {
    return undefined;
  }
  const expression = Arithmetic.pythonExpression(Code.unquote(wanted));
  if (expression !== undefined) return [python(Arithmetic.printing(expression))];
  const several = wanted.split(/\s*,?\s+and\s+(?:also\s+)?/i).map((part) => Arithmetic.pythonExpression(part));
  if (several.length > 1 && several.every((part) => part !== undefined)) {
    return several.map((part) => python(Arithmetic.printing(part)));
  }
  const found = /factorial of (\d+)/i.exec(clause);
  return found?.[1] === undefined ? undefined : [python(Arithmetic.printing(`math.factorial(${found[1]})`))];
};

const bareCode: Form = (clause, scene) => {
  const blocks = blocksIn(clause, scene);
  if (blocks.length > 0) {
    const said = clause.replace(marks, " ");
    return blocks.flatMap((block) => blockStep(block, /\b(?:bash|shell|python)\b/i.exec(said)?.[0] ?? "") ?? []);
  }
  if (/^(?:print\(.*\)|import \w+[\s\S]*\n[\s\S]+)$/s.test(clause)) return [python(clause)];
  if (/^\$ \S/.test(clause)) return [bash(clause.slice(2))];
  const inner = /^`([^`]+)`$/.exec(clause)?.[1];
  if (inner !== undefined && Code.looksLikeShell(inner)) return [bash(inner)];
  return /^(?:ls|pwd|whoami|date|cat|echo|python3?|pip|head|tail|wc|grep|uname|df|env)(?:\s+[-./\w'"$].*)?$/.test(
      clause,
    )
    ? [bash(clause)]
    : undefined;
};

/** Tried in this order; earlier forms are the more specific. */
const forms: ReadonlyArray<Form> = [
  namedTool,
  codeAfterColon,
  docstring,
  writeContent,
  script,
  runIt,
  runCommand,
  readBack,
  readPath,
  command,
  append,
  listFiles,
  calculate,
  bareCode,
];

const isRead = (step: Step | undefined, file: string): boolean => step?._tag === "Read" && step.path === file;

/** Where a step leaves "it". */
const fileAfter = (step: Step, before: string | undefined): string | undefined =>
  step._tag === "Write" || step._tag === "Read" ? step.path : before;

/** The steps a message asks for; `file` is the last file of the conversation, `tools` what may be named. */
export const understand = (
  message: string,
  context: { readonly file: string | undefined; readonly tools: ReadonlyArray<string> },
): ReadonlyArray<Step> => {
  if (message.length > messageCharsMax) return [];
  const { text, blocks } = takeBlocks(message);
  if (text.length > understoodCharsMax) return [];
  const steps: Array<Step> = [];
  let file = context.file;
  const take = (clause: string): boolean => {
    const saved = saveAs.exec(clause)?.[1];
    const last = steps.at(-1);
    if (saved !== undefined && last?._tag === "Write") {
      steps[steps.length - 1] = { ...last, path: saved };
      file = saved;
      return true;
    }
    for (const form of forms) {
      const found = form(clause, { blocks, file, tools: context.tools });
      if (found === undefined) continue;
      // "Read a.txt and print its content" is one wish.
      const repeats = (step: Step) => step._tag === "Read" && isRead(steps.at(-1), step.path);
      steps.push(...found.filter((step) => !repeats(step)));
      file = found.reduce((last, step) => fileAfter(step, last), file);
      return true;
    }
    return false;
  };
  // A message that is one request as a whole must not be cut by an "and" inside it.
  const whole = plain(text);
  if (namedTool(whole, { blocks, file, tools: context.tools }) !== undefined) take(whole);
  else clausesOf(text).forEach(take);
  return steps;
};
