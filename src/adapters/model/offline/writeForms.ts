/**
 * Ways of asking for a file to be written.
 */
import * as Arithmetic from "./arithmetic.ts";
import * as Code from "./code.ts";
import { blocksIn, fileLike, type Form, path, type Scene } from "./Form.ts";
import { runFile, type Step } from "./Step.ts";

const contentOf = (text: string, scene: Scene): string | undefined => {
  const [block] = blocksIn(text, scene);
  if (block !== undefined) return block.code;
  const found = Code.quoted(text.trim());
  if (found === undefined) return text.trim() === "" ? undefined : text.trim();
  return found.quote.startsWith("`") ? found.inner : Code.unescape(found.inner);
};

/** "Write a file PATH with content …", in its many orders. */
export const writeContent: Form = (clause, scene) => {
  const named = new RegExp(
    `^(?:write|create|make|save|add)\\s+(?:me\\s+)?(?:a |an |the |another )?(?:new |small |simple )?(?:[\\w-]+ )??` +
      `(?:file|script|program|document)?\\s*(?:called|named|at|to|in|into)?\\s*${path},?\\s+` +
      `(?:with|containing|that contains|which contains|having|:)\\s*(?:the |this )?(?:following )?` +
      `(?:content|contents|text|body|code|line|lines)?(?: of| being)?\\s*[:=]?\\s*([\\s\\S]+)$`,
    "i",
  ).exec(clause);
  if (named?.[1] !== undefined && named[2] !== undefined) return written(named[1], contentOf(named[2], scene));
  const block = new RegExp(`^(?:write|create|make|save)\\b.*?${path}\\s*[:.]?\\s*(\\uE000\\d+\\uE001)`, "i").exec(
    clause,
  );
  if (block?.[1] !== undefined && block[2] !== undefined && fileLike.test(block[1])) {
    return written(block[1], contentOf(block[2], scene));
  }
  const into = new RegExp(
    `^(?:write|save|put|add)\\s+(.+?)\\s+(?:to|in|into)\\s+(?:a |the )?(?:new )?(?:file )?(?:called |named )?${path}$`,
    "is",
  )
    .exec(
      clause.replace(/\.$/, "").replace(
        /^(\w+)\s+(?:the )?(?:text|string|content|line|words?|phrase)\s+(?=['"`“‘])/i,
        "$1 ",
      ),
    );
  if (into?.[1] !== undefined && into[2] !== undefined && (Code.quoted(into[1]) ?? blocksIn(into[1], scene)[0])) {
    return written(into[2], contentOf(into[1], scene));
  }
  return undefined;
};

const written = (file: string, content: string | undefined): ReadonlyArray<Step> | undefined =>
  content === undefined ? undefined : [{ _tag: "Write", path: file, content }];

const scriptThat = new RegExp(
  `^(write-and-run|write|create|make|run|execute)\\s+(?:me\\s+)?(?:a |an |the )?(?:new |small |simple |short |little )*(python|bash|shell)?\\s*` +
    `(?:file|script|program)(?:\\s+(?:in python|in bash))?(?:\\s+(?:called|named|at|in)?\\s*${path})?\\s*,?\\s+` +
    `(?:that|which|to)\\s+(prints?|echo(?:e?s)?|says?|outputs?|displays?|shows?|computes?|calculates?|evaluates?|finds?|adds?)` +
    `(?:\\s+out)?\\s+([\\s\\S]+)$`,
  "i",
);

/** "Save it as calc.py" names the file that was just written. */
export const saveAs = new RegExp(
  `^saves? (?:it|this|that|the (?:script|file|program))\\s+(?:as|to|in|into|under)\\s+${path}[.!]?$`,
  "i",
);
/** A script that computes something prints it anyway. */
const alsoShows =
  /,?\s+and\s+(?:then\s+)?(?:prints?|shows?|displays?|outputs?)\b(?:\s+(?:it|the|out|result|answer|value|sum))*/i;

/** "Write a script PATH that prints …", for what can be programmed by rule. */
export const script: Form = (clause) => {
  // "a Python script hello.py" and "hello.py, a Python script" are the same wish.
  const text = clause.replace(
    new RegExp(`^(write-and-run|write|create|make)\\s+${path},?\\s+(?=(?:that|which|to)\\b)`, "i"),
    (whole, verb: string, file: string) => (fileLike.test(file) ? `${verb} a file ${file} ` : whole),
  );
  const found = scriptThat.exec(text);
  const [, verb = "", language = "", named, doing = "", what = ""] = found ?? [];
  if (found === null) return undefined;
  const shell = /bash|shell/i.test(language) || named?.endsWith(".sh") === true;
  const file = named !== undefined && fileLike.test(named) ? named : shell ? "script.sh" : "script.py";
  const content = program(doing, what.replace(alsoShows, "").replace(/[.\s]+$/, ""), shell);
  if (content === undefined) return undefined;
  const write: Step = { _tag: "Write", path: file, content };
  return /run|execute/i.test(verb) ? [write, runFile(file)] : [write];
};

const program = (doing: string, what: string, shell: boolean): string | undefined => {
  const said = Code.quoted(what);
  if (said !== undefined && said.rest.trim() === "") return printText(Code.unescape(said.inner), shell);
  const expression = Arithmetic.pythonExpression(what.replace(/^(?:the )?(?:result|value|answer) of /i, ""));
  if (expression !== undefined) {
    return shell ? `echo $((${expression}))\n` : `${Arithmetic.printing(expression).replace("; ", "\n")}\n`;
  }
  return /^(print|echo|say|output|display|show)/i.test(doing) ? printText(what, shell) : undefined;
};

const printText = (text: string, shell: boolean): string =>
  shell ? `printf '%s\\n' ${Code.shellWord(text)}\n` : `print(${JSON.stringify(text)})\n`;
