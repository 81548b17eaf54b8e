/**
 * From a message to steps: the offline model's whole understanding of language.
 *
 * A clause is matched against the forms below, the first that fits wins. What fits none yields no
 * step: a rule-based stand-in must not guess.
 */
import { Option, Schema } from "effect";
import * as Arithmetic from "./arithmetic.ts";
import { type Block, clausesOf, codeColon, marks, plain, takeBlocks } from "./clauses.ts";
import * as Code from "./code.ts";
import { runFile, type Step } from "./Step.ts";

/**
 * Characters outside code blocks that are read. Rules need no more, and matching them takes more than
 * linear time in the worst case.
 */
export const understoodCharsMax = 32_000;

/** What a clause may refer to. */
interface Scene {
  readonly blocks: ReadonlyArray<Block>;
  /** The file that "it" and "the file you just created" mean. */
  readonly file: string | undefined;
  /** The tools that can be named. */
  readonly tools: ReadonlyArray<string>;
}

type Form = (clause: string, scene: Scene) => ReadonlyArray<Step> | undefined;

const path = "[`'\"“]?([\\w.~/@%+-]*[\\w/~])[`'\"”]?";
const fileLike = /^(?:[\w.~@%+-]*\/[\w./~@%+-]*|[\w@%+-][\w.@%+-]*\.[A-Za-z]\w{0,7})$/;

const python = (code: string): Step => ({ _tag: "Python", code });
const bash = (command: string): Step => ({ _tag: "Bash", command });

const shellLanguages = new Set(["bash", "sh", "shell", "zsh", "console", "terminal"]);
const pythonLanguages = new Set(["python", "py", "python3", "ipython", "pycon"]);

const codeStep = (code: string, hint: string): Step | undefined => {
  const words = hint.toLowerCase().split(/\W+/);
  if (words.some((word) => pythonLanguages.has(word))) return python(code);
  if (words.some((word) => shellLanguages.has(word) || /^commands?$/.test(word))) {
    return bash(code.replace(/^\$ /gm, ""));
  }
  return undefined;
};

const blockStep = (block: Block, hint: string): Step | undefined => {
  if (block.language === "" || block.language === "text" || block.language === "txt") {
    return codeStep(block.code, hint) ??
      (Code.looksLikePython(block.code) && !Code.looksLikeShell(block.code) ? python(block.code) : bash(block.code));
  }
  return codeStep(block.code, block.language);
};

const blocksIn = (clause: string, scene: Scene): ReadonlyArray<Block> =>
  [...clause.matchAll(marks)].flatMap((found) => scene.blocks[Number(found[1])] ?? []);

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
  return /^(?:call|use|invoke)\b/i.test(clause) ? [{ _tag: "Named", tool: name, argumentsJson: "{}" }] : undefined;
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

const contentOf = (text: string, scene: Scene): string | undefined => {
  const [block] = blocksIn(text, scene);
  if (block !== undefined) return block.code;
  const found = Code.quoted(text.trim());
  if (found === undefined) return text.trim() === "" ? undefined : text.trim();
  return found.quote.startsWith("`") ? found.inner : Code.unescape(found.inner);
};

const writeContent: Form = (clause, scene) => {
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
    .exec(clause.replace(/\.$/, ""));
  if (into?.[1] !== undefined && into[2] !== undefined && (Code.quoted(into[1]) ?? blocksIn(into[1], scene)[0])) {
    return written(into[2], contentOf(into[1], scene));
  }
  return undefined;
};

const written = (file: string, content: string | undefined): ReadonlyArray<Step> | undefined =>
  content === undefined ? undefined : [{ _tag: "Write", path: file, content }];

const scriptThat = new RegExp(
  `^(write-and-run|write|create|make)\\s+(?:me\\s+)?(?:a |an |the )?(?:new |small |simple |short |little )*(python|bash|shell)?\\s*` +
    `(?:file|script|program)(?:\\s+(?:in python|in bash))?(?:\\s+(?:called|named|at|in)?\\s*${path})?\\s*,?\\s+` +
    `(?:that|which|to)\\s+(prints?|echo(?:e?s)?|says?|outputs?|displays?|shows?|computes?|calculates?|evaluates?|finds?|adds?)` +
    `(?:\\s+out)?\\s+([\\s\\S]+)$`,
  "i",
);

/** "Save it as calc.py" names the file that was just written. */
const saveAs = new RegExp(
  `^saves? (?:it|this|that|the (?:script|file|program))\\s+(?:as|to|in|into|under)\\s+${path}[.!]?$`,
  "i",
);
/** A script that computes something prints it anyway. */
const alsoShows =
  /,?\s+and\s+(?:then\s+)?(?:prints?|shows?|displays?|outputs?)\b(?:\s+(?:it|the|out|result|answer|value|sum))*/i;

const script: Form = (clause) => {
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
  return verb.toLowerCase() === "write-and-run" ? [write, runFile(file)] : [write];
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
  if (Code.looksLikeShell(code)) return [bash(code)];
  if (hinted !== undefined && hinted._tag === "Bash") return [hinted];
  return Code.looksLikePython(code) ? [python(code)] : undefined;
};

const docstring: Form = (clause) => {
  const found = new RegExp(
    `^(?:read|show|get|print|display)\\s+(?:me\\s+)?(?:the\\s+)?docstring\\s+(?:of|for)\\s+(?:the\\s+)?(?:function\\s+|class\\s+)?` +
      `[\`'"]?([\\w.]+)[\`'"]?(?:\\(\\))?\\s+(?:in|from|of)\\s+(?:the\\s+)?(?:file\\s+|module\\s+)?${path}[.?]?$`,
    "i",
  ).exec(clause);
  return found?.[1] === undefined || found[2] === undefined
    ? undefined
    : [{ _tag: "Docstring", name: found[1], path: found[2] }];
};

const readBack: Form = (clause, { file }) => {
  if (file === undefined) return undefined;
  const back =
    /^(?:read|show|display|print|open|cat|what(?:'s| is| does| are))\b.*\b(?:it|that file|the file|this file|(?:the|that) (?:\w+ )?(?:file|script)(?: (?:you|we|i|that)\b.*)?|its contents?)(?: (?:back|again|out|contain|say))*(?: to me)?[.?!]?$/i;
  return back.test(clause) && !namesFile(clause) ? [{ _tag: "Read", path: file }] : undefined;
};

const namesFile = (clause: string): boolean =>
  clause.split(/[\s`'"“”,?!]+/).some((word) => fileLike.test(word.replace(/\.$/, "")));

const readPath: Form = (clause) => {
  const found = new RegExp(
    `^(?:read|open|show|display|print|view|what(?:'s| is| does| are))\\s+(?:me\\s+)?(?:the\\s+)?(?:contents?\\s+(?:of|in)\\s+)?(?:in\\s+)?(?:the\\s+)?` +
      `(?:(?:file|directory|folder|script)\\s+)?(?:called\\s+|named\\s+|at\\s+)?${path}(?:\\s+(?:file|back|again|contain|say|to me))*[.?!]?$`,
    "i",
  ).exec(clause);
  const file = found?.[1];
  if (file === undefined) return undefined;
  return fileLike.test(file) || /\bfile\s+\S+$/i.test(clause) ? [{ _tag: "Read", path: file }] : undefined;
};

const listFiles: Form = (clause) => {
  const found =
    /^(?:list|show|display|what(?:'s| is| are)?|which|tell me)\b(?:\s+(?:me|all|of|the|my|are|is|your|there|current|existing))*\s+(?:files|directory|folder|workspace|contents of the (?:workspace|directory|folder))\b(?:.*?\b(?:in|of|under|inside)\s+(?:the\s+)?(?:directory\s+|folder\s+)?[`'"]?([~./][\w./~-]*|\w[\w./-]*\/)[`'"]?)?/i
      .exec(clause);
  return found === null ? undefined : [bash(found[1] === undefined ? "ls -la" : `ls -la ${Code.shellWord(found[1])}`)];
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
  listFiles,
  calculate,
  bareCode,
];

/** Where a step leaves "it". */
const fileAfter = (step: Step, before: string | undefined): string | undefined =>
  step._tag === "Write" || step._tag === "Read" ? step.path : before;

/** The steps a message asks for; `file` is the last file of the conversation, `tools` what may be named. */
export const understand = (
  message: string,
  context: { readonly file: string | undefined; readonly tools: ReadonlyArray<string> },
): ReadonlyArray<Step> => {
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
      steps.push(...found);
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
