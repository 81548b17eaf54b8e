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
import { makeDeadline } from "./deadline.ts";

/** Output of one program that is kept for the shell; a program that prints more is stopped. */
const programOutputBytesMax = 32 * 1024 * 1024;

export interface Python {
  /** An interpreter was given up; its memory comes back only with the process. */
  readonly isWorn: () => boolean;
  /** The `python3` command of a shell whose time ends at `deadline`. */
  readonly command: (name: string, deadline: number) => ReturnType<typeof defineCommand>;
  /** Finds a docstring in a source text without running it; `missing` is a reason of FileError or "". */
  readonly docstring: (source: string, name: string) => Promise<{ readonly missing: string; readonly text: string }>;
}

/** The interpreter of a process, with what is needed to call its runner. */
interface Interpreter {
  readonly api: PyodideAPI;
  readonly run: { readonly callPromising: (request: string) => Promise<unknown> };
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

/** Makes the interpreter's keeper; nothing is loaded before the first use. */
export const makePython = (mounts: ReadonlyArray<Mount>, snapshotPath: string): Python => {
  let loaded: Promise<Interpreter> | undefined;
  let worn = false;
  const deadline = makeDeadline();

  const load = async (): Promise<Interpreter> => {
    const api = await loadPyodide({
      // No globals of JavaScript; its objects that a program digs out lead no further: no text becomes code here.
      jsglobals: Object.create(null),
      _loadSnapshot: await Deno.readFile(snapshotPath),
    });
    api.setInterruptBuffer(deadline.interrupt);
    const scope = api.toPy({});
    api.runPython(runnerSource, { globals: scope, filename: "<caisson>" });
    return { api, run: scope.get("caisson_run"), docstring: scope.get("caisson_docstring"), mounted: false };
  };
  const interpreter = (): Promise<Interpreter> => {
    loaded ??= load();
    return loaded;
  };

  /** Lets go of an interpreter whose state cannot be trusted any more. */
  const wear = () => {
    loaded = undefined;
    worn = true;
  };

  /** Mounts anew, because a mount remembers names that the shell may since have removed or remade. */
  const mountAll = (python: Interpreter) => {
    for (const { at, host } of mounts) {
      if (python.mounted) python.api.FS.unmount(at);
      python.api.FS.mkdirTree(at);
      python.api.mountNodeFS(at, host);
    }
    python.mounted = true;
  };

  const run = async (args: ReadonlyArray<string>, context: CommandContext, endsAt: number) => {
    const python = await interpreter();
    const { api } = python;
    mountAll(python);
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
    const input = bytesOfLatin1(latin1FromBytes(context.stdin));
    let at = 0;
    api.setStdin({
      read: (buffer: Uint8Array) => {
        const piece = input.subarray(at, at + buffer.length);
        buffer.set(piece);
        at += piece.length;
        return piece.length;
      },
      isatty: false,
    });
    deadline.arm(endsAt);
    let exitCode = 1;
    let trouble = "";
    try {
      const answer = await python.run.callPromising(
        JSON.stringify({ argv: args, cwd: context.cwd, environ: context.exportedEnv ?? {} }),
      );
      exitCode = typeof answer === "number" ? answer : 1;
      if (exitCode === 130) wear();
    } catch (error) {
      // The interpreter itself broke, or a second interrupt came while it cleaned up after the first.
      wear();
      trouble = `python3: the interpreter stopped: ${firstLine(error)}\n`;
    } finally {
      deadline.disarm();
    }
    if (overflowed) trouble += `python3: stopped after ${programOutputBytesMax} bytes of output\n`;
    return {
      ...bytesOutput(unsafeBytesFromLatin1(stdout.latin1())),
      stderr: new TextDecoder().decode(bytesOfLatin1(stderr.latin1())) + trouble,
      exitCode: overflowed ? 1 : exitCode,
    };
  };

  return {
    isWorn: () => worn,
    command: (name, endsAt) => defineCommand(name, (args, context) => run(args, context, endsAt)),
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

const firstLine = (error: unknown): string => {
  const lines = String(error).trim().split("\n");
  return (lines.at(-1) ?? "").slice(0, 200);
};
