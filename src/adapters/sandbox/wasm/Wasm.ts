/**
 * The sandbox of machines that have only Deno: a simulated bash and a WebAssembly Python in one
 * permissionless process per owner.
 *
 * A handle outlives its processes: one that was killed for a timeout, ran out of memory or wore out
 * is replaced before the next request, and the workspace stays.
 */
import { Effect, type Scope } from "effect";
import type { SettingsService } from "../../../config.ts";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import { makeId } from "../../../domain/ids.ts";
import { noStreams, type SandboxError, type SandboxHandle } from "../../../services/Sandbox.ts";
import type { Workspaces } from "../local/workspaces.ts";
import { execute } from "./execute.ts";
import { files } from "./files.ts";
import { startGuest } from "./Guest.ts";
import { GuestSlot } from "./guestSlot.ts";
import { runCell } from "./runCell.ts";
import type { WasmSettings } from "./info.ts";
import type { Prepared } from "./prepared.ts";
import type { GuestOptions } from "./wire.ts";

const bytesPerMb = 1024 * 1024;

/** What every owner's sandbox shares. */
export interface WasmShared {
  readonly settings:
    & WasmSettings
    & Pick<SettingsService, "sandboxFileMb" | "sandboxOutputBytesMax" | "sandboxWorkspaceMb">;
  readonly prepare: Effect.Effect<Prepared, SandboxError>;
  readonly workspaces: Workspaces;
  readonly tools: string | undefined;
  readonly skills: string | undefined;
}

/** Starts an owner's sandbox: its directories and a first process. */
export const startWasm = Effect.fnUntraced(
  function* (
    shared: WasmShared,
    owner: Owner,
    key: OwnerKey,
  ): Effect.fn.Return<SandboxHandle, SandboxError, Scope.Scope> {
    const { settings } = shared;
    const [prepared, workspace, temporary] = yield* Effect.all([
      shared.prepare,
      shared.workspaces.open(owner, key),
      shared.workspaces.temporary,
    ]);
    const options: GuestOptions = {
      workspace,
      temporary,
      ...(shared.tools === undefined ? {} : { tools: shared.tools }),
      ...(shared.skills === undefined ? {} : { skills: shared.skills }),
      snapshot: prepared.snapshot,
      outputBytesMax: settings.sandboxOutputBytesMax,
      fileBytesMax: settings.sandboxFileMb * bytesPerMb,
      workspaceBytesMax: settings.sandboxWorkspaceMb * bytesPerMb,
    };
    const slot = yield* GuestSlot.make(startGuest(prepared, options, settings.sandboxMemoryMb));
    yield* slot.fill;
    return { id: makeId("wasm"), execute: execute(slot), runCell: runCell(slot), ...files(slot), dial: noStreams };
  },
);
