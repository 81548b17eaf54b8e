/**
 * Volumes that are workspaces: making them, and whether the engine bounds their size.
 */
import { Effect } from "effect";
import type { OwnerKey } from "../../../domain/Owner.ts";
import { Engine } from "./Engine.ts";
import { toSandboxError } from "./EngineError.ts";
import { isPodman } from "./probe.ts";
import { labelsOf, randomName, removeVolume } from "./sandbox.ts";

/** Removes a volume; one that will not go is logged and left to the reaper. */
export const dropVolume = (name: string): Effect.Effect<void, never, Engine> =>
  Effect.catch(removeVolume(name), (error) => Effect.logWarning(`a volume was not removed: ${error.detail}`));

/** Whether the engine bounds the size of a volume; it says so only when one is made. */
export const probeVolumeQuota = Effect.fnUntraced(function* (sizeMb: number) {
  const engine = yield* Engine;
  // Podman takes any option and fails when the volume is mounted.
  if (isPodman(engine.version)) return false;
  const Name = randomName("quota");
  return yield* engine.createVolume({
    Name,
    Labels: yield* labelsOf(undefined),
    DriverOpts: { size: `${sizeMb}m` },
  }).pipe(
    Effect.as(true),
    Effect.catch((error) => Effect.as(Effect.logDebug(`no quota on volumes: ${error.message}`), false)),
    // Also after a failure or an interruption, which do not say that the engine made none.
    Effect.ensuring(dropVolume(Name)),
  );
});

/** Makes the volume of a workspace where the engine would not make it right with the container that mounts it. */
export const createWorkspace = Effect.fnUntraced(function* (name: string, owner: OwnerKey | undefined) {
  const engine = yield* Engine;
  // Docker makes it with labels and all; Podman would make one without labels.
  if (!isPodman(engine.version)) return;
  yield* engine.createVolume({ Name: name, Labels: yield* labelsOf(owner) }).pipe(Effect.mapError(toSandboxError));
});
