/**
 * What became of a command that ran in a sandbox.
 *
 * Everything here is a value: a program that fails, hangs or eats all memory is an outcome the
 * model reads, never an error of the service.
 */
import { Schema } from "effect";
import { EgressSummary } from "./EgressRecord.ts";

/** A command to run with `bash`, its working directory `/workspace`. */
export interface ExecutionRequest {
  readonly command: string;
  /** Wall-clock limit; the whole process tree is dead when it has passed. */
  readonly timeoutMs: number;
  /**
   * Called with live output as it arrives, for progress displays. The bytes a caller sees here are
   * bounded like those of the outcome. It must not block.
   */
  readonly onOutput?: (stream: "stdout" | "stderr", text: string) => void;
}

/** The end of a command: its exit code and bounded output, with flags for what cut it short. */
export const ExecutionOutcome = Schema.Struct({
  /** The shell's exit code; 124 after a timeout, 128 + signal when a signal ended the shell. */
  exitCode: Schema.Int,
  stdout: Schema.String,
  stderr: Schema.String,
  timedOut: Schema.Boolean,
  /** Output was longer than the bound: `stdout` and `stderr` keep its head and tail. */
  truncated: Schema.Boolean,
  /** The kernel killed a process of this command for want of memory. */
  oomKilled: Schema.Boolean,
  durationMs: Schema.Number,
  /** Bytes the command wrote in all, kept or not. */
  stdoutBytes: Schema.Number,
  stderrBytes: Schema.Number,
  /** Workspace file that holds the whole output when it was truncated and could be saved. */
  outputPath: Schema.optionalKey(Schema.String),
  /** A sentence about anything else the reader must know, such as a sandbox that was restarted. */
  note: Schema.optionalKey(Schema.String),
  /** What programs asked of the network while the command ran; absent when nothing. */
  egress: Schema.optionalKey(EgressSummary),
});
export type ExecutionOutcome = typeof ExecutionOutcome.Type;
