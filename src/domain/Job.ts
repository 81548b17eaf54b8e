/**
 * Commands that go on in the background of a sandbox, as those who look after them see them.
 */
import { Schema } from "effect";

/** Jobs that one sandbox runs at once. */
export const jobsRunningMax = 8;

/** Jobs that a sandbox remembers, the running ones included; of those that ended the oldest is forgotten first. */
export const jobsKeptMax = 16;

/** The longest life of a job; work of days belongs where nobody has to hold a sandbox for it. */
export const jobSecondsMax = 3_600;

/** Characters of a command that a list of jobs shows. */
export const jobCommandCharsMax = 200;

/**
 * A job as it is now.
 *
 * *Details*: `exited` is a shell that ended by itself, `killed` one that was asked to end, `timed_out` one whose
 * time was over, `failed` one that could not be started or whose sandbox is gone.
 */
export const Job = Schema.Struct({
  id: Schema.String,
  /** The beginning of its command. */
  command: Schema.String,
  status: Schema.Literals(["running", "exited", "killed", "timed_out", "failed"]),
  startedAtMs: Schema.Number,
  endedAtMs: Schema.optionalKey(Schema.Number),
  /** As of a command; absent while it runs and where no shell ended. */
  exitCode: Schema.optionalKey(Schema.Int),
  /** What else the reader must know. */
  note: Schema.optionalKey(Schema.String),
});
export type Job = typeof Job.Type;

/** A command to run in the background. */
export interface JobRequest {
  readonly command: string;
  /** Wall-clock life; the whole process tree is dead when it has passed. */
  readonly timeoutMs: number;
}

/** Which part of what a job printed, and how long to wait for its end first. */
export interface JobReadRequest {
  /** First byte wanted; the end of what it printed when absent. */
  readonly offset?: number;
  readonly waitMs: number;
}

/** A part of what a job printed on both its streams. */
export const JobOutput = Schema.Struct({
  job: Job,
  text: Schema.String,
  /** Where the text begins, in bytes; later than was asked when what stood there is not kept any more. */
  offset: Schema.Number,
  /** Where to read on. */
  nextOffset: Schema.Number,
  /** Bytes that the job printed so far in all. */
  totalBytes: Schema.Number,
});
export type JobOutput = typeof JobOutput.Type;
