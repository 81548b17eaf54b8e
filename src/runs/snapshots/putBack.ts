/**
 * Carrying a plan out: what is to stand in the workspace is written beside it first, so that a full disk or a lost
 * sandbox takes nothing away.
 */
import { Effect, Stream } from "effect";
import { makeToken } from "../../domain/ids.ts";
import { type Conflict, expectedOf, type KeptEntry, type Undoing } from "../../domain/Snapshot.ts";
import type { PutBack } from "../../domain/WorkspaceTree.ts";
import { FileError, type SandboxError } from "../../services/Sandbox.ts";
import { fullPath, type Keeping } from "./keepWorkspace.ts";

/** Files written or put in their place at the same time. */
const concurrency = 8;
/** Our own folder, which belongs to no snapshot. */
const stagingFolder = ".caisson/undo";

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

/** Writes the content of a file beside the workspace's own; returns where. */
const stage = Effect.fnUntraced(
  function* ({ handle, store, owner }: Keeping, folder: string, index: number, entry: KeptEntry) {
    const source = `${folder}/${index}`;
    const pieces = Stream.fromIterable(entry.chunks ?? []).pipe(
      Stream.mapEffect((name) =>
        Effect.mapError(
          store.chunk(owner, name),
          (cause) => new FileError({ path: entry.path, reason: "Other", why: cause.message }),
        )
      ),
    );
    yield* handle.writeFile(fullPath(source), pieces);
    return source;
  },
);

/**
 * Puts paths back as a plan says.
 *
 * *Details*: a step that finds something else than was planned for is a conflict and leaves it. When writing fails
 * nothing has been changed yet.
 *
 * *Fails with* `SandboxError`, `FileError` when there is no room for what is to be written or the store
 * no longer has it.
 */
export const putBack = Effect.fnUntraced(function* (
  keeping: Keeping,
  steps: ReadonlyArray<Undoing>,
): Effect.fn.Return<PutBackResult, SandboxError | FileError> {
  const folder = `${stagingFolder}/${makeToken()}`;
  const files = steps.filter(({ target }) => target?.kind === "file");
  const staged = yield* Effect.forEach(
    files,
    ({ target, path }, index) =>
      target === undefined ? Effect.succeed(["", ""] as const) : Effect.map(
        stage(keeping, folder, index, target),
        (source) => [path, source] as const,
      ),
    { concurrency },
  ).pipe(Effect.onError(() => clear(keeping, folder)));
  const sources = new Map(staged);
  const conflicts = new Map<string, string>();
  const run = (step: PutBack) =>
    Effect.map(attempt(keeping, step), (conflict) => {
      if (conflict !== undefined) conflicts.set(conflict.path, conflict.why);
    });

  const deepestFirst = steps.toSorted((left, right) => depthOf(right) - depthOf(left));
  for (const { path, now, target } of deepestFirst) {
    // A file that takes the place of a file is put over it; everything else makes room first.
    const stays = now === undefined || (target !== undefined && isDirectory(now) === isDirectory(target));
    if (!stays) yield* run({ _tag: "Remove", path, expected: expectedOf(now) });
  }
  for (const { path, now, target } of deepestFirst.toReversed()) {
    if (target === undefined || conflicts.has(path)) continue;
    const expected = isDirectory(now)
      ? { _tag: "Nothing" as const }
      : expectedOf(isDirectory(target) ? undefined : now);
    if (target.kind === "directory") {
      if (!isDirectory(now)) yield* run({ _tag: "Directory", path, mode: target.mode });
    } else if (target.kind === "link") {
      yield* run({ _tag: "Link", path, expected, target: target.target ?? "" });
    } else if (target.kind === "file") {
      const { mode, modifiedNs } = target;
      yield* run({ _tag: "File", path, expected, source: sources.get(path) ?? "", mode, modifiedNs });
    }
  }
  yield* clear(keeping, folder);
  return {
    done: steps.filter(({ path }) => !conflicts.has(path)),
    conflicts: [...conflicts].map(([path, why]) => ({ path, why })),
  };
});

/** Takes away what was written and not put in a place; what stays is passed over by every list. */
const clear = (keeping: Keeping, folder: string): Effect.Effect<void> =>
  keeping.handle.execute({ command: `rm -rf -- '${fullPath(folder)}'`, timeoutMs: 10_000 }).pipe(
    Effect.catch((error) => Effect.logWarning("what an undo wrote could not be taken away", error)),
    Effect.asVoid,
  );
