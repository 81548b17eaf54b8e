/**
 * Telling code from prose, and quoting it for a shell.
 */

/** The end of a heredoc; a digit is appended until the code does not contain it as a line. */
const heredocMark = "PYTHON";

/** Commands that start a line nobody would take for Python or prose. */
const shellCommands = new Set(
  ("awk basename bash cal cat cd chmod cp curl cut date df diff dirname du echo env expr false file find free git grep " +
    "gunzip gzip head hostname id jq kill ln ls make md5sum mkdir mktemp mv nl nproc od paste pip pip3 printenv printf " +
    "ps pwd python python3 readlink realpath rm rmdir sed seq sh sha256sum sleep sort split stat tail tar tee test " +
    "timeout touch tr tree true type ulimit uname uniq unzip uptime wc wget which whoami xargs yes zip").split(" "),
);

/** Quotes a word for bash, leaving plain words as they are. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The command that runs Python code, in the form that a person reads most easily. */
export const pythonCommand = (code: string): string => {
  const text = code.trimEnd();
  if (!text.includes("\n")) {
    if (!text.includes("'")) return `python3 -c '${text}'`;
    if (!/["$`\\]/.test(text)) return `python3 -c "${text}"`;
  }
  const lines = new Set(text.split("\n"));
  let mark = heredocMark;
  for (let n = 2; lines.has(mark); n++) mark = `${heredocMark}${n}`;
  return `python3 - <<'${mark}'\n${text}\n${mark}`;
};

/** Characters of a text that are looked at to tell what it is: its first lines say it. */
const lookedAtCharactersMax = 2_000;

/** A loop or a condition of the shell: its keyword, and the `do`, `then` or `in` that Python has no use for. */
const shellControl =
  /^(?:(?:for|while|until|if|select)\b[^\n]{0,500}[;\n][ \t\n]{0,40}(?:do|then)\b|case\b[^\n]{1,200}\bin[ \t\n])/;
/** A variable that is set and then used with its dollar sign, or passed on to a command. */
const shellVariable = /^(?:export |set -\w|[A-Za-z_]\w{0,60}=[^\s=][^\n]{0,300}(?:;|&&|\n)[^\n]{0,300}\$[\w({])/;

/** Whether a text is a shell command by its first word, or by the marks of a loop, a condition or a variable. */
export const looksLikeShell = (text: string): boolean => {
  const start = text.trimStart().slice(0, lookedAtCharactersMax).trimEnd();
  const [, word, after] = /^(?:\$\s{1,20}|sudo\s{1,20})?([\w.-]{1,60})(\s{0,20}[(=])?/.exec(start) ?? [];
  return (word !== undefined && after === undefined && shellCommands.has(word)) ||
    /^(\$\s|\.{0,2}\/)/.test(start) || shellControl.test(start) || shellVariable.test(start);
};

/** Whether a text is Python by the marks that only Python has. */
export const looksLikePython = (text: string): boolean =>
  /^[ \t]{0,100}(print\s*\(|import\s+\w+|from\s+\w[\w.]*\s+import\s|def\s+\w+\s*\(|class\s+\w+\s*[(:]|(for|while|if|with|try)\b.*:\s*($|\n|\S)|[\w.[\], ]+\s*[-+*/]?=[^=]|raise\b|assert\b|lambda\b|[\w.]+\(.*\)\s*$)/m
    .test(text.trimStart().slice(0, lookedAtCharactersMax));

const quotePairs: Readonly<Record<string, string>> = {
  "'": "'",
  '"': '"',
  "`": "`",
  "“": "”",
  "‘": "’",
  "«": "»",
};

/** What stands between the quotes when a text starts with one, and what follows; undefined when it is not closed. */
export const quoted = (
  text: string,
): { readonly inner: string; readonly quote: string; readonly rest: string } | undefined => {
  for (const fence of ['"""', "'''", "```", "``"]) {
    const end = text.startsWith(fence) ? text.indexOf(fence, fence.length) : -1;
    if (end >= 0) return { inner: text.slice(fence.length, end), quote: fence, rest: text.slice(end + fence.length) };
  }
  const open = text.charAt(0);
  const close = quotePairs[open];
  if (close === undefined) return undefined;
  for (let at = 1; at < text.length; at++) {
    if (text[at] === "\\" && (open === "'" || open === '"')) at++;
    else if (text[at] === close) {
      // An apostrophe inside a word, as in 'it's', does not close a single quote.
      if (close === "'" && /\w/.test(text[at + 1] ?? "") && /\w/.test(text[at - 1] ?? "")) continue;
      return { inner: text.slice(1, at), quote: open, rest: text.slice(at + 1) };
    }
  }
  return undefined;
};

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0" };

/** Resolves `\n`, `\t` and escaped quotes, as people write them in a quoted content. */
export const unescape = (text: string): string =>
  text.replace(/\\([ntr0\\'"`])/g, (_, mark: string) => escapes[mark] ?? mark);

/** A text without the quotes that enclose all of it. */
export const unquote = (text: string): string => {
  const trimmed = text.trim();
  const found = quoted(trimmed);
  return found !== undefined && /^[.!?]?$/.test(found.rest.trim()) ? found.inner : trimmed;
};
