/**
 * What became of a cell of Python that ran in a kernel, where variables stay from one cell to the next.
 *
 * As with a command, everything is a value: an exception, a time limit or a process that died is an outcome.
 */
import { Schema } from "effect";
import { EgressSummary } from "./EgressRecord.ts";

/** A cell of Python and the kernel to run it in. */
export interface CellRequest {
  readonly code: string;
  /** Wall-clock limit; the cell is then interrupted, and its kernel ended when that does not help. */
  readonly timeoutMs: number;
  /** Whose variables it sees; cells of one kernel run one after the other. `default` when absent. */
  readonly kernel?: string;
  /** Called with what the cell prints as it arrives; it must not block. */
  readonly onOutput?: (stream: "stdout" | "stderr", text: string) => void;
}

/** The kernel of a cell that names none. */
export const kernelDefault = "default";

/** Bytes of a kernel's name in UTF-8. */
export const kernelNameBytesMax = 200;

/** Something that a cell showed: the same in several forms, by media type. Pictures are in base64, the rest is text. */
export const CellDisplay = Schema.Struct({
  /** `result` is the value of the cell's last expression. */
  kind: Schema.Literals(["result", "display"]),
  forms: Schema.Record(Schema.String, Schema.String),
});
export type CellDisplay = typeof CellDisplay.Type;

/** What a cell raised, or why it could not run. */
export const CellError = Schema.Struct({
  /** Name of the exception's class; `KernelDied` and `KernelUnavailable` are ours. */
  name: Schema.String,
  message: Schema.String,
  /** With the lines of the cells that it passed through; empty where there is none. */
  traceback: Schema.String,
});
export type CellError = typeof CellError.Type;

/** The end of a cell. */
export const CellOutcome = Schema.Struct({
  stdout: Schema.String,
  stderr: Schema.String,
  /** In the order in which they were shown, at most 32. */
  displays: Schema.Array(CellDisplay),
  /** Displays beyond the bound, which are not kept. */
  displaysLeftOut: Schema.Int,
  error: Schema.optionalKey(CellError),
  timedOut: Schema.Boolean,
  /** Output was longer than the bound: `stdout` and `stderr` keep its head and tail. */
  truncated: Schema.Boolean,
  /** The kernel of the system killed a process of this cell for want of memory. */
  oomKilled: Schema.Boolean,
  /** The variables of earlier cells were gone when this one began. */
  restarted: Schema.Boolean,
  /** The process that held the variables is gone. */
  stateLost: Schema.Boolean,
  durationMs: Schema.Number,
  /** Workspace file that holds the whole output when it was truncated and could be saved. */
  outputPath: Schema.optionalKey(Schema.String),
  /** A sentence about anything else the reader must know. */
  note: Schema.optionalKey(Schema.String),
  /** What programs asked of the network while the cell ran; absent when nothing. */
  egress: Schema.optionalKey(EgressSummary),
});
export type CellOutcome = typeof CellOutcome.Type;

/** The outcome of a cell that never ran. */
export const cellNotRun = (why: string): CellOutcome => ({
  stdout: "",
  stderr: "",
  displays: [],
  displaysLeftOut: 0,
  error: { name: "KernelUnavailable", message: why, traceback: "" },
  timedOut: false,
  truncated: false,
  oomKilled: false,
  restarted: false,
  stateLost: false,
  durationMs: 0,
});
