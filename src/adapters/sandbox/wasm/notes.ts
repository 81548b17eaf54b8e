/**
 * What a WebAssembly sandbox cannot do, told when a command runs into it.
 */

interface Hint {
  readonly sign: RegExp;
  readonly note: (found: string) => string;
}

/** Signs in stderr, the most specific first; one note is enough. */
const hints: ReadonlyArray<Hint> = [
  {
    sign: /^bash: (pip3?|uv|conda|apt|apt-get|npm): command not found/m,
    note: (name) => `${name} is not available: nothing can be installed in this sandbox, which has no network.`,
  },
  {
    sign: /^bash: ([\w.+-]+): command not found/m,
    note: (name) => `${name} is not available: this sandbox simulates bash and its common text tools, nothing else.`,
  },
  {
    sign: /^ModuleNotFoundError: No module named '?(IPython)/m,
    note: (name) => `${name} is not available: a cell has display(...) without an import.`,
  },
  {
    sign: /^(?:ModuleNotFound|Import)Error: No module named '?([\w.]+)/m,
    note: (name) => `${name} is not available: Python here is WebAssembly with the standard library only.`,
  },
  {
    sign: /does not support processes|there are no processes in this sandbox|can't start new thread/,
    note: () => "Python in this sandbox cannot start processes or threads.",
  },
  { sign: /Host is unreachable|Name or service not known/, note: () => "This sandbox has no network." },
  {
    sign: /^ln: |Permission denied: .{0,1000} -> /m,
    note: () => "Symbolic links cannot be made in this sandbox.",
  },
  {
    sign: /^MemoryError/m,
    note: () => "Python reached the memory limit of this sandbox.",
  },
];

/** The note for what a command wrote to stderr, if it ran into something that is missing here. */
export const noteFor = (stderr: string): string | undefined => {
  for (const { sign, note } of hints) {
    const match = sign.exec(stderr);
    if (match !== null) return note(match[1] ?? "");
  }
  return undefined;
};
