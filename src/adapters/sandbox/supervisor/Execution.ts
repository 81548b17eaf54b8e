/**
 * One command on a link: what is sent to start it, and its frames as they become an outcome.
 */
import type { ExecutionOutcome, ExecutionRequest } from "../../../domain/Execution.ts";
import type { SandboxError } from "../../../services/Sandbox.ts";
import { noProcessLeft } from "./fileErrors.ts";
import { decodeCount, decodeError, decodeExit, type Exit, ExitFlag, Tell } from "./frames.ts";
import type { PendingRequest } from "./LinkSession.ts";
import { OutputText } from "./OutputText.ts";

/** How a command came to its end. */
export type Ending =
  | {
    readonly _tag: "Outcome";
    readonly outcome: Omit<ExecutionOutcome, "durationMs">;
    /** As the supervisor told them. */
    readonly code: number;
    readonly flags: number;
  }
  /** The supervisor did not start it, for a reason in words. */
  | { readonly _tag: "Refused"; readonly why: string; readonly isCrowded: boolean }
  | { readonly _tag: "Lost"; readonly error: SandboxError }
  /** The listener of live output threw: a defect of the caller. */
  | { readonly _tag: "Threw"; readonly error: unknown };

/** Where the whole of a long output is saved, without its ending. */
export interface ExecutionPlan {
  readonly outputBytesMax: number;
  readonly savedPath: string;
  readonly onEnding: (ending: Ending) => void;
  /** The command's stdin took this many more bytes. */
  readonly onTaken?: (bytes: number) => void;
  /** A piece of what it shows arrived; false when that breaks the protocol. */
  readonly onDisplay?: (piece: Uint8Array) => boolean;
  /** Bytes that what it shows may have in all; none when absent. */
  readonly displayBytesMax?: number;
}

/** Exit code of a command that could not be started, as shells have it. */
const cannotStart = 126;
/** Exit code after a timeout, as `timeout(1)` has it. */
const timedOutCode = 124;
/** Frames beside output that an execution may bring: its end, and a stdin credit per frame sent. */
const otherBytesMax = 4096;

/** An outcome of a command that never ran. */
export const notStarted = (why: string): Omit<ExecutionOutcome, "durationMs"> => {
  const stderr = `bash: cannot start: ${why}\n`;
  return {
    exitCode: cannotStart,
    stdout: "",
    stderr,
    timedOut: false,
    truncated: false,
    oomKilled: false,
    stdoutBytes: 0,
    stderrBytes: stderr.length,
  };
};

/** The frames of one command. */
export class Execution implements PendingRequest {
  allowance: number;
  private readonly stdout: OutputText;
  private readonly stderr: OutputText;

  constructor(request: Pick<ExecutionRequest, "onOutput">, private readonly plan: ExecutionPlan) {
    const { onOutput } = request;
    const listen = (stream: "stdout" | "stderr") =>
      onOutput && ((text: string) => {
        try {
          onOutput(stream, text);
        } catch (error) {
          plan.onEnding({ _tag: "Threw", error });
        }
      });
    this.stdout = new OutputText(plan.outputBytesMax, listen("stdout"));
    this.stderr = new OutputText(plan.outputBytesMax, listen("stderr"));
    // Live bytes and half as much again for the tail, of two streams.
    this.allowance = 2 * 1.5 * plan.outputBytesMax + otherBytesMax + (plan.displayBytesMax ?? 0);
  }

  onFrame(kind: number, payload: Uint8Array): boolean {
    switch (kind) {
      case Tell.stdout:
        return payload.length > 0 && this.stdout.push(payload);
      case Tell.stderr:
        return payload.length > 0 && this.stderr.push(payload);
      case Tell.stdoutTail:
        return this.stdout.pushTail(payload);
      case Tell.stderrTail:
        return this.stderr.pushTail(payload);
      case Tell.taken:
        return this.onTaken(payload);
      case Tell.display:
        return this.plan.onDisplay?.(payload) ?? false;
      case Tell.exit:
        return this.onExit(payload);
      case Tell.error: {
        const error = decodeError(payload);
        if (error === undefined) return false;
        this.plan.onEnding({ _tag: "Refused", why: error.text, isCrowded: error.code === noProcessLeft });
        return true;
      }
      default:
        return false;
    }
  }

  onLost(error: SandboxError): void {
    this.plan.onEnding({ _tag: "Lost", error });
  }

  private onTaken(payload: Uint8Array): boolean {
    const bytes = decodeCount(payload);
    if (bytes === undefined || this.plan.onTaken === undefined) return false;
    this.plan.onTaken(bytes);
    return true;
  }

  private onExit(payload: Uint8Array): boolean {
    const exit = decodeExit(payload);
    if (exit === undefined) return false;
    this.plan.onEnding({ _tag: "Outcome", outcome: this.outcomeOf(exit), code: exit.code, flags: exit.flags });
    return true;
  }

  private outcomeOf(exit: Exit): Omit<ExecutionOutcome, "durationMs"> {
    const has = (flag: number) => (exit.flags & flag) !== 0;
    const saved = (flag: number, ending: string) => has(flag) ? `${this.plan.savedPath}.${ending}` : undefined;
    const stdoutPath = saved(ExitFlag.stdoutSaved, "stdout");
    const stderrPath = saved(ExitFlag.stderrSaved, "stderr");
    const stdout = this.stdout.finish(exit.stdoutBytes, stdoutPath);
    const stderr = this.stderr.finish(exit.stderrBytes, stderrPath);
    const outputPath = stdoutPath ?? stderrPath;
    const note = noteOf(exit.flags);
    return {
      exitCode: has(ExitFlag.timedOut) ? timedOutCode : exit.code,
      stdout: stdout.text,
      stderr: stderr.text,
      timedOut: has(ExitFlag.timedOut),
      truncated: stdout.truncated || stderr.truncated,
      oomKilled: has(ExitFlag.oomKilled),
      stdoutBytes: exit.stdoutBytes,
      stderrBytes: exit.stderrBytes,
      ...(outputPath === undefined ? {} : { outputPath }),
      ...(note === "" ? {} : { note }),
    };
  }
}

const noteOf = (flags: number): string =>
  [
    flags & ExitFlag.runnerLost ? "The process that watches over the command was killed; its tree was ended." : "",
    flags & ExitFlag.survivors ? "Some processes of the command could not be ended." : "",
    flags & ExitFlag.oomBeside
      ? "While this command ran beside others, the kernel killed a process of the sandbox for want of memory."
      : "",
    flags & ExitFlag.leftBehind
      ? "Processes that the command left in the background were ended with it: they do not outlive their command."
      : "",
    flags & ExitFlag.savedInPart ? "The saved output holds only its beginning." : "",
  ].filter((sentence) => sentence !== "").join(" ");
