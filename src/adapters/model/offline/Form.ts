/**
 * What a form is: one way of asking for something, and the words that forms share.
 */
import { type Block, marks } from "./clauses.ts";
import * as Code from "./code.ts";
import type { Step } from "./Step.ts";

/** What a clause may refer to. */
export interface Scene {
  readonly blocks: ReadonlyArray<Block>;
  /** The file that "it" and "the file you just created" mean. */
  readonly file: string | undefined;
  /** The tools that can be named. */
  readonly tools: ReadonlyArray<string>;
}

/** One way of asking: the steps of a clause that fits, undefined for one that does not. */
export type Form = (clause: string, scene: Scene) => ReadonlyArray<Step> | undefined;

/** Matches a path, quoted or not, and captures it; a full stop after it is not part of it. */
export const path = "[`'\"“]?([\\w.~/@%+-]*[\\w/~])[`'\"”]?";
/** A word that can only be a file: it has a slash or an extension. */
export const fileLike = /^(?:[\w.~@%+-]*\/[\w./~@%+-]*|[\w@%+-][\w.@%+-]*\.[A-Za-z]\w{0,7})$/;

/** A step that runs Python. */
export const python = (code: string): Step => ({ _tag: "Python", code });
/** A step that runs a command. */
export const bash = (command: string): Step => ({ _tag: "Bash", command });

const shellLanguages = new Set(["bash", "sh", "shell", "zsh", "console", "terminal"]);
const pythonLanguages = new Set(["python", "py", "python3", "ipython", "pycon"]);

/** The step for code of which words nearby say what it is; undefined when they do not. */
export const codeStep = (code: string, hint: string): Step | undefined => {
  const words = hint.toLowerCase().split(/\W+/);
  if (words.some((word) => pythonLanguages.has(word))) return python(code);
  if (words.some((word) => shellLanguages.has(word) || /^commands?$/.test(word))) {
    return bash(code.replace(/^\$ /gm, ""));
  }
  return undefined;
};

/** The step for a fenced block, by its language, the words nearby, or its looks. */
export const blockStep = (block: Block, hint: string): Step | undefined => {
  if (block.language === "" || block.language === "text" || block.language === "txt") {
    return codeStep(block.code, hint) ??
      (Code.looksLikePython(block.code) && !Code.looksLikeShell(block.code) ? python(block.code) : bash(block.code));
  }
  return codeStep(block.code, block.language);
};

/** The fenced blocks that stood in a clause. */
export const blocksIn = (clause: string, scene: Scene): ReadonlyArray<Block> =>
  [...clause.matchAll(marks)].flatMap((found) => scene.blocks[Number(found[1])] ?? []);
