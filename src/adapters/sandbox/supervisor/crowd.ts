/**
 * What is said of work that failed because no process was left: who holds them, and how that is ended.
 */
import { headOf } from "../../../domain/cutText.ts";
import type { Job } from "../../../domain/Job.ts";
import type { Ending } from "./Execution.ts";
import { ExitFlag } from "./frames.ts";

/** Characters of a job's command that are told. */
const commandCharsMax = 60;

/** Whether a command or cell failed while hardly a process was left. */
const isCrowded = (ending: Ending): boolean =>
  ending._tag === "Refused" ? ending.isCrowded : ending._tag === "Outcome" && (ending.flags & ExitFlag.crowded) !== 0;

/** Names the jobs that hold the processes of a sandbox; undefined where an ending has another cause. */
export const crowdNote = (ending: Ending, jobs: () => ReadonlyArray<Job>): string | undefined => {
  if (!isCrowded(ending)) return undefined;
  const running = jobs().filter(({ status }) => status === "running")
    .map(({ id, command }) => `${id} (${JSON.stringify(headOf(command, commandCharsMax))})`);
  const holders = running.length === 0
    ? "what runs beside this holds them"
    : `background jobs hold them, and kill_job ends one with all that it started: ${running.join(", ")}`;
  return `Hardly a process is left in the sandbox, so that commands fail: ${holders}.`;
};

/** An outcome with a further sentence in its note. */
export const withNote = <A extends { readonly note?: string }>(outcome: A, note: string | undefined): A =>
  note === undefined ? outcome : { ...outcome, note: outcome.note === undefined ? note : `${outcome.note} ${note}` };
