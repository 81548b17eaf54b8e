/**
 * Cells of Python on a link: one after the other in each kernel, each with an outcome.
 */
import { Effect } from "effect";
import {
  cellNotRun,
  type CellOutcome,
  type CellRequest,
  kernelDefault,
  kernelNameBytesMax,
} from "../../../domain/Cell.ts";
import type { SandboxError } from "../../../services/Sandbox.ts";
import { displayBytesMax, Displays } from "./displays.ts";
import { crowdNote, withNote } from "./crowd.ts";
import { type Begun, commandBytesMax, type ExecuteContext, launch, type Started, timed } from "./execute.ts";
import type { Ending } from "./Execution.ts";
import { Ask, encodeKernelRun, ExitFlag } from "./frames.ts";
import { textBytes } from "./textBytes.ts";
import { Turns } from "./Turns.ts";

/** Signals by which a process ends that nobody meant to kill, by number. */
const signalNames: ReadonlyMap<number, string> = new Map([
  [4, "SIGILL"],
  [6, "SIGABRT"],
  [7, "SIGBUS"],
  [8, "SIGFPE"],
  [9, "SIGKILL"],
  [11, "SIGSEGV"],
  [15, "SIGTERM"],
]);
/** From here on, an exit code names a signal. */
const signalCodes = 128;

/** Why the process of a kernel is gone, in words. */
const deathOf = (code: number, flags: number): string => {
  if (flags & ExitFlag.oomKilled) return "The Python process was killed because the sandbox ran out of memory.";
  if (flags & (ExitFlag.timedOut | ExitFlag.cancelled)) {
    return "The cell did not end when it was interrupted, so that its Python process was killed.";
  }
  return code > signalCodes
    ? `The Python process was ended by ${signalNames.get(code - signalCodes) ?? `signal ${code - signalCodes}`}.`
    : `The Python process ended itself with exit code ${code}.`;
};

const outcomeOf = (
  ending: Ending,
  displays: Displays,
  jobs: ExecuteContext["jobs"],
): Effect.Effect<Untimed, SandboxError> => {
  switch (ending._tag) {
    case "Refused":
      return Effect.succeed(withNote(cellNotRun(ending.why), crowdNote(ending, jobs)));
    case "Lost":
      return Effect.fail(ending.error);
    case "Threw":
      return Effect.die(ending.error);
    case "Outcome": {
      const { outcome, flags } = ending;
      const { stdout, stderr, truncated, oomKilled, timedOut, outputPath } = outcome;
      const { note } = withNote(outcome, crowdNote(ending, jobs));
      const stateLost = (flags & ExitFlag.stateLost) !== 0;
      const died = { name: "KernelDied", message: deathOf(ending.code, flags), traceback: "" };
      const error = stateLost ? died : displays.error;
      return Effect.succeed({
        stdout,
        stderr,
        displays: displays.shown,
        displaysLeftOut: displays.leftOut,
        ...(error !== undefined && { error }),
        timedOut,
        truncated,
        oomKilled,
        restarted: (flags & ExitFlag.restarted) !== 0,
        stateLost,
        ...(outputPath !== undefined && { outputPath }),
        ...(note !== undefined && { note }),
      });
    }
  }
};

type Untimed = Omit<CellOutcome, "durationMs">;

const refusal = (code: Uint8Array, kernel: Uint8Array): string | undefined =>
  code.length > commandBytesMax
    ? `the code is longer than ${commandBytesMax} bytes`
    : kernel.length > kernelNameBytesMax
    ? `the name of a kernel has at most ${kernelNameBytesMax} bytes`
    : undefined;

interface WaitingCell {
  /** Of its kernel. */
  readonly name: string;
  readonly request: CellRequest;
  readonly begun: Begun;
}

/** Runs a cell when it is its turn; whatever cuts the wait interrupts the cell, and waits for its end, first. */
const inTurn = (context: ExecuteContext, turns: Turns, { name, request, begun }: WaitingCell): Effect.Effect<Ending> =>
  Effect.callback((resume) => {
    let started: Started | undefined;
    const begin = () => {
      started = launch(context, request, begun, (ending) => {
        turns.leave(name, begin);
        resume(Effect.succeed(ending));
      });
    };
    turns.enter(name, begin);
    // The end of a cell that was killed, too, comes through the callback above.
    return Effect.suspend(() => started === undefined ? Effect.sync(() => turns.leave(name, begin)) : started.kill);
  });

/** Makes the operation that runs cells; see the port's `runCell`. */
export const runCell = (
  context: ExecuteContext,
): (request: CellRequest) => Effect.Effect<CellOutcome, SandboxError> => {
  const turns = new Turns();
  return (request) =>
    timed(context, (): Effect.Effect<Untimed, SandboxError> => {
      const name = request.kernel ?? kernelDefault;
      const code = textBytes(request.code);
      const kernel = textBytes(name);
      const refused = refusal(code, kernel);
      if (refused !== undefined) return Effect.succeed(cellNotRun(refused));
      const displays = new Displays();
      const { outputBytesMax } = context;
      const begun: Begun = {
        kind: Ask.kernelRun,
        encode: (timeoutMs, outputName) => encodeKernelRun({ timeoutMs, outputBytesMax, kernel, outputName }, code),
        onDisplay: displays.take,
        displayBytesMax,
      };
      return Effect.flatMap(inTurn(context, turns, { name, request, begun }), (ending) =>
        outcomeOf(ending, displays, context.jobs));
    });
};
