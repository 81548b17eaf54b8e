/**
 * Cutting a request into clauses, each of which asks for one thing.
 *
 * Cuts are made at list numbers, sentence ends and connectives before a verb that starts a request,
 * never inside quotes or code.
 */
import { quoted } from "./code.ts";

/** A fenced block of a message. */
export interface Block {
  readonly language: string;
  readonly code: string;
}

/** A message with its fenced blocks taken out; `mark(n)` stands where block `n` was. */
export interface Parts {
  readonly text: string;
  readonly blocks: ReadonlyArray<Block>;
}

/** The placeholder of a block: a private-use character that no keyboard types, and its index. */
const mark = (index: number): string => `\uE000${index}\uE001`;

/** Finds placeholders. */
export const marks = /\uE000(\d+)\uE001/g;

/** A line that begins with three or more of one fence character, after some indentation. */
const fenceLine = /^([ \t]{0,40})(`{3,200}|~{3,200})[ \t]{0,40}([\w+#-]{0,40})/;

/** Characters of a line within which a fence and its language stand. */
const fenceLineCharactersMax = 400;

interface OpenBlock {
  readonly indent: string;
  readonly fence: string;
  readonly language: string;
  readonly lines: Array<string>;
}

/** The block a line opens, undefined for every other line. */
const openedBy = (line: string): OpenBlock | undefined => {
  const [, indent = "", fence = "", language = ""] = fenceLine.exec(line.slice(0, fenceLineCharactersMax)) ?? [];
  return fence === "" ? undefined : { indent, fence, language: language.toLowerCase(), lines: [] };
};

const dedented = (line: string, indent: string): string => line.startsWith(indent) ? line.slice(indent.length) : line;

/**
 * Takes the fenced blocks out of a message, in one pass over its lines.
 *
 * A fence that is never closed reaches to the end; one in the last line opens nothing.
 */
export const takeBlocks = (message: string): Parts => {
  const blocks: Array<Block> = [];
  const text: Array<string> = [];
  const lines = message.replace(/[\uE000\uE001]/g, "").replaceAll("\r\n", "\n").split("\n");
  let open: OpenBlock | undefined;
  const close = (block: OpenBlock) => {
    blocks.push({ language: block.language, code: block.lines.map((line) => dedented(line, block.indent)).join("\n") });
    text.push(mark(blocks.length - 1));
  };
  for (const [index, line] of lines.entries()) {
    if (open !== undefined) {
      if (line.trim() !== open.fence) open.lines.push(line);
      else {
        close(open);
        open = undefined;
      }
      continue;
    }
    open = index === lines.length - 1 ? undefined : openedBy(line);
    if (open === undefined) text.push(line);
  }
  if (open !== undefined) {
    if (open.lines.at(-1) === "") open.lines.pop();
    close(open);
  }
  return { text: text.join("\n"), blocks };
};

const verbs =
  "execute|run|write|create|make|save|append|read|list|show|display|print|calculate|compute|evaluate|call|" +
  "use|cat|open|tell|give|what|how|add|delete|remove|sleep|bash|python";

/** "Execute: …" and its kin: everything after the colon is code, up to a boundary. */
export const codeColon = new RegExp(
  "^(?:(?:execute|run|eval|evaluate)\\b|(?=(?:bash|shell|python3?)\\s*:))((?:\\s*(?:bash|shell|python3?)(?=\\s*:)|\\s+(?:this|the|following|python|python3|bash|shell|terminal|sh|code|command|" +
    "commands|script|snippet|program|one-liner|in|with|using|a|cell|notebook|kernel|execute_python))*)\\s*:\\s*",
  "i",
);

/** "Write a file PATH containing:" and a line break: what follows is the content, up to a boundary. */
const contentColon =
  /^(?:write|create|make|save)\b[^\n]*\b(?:contents?|containing|contains|code|text|lines?|following|this)\b[^\n:]{0,20}:[ \t]*\n(?!\s*\uE000)/i;

const polite = new RegExp(
  "^(?:(?:hi|hello|hey)\\b[,!.]*\\s+(?=\\w)|(?:please|kindly|can you|could you|would you|will you|i want you to|i need you to|" +
    "i'd like you to|i would like you to|help me|use (?:the )?(?:bash|python3?|the shell|execute_bash|execute_python|read_file|write_file)(?: tool)? to|using (?:bash|python3?)|now|first(?:ly)?|second(?:ly)?|next|finally|lastly|also|then|and|ok|okay|" +
    "after that|afterwards|let's|step \\d+)\\b[,:.)]?\\s+)",
  "i",
);

/** A clause without the courtesies before it. */
export const plain = (clause: string): string => {
  let text = clause.trim();
  for (let next = text.replace(polite, ""); next !== text; next = text.replace(polite, "")) text = next.trim();
  return text;
};

const listItem = /^[ \t]*(?:step\s+)?\d{1,3}[.):][ \t]+/im;
const bulletItem = /^[ \t]*[-*•][ \t]+(?=\S)/m;

const itemsOf = (text: string): ReadonlyArray<string> => {
  const start = plain(text);
  if (codeColon.test(start) || contentColon.test(start)) return [text];
  for (const item of [listItem, bulletItem]) {
    const pieces = text.split(new RegExp(item.source, "gim"));
    if (pieces.length > 1) return pieces;
  }
  return [text];
};

const cutBefore = new RegExp(
  `^(?:[.;!?,]*\\s*\\n\\s*|[.;!?]\\s+|,?\\s+(?=(?:and|then)\\b)|,\\s+)` +
    `(?:(?:and then|then|and|after that|afterwards|finally|next|also)\\b,?\\s+)*(?:please\\s+)?(?=(?:${verbs})\\b)`,
  "i",
);
/** Inside code only a spelled-out "then" before a verb, or a new "Execute:" line, ends it. */
const cutCode = new RegExp(
  `^(?:[.;,]?\\s+(?:and\\s+)?then,?\\s+(?=(?:execute|run|write|create|read|list|show|calculate|compute|call)\\s+[^(=\\s])|` +
    `\\s*\\n\\s*(?:(?:and|then)\\s+)*(?=(?:execute|run)\\b[^\\n:(=]{0,60}:\\s))`,
  "i",
);

const cut = (text: string, boundary: RegExp): ReadonlyArray<string> => {
  const pieces: Array<string> = [];
  let from = 0;
  for (let at = 0; at < text.length;) {
    // A quote opens only at the start of a word: the apostrophe of "don't" is none.
    const opens = /["'`“‘«]/.test(text.charAt(at)) && !/\w/.test(text[at - 1] ?? " ");
    const inside = opens ? quoted(text.slice(at)) : undefined;
    if (inside !== undefined) {
      at = text.length - inside.rest.length;
      continue;
    }
    const found = /[\s.;!?,]/.test(text.charAt(at)) ? boundary.exec(text.slice(at, at + 120)) : null;
    if (found === null) at++;
    else {
      pieces.push(text.slice(from, at));
      at += found[0].length;
      from = at;
    }
  }
  pieces.push(text.slice(from));
  return pieces;
};

const clausesOfItem = (item: string): ReadonlyArray<string> => {
  // "Write and run a script" is one wish with two verbs.
  const joined = item.replace(
    /\b(write|create|make)\s*,?\s*(?:and\s+then|then|and|&)\s+(?:then\s+)?(?:execute|run)\b(?=\s+(?:a|an|the|some|python|bash)\b)/gi,
    "write-and-run",
  );
  const start = plain(joined);
  if (!codeColon.test(start) && !contentColon.test(start)) {
    const colon = /(?:[\n.!?:]\s*)(?=(?:please\s+)?(?:execute|run)\b[^\n:.`'"]{0,60}:\s)/i.exec(start);
    if (colon === null) return cut(start, cutBefore);
    const rest = start.slice(colon.index + colon[0].length);
    return [...cut(start.slice(0, colon.index), cutBefore), ...clausesOfItem(rest)];
  }
  const [code = "", ...others] = cut(start, cutCode);
  return others.length === 0 ? [code] : [code, ...clausesOfItem(others.join("\n"))];
};

/** The clauses of a message whose blocks were taken out, in order, courtesies removed. */
export const clausesOf = (text: string): ReadonlyArray<string> =>
  itemsOf(text).flatMap(clausesOfItem).map(plain).filter((clause) => clause !== "");
