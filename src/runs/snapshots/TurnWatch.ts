/**
 * The watch over one run: what the workspace was before its first tool, and that it has ended.
 *
 * Runs provide it to their tools; without one, as for tools that an MCP client calls, nothing is kept.
 */
import { Context, Effect } from "effect";
import type { Manifest, NotKept } from "../../domain/Snapshot.ts";

/** A workspace as it was, or why that is not known. */
export type Taken = { readonly id: string; readonly manifest: Manifest } | { readonly notKept: NotKept };

/** One run's watch. */
export interface TurnWatch {
  /** Keeps the workspace before the first tool, which waits for it, at most a few seconds; later ones do not wait. */
  readonly beforeTool: Effect.Effect<void>;
  /** The run has ended: what it did is kept in the background. */
  readonly ended: Effect.Effect<void>;
}

/** The watch of a run of which nothing is kept. */
export const noWatch: TurnWatch = { beforeTool: Effect.void, ended: Effect.void };

/** The watch of the run that a tool is called in; undefined where nothing is kept. */
export const CurrentWatch: Context.Reference<TurnWatch | undefined> = Context.Reference(
  "caisson/runs/snapshots/CurrentWatch",
  { defaultValue: (): TurnWatch | undefined => undefined },
);
