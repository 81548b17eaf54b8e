/**
 * Ways of asking for what is in the workspace, and for small changes to it.
 */
import * as Code from "./code.ts";
import { bash, fileLike, type Form, path } from "./Form.ts";

/** "Read the docstring of NAME in PATH". */
export const docstring: Form = (clause) => {
  const found = new RegExp(
    `^(?:read|show|get|print|display)\\s+(?:me\\s+)?(?:the\\s+)?docstring\\s+(?:of|for)\\s+(?:the\\s+)?(?:function\\s+|class\\s+)?` +
      `[\`'"]?([\\w.]+)[\`'"]?(?:\\(\\))?\\s+(?:in|from|of)\\s+(?:the\\s+)?(?:file\\s+|module\\s+)?${path}[.?]?$`,
    "i",
  ).exec(clause);
  return found?.[1] === undefined || found[2] === undefined
    ? undefined
    : [{ _tag: "Docstring", name: found[1], path: found[2] }];
};

/** "Read the file you just created". */
export const readBack: Form = (clause, { file }) => {
  if (file === undefined) return undefined;
  const back =
    /^(?:read|show|display|print|open|cat|what(?:'s| is| does| are| did))\b.*\b(?:it|that file|the file|this file|(?:the|that) (?:\w+ )?(?:file|script)(?: (?:you|we|i|that)\b.*)?|its contents?)(?: (?:back|again|out|contain|say|from before|earlier))*(?: to me)?[.?!]?$/i;
  return back.test(clause) && !namesFile(clause) ? [{ _tag: "Read", path: file }] : undefined;
};

const namesFile = (clause: string): boolean =>
  clause.split(/[\s`'"“”,?!]+/).some((word) => fileLike.test(word.replace(/\.$/, "")));

/** "Read PATH". */
export const readPath: Form = (clause) => {
  const found = new RegExp(
    `^(?:read|open|show|display|print|view|what(?:'s| is| does| are))\\s+(?:me\\s+)?(?:the\\s+)?(?:contents?\\s+(?:of|in)\\s+)?(?:in\\s+)?(?:the\\s+)?` +
      `(?:(?:file|directory|folder|script)\\s+)?(?:called\\s+|named\\s+|at\\s+)?${path}(?:\\s+(?:file|back|again|contain|say|to me))*[.?!]?$`,
    "i",
  ).exec(clause);
  const file = found?.[1];
  if (file === undefined) return undefined;
  return fileLike.test(file) || /\bfile\s+\S+$/i.test(clause) ? [{ _tag: "Read", path: file }] : undefined;
};

/** Small wishes that are one command each. */
const commands: ReadonlyArray<readonly [RegExp, (...words: ReadonlyArray<string>) => string]> = [
  [/^(?:print|show|tell|what(?:'s| is))\b(?: me)?(?: the| your)? (?:current )?working directory[.?!]*$/i, () => "pwd"],
  [
    /^(?:print|show|tell|what(?:'s| is))\b(?: me)?(?: the)?(?: current)? (?:date|time|date and time)[.?!]*$/i,
    () => "date",
  ],
  [/^who am i[.?!]*$/i, () => "whoami"],
  [/^sleep (?:for )?(\d{1,4})(?: ?s(?:ec(?:ond)?s?)?)?[.!]*$/i, (seconds) => `sleep ${seconds}`],
  [
    new RegExp(`^(?:create|make) (?:a |the )?(?:new )?(?:directory|folder) (?:called |named |at )?${path}[.!]*$`, "i"),
    (folder) => `mkdir -p ${Code.shellWord(folder)}`,
  ],
  [
    new RegExp(`^(?:delete|remove) (?:the )?(?:file )?(?:called |named |at )?${path}[.!]*$`, "i"),
    (file) => `rm ${Code.shellWord(file)}`,
  ],
];

/** Matches the small wishes above. */
export const command: Form = (clause) => {
  for (const [pattern, make] of commands) {
    const found = pattern.exec(clause);
    if (found !== null) return [bash(make(...found.slice(1)))];
  }
  return undefined;
};

/** "Append '…' to PATH". */
export const append: Form = (clause) => {
  const inner = Code.quoted(clause.replace(/^append\s+(?:the )?(?:text |line )?/i, ""));
  const file = inner === undefined
    ? null
    : new RegExp(`^\\s+to (?:the )?(?:file )?${path}[.!]*$`, "i").exec(inner.rest);
  return !/^append\b/i.test(clause) || inner === undefined || file?.[1] === undefined
    ? undefined
    : [bash(`printf '%s\\n' ${Code.shellWord(Code.unescape(inner.inner))} >> ${Code.shellWord(file[1])}`)];
};

/** "List the files", perhaps of a directory. */
export const listFiles: Form = (clause) => {
  const found =
    /^(?:list|show|display|what(?:'s| is| are)?|which|tell me)\b(?:\s+(?:me|all|of|the|my|are|is|your|there|current|existing))*\s+(?:files|directory|folder|workspace|contents of the (?:workspace|directory|folder))\b(?:.*?\b(?:in|of|under|inside)\s+(?:the\s+)?(?:directory\s+|folder\s+)?[`'"]?([~./][\w./~-]*|\w[\w./-]*\/)[`'"]?)?/i
      .exec(clause);
  return found === null ? undefined : [bash(found[1] === undefined ? "ls -la" : `ls -la ${Code.shellWord(found[1])}`)];
};
