/**
 * Looking at the files that an answer names before it is given out as whole.
 */
import { Effect } from "effect";
import type { FileFault } from "../domain/FileFault.ts";
import type { Owner } from "../domain/Owner.ts";
import type { SandboxService } from "../services/Sandbox.ts";
import { filesNamedIn } from "./deliverableNames.ts";
import { readersCommand, readersFound } from "./deliverableReaders.ts";

/** Time that the readers have for all files of an answer; what they have not read then counts as whole. */
const readersMs = 10_000;
/** Time that looking may hold up an answer in all, a sandbox that has to start anew included. */
const lookingDeadline = "15 seconds";

/** The files of one run's answers. */
export interface Deliverables {
  /**
   * Looks at what an answer names; the texts are the arguments of the run's calls.
   *
   * *Details*: looks nowhere when no file is named. It never fails: what could not be looked at counts as whole.
   */
  readonly check: (answer: string, callArguments: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<FileFault>>;
  /** Whether the last look found a file of this absolute path to be broken or empty. */
  readonly isFaulty: (fullPath: string) => boolean;
}

/** Makes the deliverables of one run, which began at a time. */
export const makeDeliverables = (sandbox: SandboxService, owner: Owner, startedAtMs: number): Deliverables => {
  let faulty: ReadonlySet<string> = new Set();
  return {
    isFaulty: (fullPath) => faulty.has(fullPath),
    check: (answer, callArguments) =>
      Effect.gen(function* () {
        const named = filesNamedIn(answer, callArguments);
        if (named.length === 0) return [];
        const handle = yield* sandbox.open(owner);
        const command = readersCommand(named, startedAtMs);
        const { stdout } = yield* handle.execute({ command, timeoutMs: readersMs });
        const faults = readersFound(stdout).flatMap(({ index, why, at }) => {
          const file = named[index];
          return file === undefined ? [] : [{ path: file.path, fullPath: at, why }];
        });
        faulty = new Set(faults.map(({ fullPath }) => fullPath));
        return faults;
      }).pipe(
        Effect.scoped,
        Effect.timeout(lookingDeadline),
        Effect.catch((error) => Effect.as(Effect.logWarning("an answer's files could not be looked at", error), [])),
      ),
  };
};
