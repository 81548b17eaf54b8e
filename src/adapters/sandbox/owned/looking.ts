/**
 * What a sandbox does and uses, told without disturbing it.
 */
import { Clock, Effect, Semaphore } from "effect";
import { headOf } from "../../../domain/cutText.ts";
import type { Job } from "../../../domain/Job.ts";
import type {
  FileError,
  RunningCommand,
  SandboxError,
  SandboxHandle,
  SandboxService,
  SandboxUse,
} from "../../../services/Sandbox.ts";
import type { Closable, PerOwner } from "./PerOwner.ts";

/** Characters of a command that are told. */
const commandCharsMax = 200;

/** Time for which a measurement is told again: measuring walks through the whole workspace. */
const freshMs = 1_000;

/** Longest wait for a measurement; a workspace of very many files takes longer, and is then not told. */
const measuringMax = "2 seconds";

/** What runs code in a sandbox. */
type Operations = Pick<SandboxHandle, "execute" | "runCell">;

/** What runs code, and what of it runs now. */
export interface Noted extends Operations {
  /** The oldest first. */
  readonly commands: () => ReadonlyArray<RunningCommand>;
}

/** Takes note of commands and cells while they run. */
export const noteCommands = ({ execute, runCell }: Operations): Noted => {
  const running = new Set<RunningCommand>();
  const noted = <A, E>(kind: RunningCommand["kind"], text: string, run: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      let entry: RunningCommand | undefined;
      return Effect.ensuring(
        Effect.flatMap(Clock.currentTimeMillis, (startedAtMs) => {
          entry = { kind, command: headOf(text, commandCharsMax), startedAtMs };
          running.add(entry);
          return run;
        }),
        Effect.sync(() => entry !== undefined && running.delete(entry)),
      );
    });
  return {
    execute: (request) => noted("shell", request.command, execute(request)),
    runCell: (request) => noted("python", request.code, runCell(request)),
    commands: () => [...running],
  };
};

/** What a sandbox may use; a bound is absent where there is none on the whole. */
export interface UseBounds {
  readonly memoryMb?: number;
  readonly diskMb?: number;
  /** Files, directories and links that the workspace may have. */
  readonly entries: number;
}

const mib = 1024 * 1024;

/** Makes a measurement of one sandbox that is done at most once a second, whoever asks. */
export const measured = (
  usage: (
    entriesMax: number,
  ) => Effect.Effect<{ readonly bytes: number; readonly memoryBytes: number }, SandboxError | FileError>,
  { memoryMb, diskMb, entries }: UseBounds,
): Effect.Effect<SandboxUse | undefined> => {
  const oneAtATime = Semaphore.makeUnsafe(1);
  let known: { readonly atMs: number; readonly use: SandboxUse | undefined } | undefined;
  const measure = usage(entries).pipe(
    Effect.map(({ bytes, memoryBytes }): SandboxUse => ({
      memoryBytes,
      diskBytes: bytes,
      ...(memoryMb !== undefined && { memoryBytesMax: memoryMb * mib }),
      ...(diskMb !== undefined && { diskBytesMax: diskMb * mib }),
    })),
    Effect.timeout(measuringMax),
    Effect.catch((error) => Effect.as(Effect.logDebug(`a sandbox was not measured: ${error.message}`), undefined)),
  );
  return Effect.gen(function* () {
    if (known !== undefined && (yield* Clock.currentTimeMillis) - known.atMs < freshMs) return known.use;
    const use = yield* measure;
    known = { atMs: yield* Clock.currentTimeMillis, use };
    return use;
  }).pipe(oneAtATime.withPermits(1));
};

/** What one running sandbox tells of itself. */
export interface Seen {
  readonly commands: Noted["commands"];
  readonly jobs: () => ReadonlyArray<Job>;
  /** Absent where it cannot be measured. */
  readonly use?: Effect.Effect<SandboxUse | undefined>;
}

/** The port's `look` and `use` of the sandboxes of a server. */
export const lookingAt = <A extends Closable & { readonly seen: Seen }>(
  owners: Pick<PerOwner<A>, "status" | "running">,
): Required<Pick<SandboxService, "look" | "use">> => ({
  look: (owner) =>
    Effect.all([owners.status(owner), owners.running(owner)]).pipe(
      Effect.map(([state, running]) => ({
        state,
        commands: running?.seen.commands() ?? [],
        jobs: running?.seen.jobs() ?? [],
      })),
    ),
  use: (owner) => Effect.flatMap(owners.running(owner), (running) => running?.seen.use ?? Effect.undefined),
});
