/**
 * Python of the guest: one WebAssembly interpreter, loaded from a memory image when first needed.
 *
 * Its standard library is all there is. It sees the guest's mounts and no global of JavaScript.
 */
import {
  bytesOutput,
  type CommandContext,
  defineCommand,
  latin1FromBytes,
  unsafeBytesFromLatin1,
} from "npm:just-bash@3.4.2";
import { loadPyodide, type PyodideAPI } from "npm:pyodide@314.0.7";
import type { Mount } from "./paths.ts";
import { runnerSource } from "./runner.ts";
import { type Deadline, makeDeadline } from "./deadline.ts";

/** Output of one program that is kept for the shell; a program that prints more is stopped. */
const programOutputBytesMax = 32 * 1024 * 1024;

export interface Python {
  /** An interpreter was given up; its memory comes back only with the process. */
  readonly isWorn: () => boolean;
  /** The `python3` command of a shell whose time ends at `deadline`. */
  readonly command: (name: string, deadline: number) => ReturnType<typeof defineCommand>;
  /** Runs a cell in the namespace of a kernel, until `deadline`. */
  readonly cell: (kernel: string, code: string, deadline: number) => Promise<CellRun>;
  /** Finds a docstring in a source text without running it; `missing` is a reason of FileError or "". */
  readonly docstring: (source: string, name: string) => Promise<{ readonly missing: string; readonly text: string }>;
}

/** A function of Python that takes one text. */
interface Callable {
  readonly callPromising: (request: string) => Promise<unknown>;
}

/** What became of a cell; `answer` is the runner's own, nothing when the interpreter broke. */
export interface CellRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly answer?: {
    readonly displays: ReadonlyArray<unknown>;
    readonly displaysLeftOut: number;
    readonly error?: unknown;
    readonly fresh: boolean;
    readonly interrupted: boolean;
  };
  /** Why there is no answer, or why the cell was cut. */
  readonly trouble: string;
}

/** The interpreter of a process, with what is needed to call its runner. */
interface Interpreter {
  readonly api: PyodideAPI;
  readonly run: Callable;
  readonly cell: Callable;
  readonly docstring: (source: string, name: string) => unknown;
  mounted: boolean;
}

/** Collects what a program writes to one stream, up to a bound shared with the other. */
const makeCollector = (budget: { left: number }, overflow: () => void) => {
  const parts: Array<Uint8Array> = [];
  return {
    write: (bytes: Uint8Array): number => {
      if (budget.left >= bytes.length) parts.push(bytes.slice());
      else overflow();
      budget.left -= bytes.length;
      return bytes.length;
    },
    latin1: (): string => {
      let text = "";
      for (const part of parts) text += latin1Of(part);
      return text;
    },
  };
};

const latin1Decoder = new TextDecoder("latin1");
/** TextDecoder's latin1 is windows-1252, which differs in 32 characters: those take the slow way. */
const latin1Of = (bytes: Uint8Array): string => {
  if (!bytes.some((byte) => byte >= 0x80 && byte < 0xa0)) return latin1Decoder.decode(bytes);
  let text = "";
  const step = 8192;
  for (let at = 0; at < bytes.length; at += step) text += String.fromCharCode(...bytes.subarray(at, at + step));
  return text;
};

const bytesOfLatin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Loads an interpreter from the memory image, with the runner in it. */
const load = async (snapshotPath: string, interrupt: Uint8Array): Promise<Interpreter> => {
  const api = await loadPyodide({
    // No globals of JavaScript; its objects that a program digs out lead no further: no text becomes code here.
    jsglobals: Object.create(null),
    _loadSnapshot: await Deno.readFile(snapshotPath),
  });
  api.setInterruptBuffer(interrupt);
  const scope = api.toPy({});
  api.runPython(runnerSource, { globals: scope, filename: "<caisson>" });
  return {
    api,
    run: scope.get("caisson_run"),
    cell: scope.get("caisson_cell"),
    docstring: scope.get("caisson_docstring"),
    mounted: false,
  };
};

/** Mounts anew, because a mount remembers names that the shell may since have removed or remade. */
const mountAll = (python: Interpreter, mounts: ReadonlyArray<Mount>) => {
  for (const { at, host } of mounts) {
    if (python.mounted) python.api.FS.unmount(at);
    python.api.FS.mkdirTree(at);
    python.api.mountNodeFS(at, host);
  }
  python.mounted = true;
};

/** What a call is made under. */
interface Circumstances {
  readonly stdin: Uint8Array;
  readonly endsAt: number;
  readonly deadline: Deadline;
  /** The interpreter cannot be trusted any more. */
  readonly wear: () => void;
}

/** Calls a function of the runner with streams of its own; `answer` is missing when the interpreter broke. */
const converse = async (
  python: Interpreter,
  callee: Callable,
  request: object,
  { stdin, endsAt, deadline, wear }: Circumstances,
) => {
  const { api } = python;
  const budget = { left: programOutputBytesMax };
  let overflowed = false;
  const overflow = () => {
    overflowed = true;
    deadline.now();
  };
  const stdout = makeCollector(budget, overflow);
  const stderr = makeCollector(budget, overflow);
  api.setStdout({ write: stdout.write, isatty: false });
  api.setStderr({ write: stderr.write, isatty: false });
  let at = 0;
  api.setStdin({
    read: (buffer: Uint8Array) => {
      const piece = stdin.subarray(at, at + buffer.length);
      buffer.set(piece);
      at += piece.length;
      return piece.length;
    },
    isatty: false,
  });
  deadline.arm(endsAt);
  let answer: unknown;
  let trouble = "";
  try {
    answer = await callee.callPromising(JSON.stringify(request));
  } catch (error) {
    // The interpreter itself broke, or a second interrupt came while it cleaned up after the first.
    wear();
    trouble = `python3: the interpreter stopped: ${firstLine(error)}\n`;
  } finally {
    deadline.disarm();
  }
  if (overflowed) trouble += `python3: stopped after ${programOutputBytesMax} bytes of output\n`;
  return { stdout: stdout.latin1(), stderr: stderr.latin1(), answer, trouble, overflowed };
};

/** Makes the interpreter's keeper; nothing is loaded before the first use. */
export const makePython = (mounts: ReadonlyArray<Mount>, snapshotPath: string): Python => {
  let loaded: Promise<Interpreter> | undefined;
  let worn = false;
  const deadline = makeDeadline();

  const interpreter = (): Promise<Interpreter> => {
    loaded ??= load(snapshotPath, deadline.interrupt);
    return loaded;
  };

  /** Lets go of an interpreter whose state cannot be trusted any more. */
  const wear = () => {
    loaded = undefined;
    worn = true;
  };

  const run = async (args: ReadonlyArray<string>, context: CommandContext, endsAt: number) => {
    const python = await interpreter();
    const stdin = bytesOfLatin1(latin1FromBytes(context.stdin));
    const request = { argv: args, cwd: context.cwd, environ: context.exportedEnv ?? {} };
    mountAll(python, mounts);
    const circumstances = { stdin, endsAt, deadline, wear };
    const said = await converse(python, python.run, request, circumstances);
    const { stdout, stderr, answer, trouble, overflowed } = said;
    const exitCode = typeof answer === "number" ? answer : 1;
    if (exitCode === 130) wear();
    return {
      ...bytesOutput(unsafeBytesFromLatin1(stdout)),
      stderr: textOf(stderr) + trouble,
      exitCode: overflowed ? 1 : exitCode,
    };
  };

  const cell = async (kernel: string, code: string, endsAt: number): Promise<CellRun> => {
    const python = await interpreter();
    mountAll(python, mounts);
    const circumstances = { stdin: new Uint8Array(0), endsAt, deadline, wear };
    const { stdout, stderr, answer, trouble } = await converse(python, python.cell, { kernel, code }, circumstances);
    const printed = { stdout: textOf(stdout), stderr: textOf(stderr), trouble };
    if (typeof answer !== "string") return printed;
    const parsed = JSON.parse(answer);
    // What an interrupt left behind cannot be trusted.
    if (parsed.interrupted) wear();
    return { ...printed, answer: parsed };
  };

  return {
    isWorn: () => worn,
    command: (name, endsAt) => defineCommand(name, (args, context) => run(args, context, endsAt)),
    cell,
    docstring: async (source, name) => {
      const answer = (await interpreter()).docstring(source, name);
      if (!(answer instanceof Object) || !("toJs" in answer) || typeof answer.toJs !== "function") {
        throw new Error("the parser gave no answer");
      }
      const [missing, text]: ReadonlyArray<unknown> = answer.toJs();
      return { missing: String(missing), text: String(text) };
    },
  };
};

const textOf = (latin1: string): string => new TextDecoder().decode(bytesOfLatin1(latin1));

const firstLine = (error: unknown): string => {
  const lines = String(error).trim().split("\n");
  return (lines.at(-1) ?? "").slice(0, 200);
};
