/**
 * The room of a workspace whose size is bounded by watching it.
 */
import { Effect } from "effect";
import type { FileError, SandboxError, WorkspaceTree } from "../../../services/Sandbox.ts";
import type { WorkspaceBounds } from "./workspaceWatch.ts";

const mib = 1024 * 1024;

/** What a bounded tree is made of. */
interface Measurable {
  readonly tree: WorkspaceTree;
  readonly usage: (
    entriesMax: number,
  ) => Effect.Effect<{ readonly bytes: number; readonly freeBytes: number }, SandboxError | FileError>;
}

/** A tree that has no more room than the bound of its workspace leaves. */
export const boundedTree = ({ tree, usage }: Measurable, { mb, entries }: WorkspaceBounds): WorkspaceTree =>
  mb === undefined ? tree : {
    ...tree,
    room: Effect.map(usage(entries), ({ bytes, freeBytes }) => Math.min(freeBytes, Math.max(0, mb * mib - bytes))),
  };
