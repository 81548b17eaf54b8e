/**
 * What a shell script seems to run: a cautious cut, made without a shell.
 *
 * Rules for tool calls look at commands through it. It reads what people write, and says so where it cannot be
 * trusted; whoever wants to hide a command from it can.
 */

/** One simple command of a script. */
export interface ShellCommand {
  /** As it is written, each stretch of white space as one space. */
  readonly written: string;
  /** What it may come to: without quotes, without what stands before the program, by the program's bare name. */
  readonly readings: ReadonlyArray<string>;
}

/** The commands of a script. */
export interface ShellScript {
  readonly commands: ReadonlyArray<ShellCommand>;
  /** More may happen than the commands say: something is substituted, evaluated, or written to a file. */
  readonly isOpaque: boolean;
}

/** Words of the shell's grammar that stand before a command. */
const keywords: ReadonlySet<string> = new Set(["then", "do", "else", "elif", "if", "while", "until", "!", "{", "}"]);

/** Programs that run what follows them, options of their own in between. */
const wrappers: ReadonlySet<string> = new Set([
  ...[
    "sudo",
    "doas",
    "su",
    "env",
    "command",
    "exec",
    "builtin",
    "nohup",
    "nice",
    "ionice",
    "setsid",
    "time",
    "timeout",
  ],
  ...["stdbuf", "xargs", "parallel", "watch", "strace", "chroot", "unshare", "busybox", "eval", "source", "."],
  ...["bash", "sh", "zsh", "dash", "ksh", "ash"],
]);

/** Programs among them that run a text, of which only a shell knows what it does. */
const evaluators: ReadonlySet<string> = new Set(["eval", "source", ".", "bash", "sh", "zsh", "dash", "ksh", "ash"]);

/** Options of other programs after which a command stands. */
const commandOptions: ReadonlySet<string> = new Set(["-exec", "-execdir", "-ok", "-okdir"]);

/** Words of a command that are looked at; behind them are arguments. */
const wordsMax = 64;
/** Readings of a command that begins with a program that runs another. */
const readingsMax = 16;

const isAssignment = (word: string): boolean => /^[A-Za-z_]\w*=/.test(word);

const baseName = (word: string): string => word.slice(word.lastIndexOf("/") + 1);

/** What a command without quotes may come to. */
const readingsOf = (plain: string): ReadonlyArray<string> => {
  const readings = new Set([plain]);
  let hasWrapper = false;
  let at = 0;
  for (const word of plain.split(" ", wordsMax)) {
    if (readings.size >= readingsMax) break;
    const rest = plain.slice(at);
    if (at === 0 || hasWrapper) {
      readings.add(rest);
      const name = baseName(word);
      if (name !== word && name !== "") readings.add(name + rest.slice(word.length));
    }
    hasWrapper ||= keywords.has(word) || isAssignment(word) || wrappers.has(baseName(word));
    at += word.length + 1;
    if (commandOptions.has(word)) readings.add(plain.slice(at));
  }
  return [...readings];
};

const oneSpaced = (text: string): string => text.trim().replace(/\s+/g, " ");

/** Drops words of the grammar from the beginning. */
const withoutKeywords = (command: string): string => {
  let at = 0;
  for (const word of command.split(" ", wordsMax)) {
    if (!keywords.has(word)) break;
    at += word.length + 1;
  }
  return command.slice(at);
};

/** Where output may go without changing anything. */
const harmlessTargets = ["&1", "&2", "/dev/null", " /dev/null", ">/dev/null", "> /dev/null"] as const;

/** One pass over a script. */
class Cut {
  readonly #commands: Array<ShellCommand> = [];
  #isOpaque = false;
  /** The command that is being read: as it is written, and without quotes. */
  #written = "";
  #plain = "";
  #quote = "";

  constructor(readonly script: string) {}

  read(): ShellScript {
    for (let at = 0; at < this.script.length;) at += this.#take(at);
    this.#end();
    return { commands: this.#commands, isOpaque: this.#isOpaque || this.#quote !== "" };
  }

  /** Takes what stands at an index and returns how many characters that were. */
  #take(at: number): number {
    const character = this.script[at] ?? "";
    if (character === "\\" && this.#quote !== "'") return this.#escaped(this.script[at + 1] ?? "");
    const opened = this.#quote === "'" ? 0 : this.#substitution(at);
    if (opened > 0) {
      this.#isOpaque = true;
      this.#end();
      return opened;
    }
    if (this.#quote === "") return this.#unquoted(character, at);
    this.#written += character;
    if (character === this.#quote) this.#quote = "";
    else this.#plain += character;
    return 1;
  }

  #escaped(next: string): number {
    if (next !== "\n") {
      this.#written += `\\${next}`;
      this.#plain += next;
    }
    return 2;
  }

  /** Characters of what begins another command, or a text for one, in the middle of a word. */
  #substitution(at: number): number {
    const { script } = this;
    if (script[at] === "`") return 1;
    if (script.startsWith("$(", at)) return 2;
    if (this.#quote !== "") return 0;
    return script.startsWith("<(", at) || script.startsWith(">(", at) || script.startsWith("<<", at) ? 2 : 0;
  }

  #unquoted(character: string, at: number): number {
    const { script } = this;
    if (character === "'" || character === '"') {
      this.#quote = character;
      this.#written += character;
      return 1;
    }
    const isJoined = character === "&" && (script[at - 1] === ">" || script[at - 1] === "<" || script[at + 1] === ">");
    if (";|\n()".includes(character) || (character === "&" && !isJoined)) {
      this.#end();
      return 1;
    }
    if (character === ">" && script[at - 1] !== ">") {
      this.#isOpaque ||= !harmlessTargets.some((target) => script.startsWith(target, at + 1));
    }
    this.#written += character;
    this.#plain += character;
    return 1;
  }

  #end(): void {
    const written = withoutKeywords(oneSpaced(this.#written));
    const plain = withoutKeywords(oneSpaced(this.#plain));
    this.#written = "";
    this.#plain = "";
    if (written === "" && plain === "") return;
    const [first = ""] = plain.split(" ", 1);
    this.#isOpaque ||= first.includes("$") || isAssignment(first) || evaluators.has(baseName(first));
    this.#commands.push({ written, readings: readingsOf(plain) });
  }
}

/** Cuts a script into its simple commands, in one pass. */
export const readShellScript = (script: string): ShellScript => new Cut(script).read();
