/**
 * Carrying a plan out, step by step, each all or nothing.
 */
import { Effect } from "effect";
import { type Conflict, expectedOf, type KeptEntry, type Manifest, type Undoing } from "../../domain/Snapshot.ts";
import type { PutBack } from "../../domain/WorkspaceTree.ts";
import type { FileError, SandboxError } from "../../services/Sandbox.ts";
import type { Keeping } from "./keepWorkspace.ts";
import { staged } from "./staging.ts";

/** Steps on their way at the same time: of several the answers cross the link together. */
const stepsAtOnce = 32;

/** What carrying out did. */
export interface PutBackResult {
  readonly done: ReadonlyArray<Undoing>;
  readonly conflicts: ReadonlyArray<Conflict>;
}

const depthOf = ({ path }: Undoing): number => path.split("/").length;

const isDirectory = (entry: KeptEntry | undefined): boolean => entry?.kind === "directory";

/** Does a step; what the sandbox refuses is a conflict, in its words. */
const attempt = (keeping: Keeping, step: PutBack): Effect.Effect<Conflict | undefined, SandboxError> =>
  keeping.tree.putBack(step).pipe(
    Effect.as(undefined),
    Effect.catchTag("FileError", ({ why }) => Effect.succeed({ path: step.path, why })),
  );

/** What makes room for what is to stand at a path; a file that takes the place of a file is put over it. */
const removal = ({ path, now, target }: Undoing): PutBack | undefined =>
  now === undefined || (target !== undefined && isDirectory(now) === isDirectory(target))
    ? undefined
    : { _tag: "Remove", path, expected: expectedOf(now) };

/** What puts at a path what is to stand there. */
const placing = ({ path, now, target }: Undoing, sources: ReadonlyMap<string, string>): PutBack | undefined => {
  if (target?.kind === "directory") {
    return isDirectory(now) ? undefined : { _tag: "Directory", path, mode: target.mode };
  }
  const expected = expectedOf(isDirectory(now) ? undefined : now);
  if (target?.kind === "link") return { _tag: "Link", path, expected, target: target.target ?? "" };
  if (target?.kind !== "file") return undefined;
  const { mode, modifiedNs } = target;
  return { _tag: "File", path, expected, source: sources.get(path) ?? "", mode, modifiedNs };
};

/** Groups steps by how deep their paths are, the least deep first; those of one depth do not depend on each other. */
const byDepth = (steps: ReadonlyArray<Undoing>): ReadonlyArray<ReadonlyArray<Undoing>> =>
  [...Map.groupBy(steps, depthOf)].sort(([left], [right]) => left - right).map(([, group]) => group);

/**
 * Puts paths back as a plan says; `now` is the workspace that it was made for.
 *
 * *Details*: a step that finds something else than was planned for is a conflict and leaves it. When writing fails
 * nothing has been changed yet.
 *
 * *Fails with* `SandboxError`, `FileError` when there is no room for what is to be written or the store
 * no longer has it.
 */
export const putBack = (
  keeping: Keeping,
  steps: ReadonlyArray<Undoing>,
  now: Manifest,
): Effect.Effect<PutBackResult, SandboxError | FileError> =>
  staged(
    keeping,
    steps,
    now,
    Effect.fnUntraced(function* (sources) {
      const conflicts = new Map<string, string>();
      const run = (groups: ReadonlyArray<ReadonlyArray<Undoing>>, stepOf: (step: Undoing) => PutBack | undefined) =>
        Effect.forEach(groups, (group) =>
          Effect.forEach(group, (planned) => {
            const step = conflicts.has(planned.path) ? undefined : stepOf(planned);
            return step === undefined ? Effect.void : Effect.map(attempt(keeping, step), (conflict) => {
              if (conflict !== undefined) conflicts.set(conflict.path, conflict.why);
            });
          }, { concurrency: stepsAtOnce, discard: true }), { discard: true });
      const groups = byDepth(steps);
      yield* run(groups.toReversed(), removal);
      yield* run(groups, (step) => placing(step, sources));
      return {
        done: steps.filter(({ path }) => !conflicts.has(path)),
        conflicts: [...conflicts].map(([path, why]) => ({ path, why })),
      };
    }),
  );
