/**
 * A data directory for an entry under test, removed with what its server left on the engine.
 */
import { Effect } from "effect";
import { label } from "../../src/adapters/sandbox/docker/container.ts";
import { dockerode, skipWithoutEngine } from "./engine.ts";
import { temporaryDirectory } from "./temporaryDirectory.ts";

/** Workspaces outlive the server by design; with their data directory gone nobody would find them again. */
const removeVolumes = async (directory: string): Promise<void> => {
  const installation = await Deno.readTextFile(`${directory}/sandbox/installation`).catch(() => undefined);
  if (installation === undefined || skipWithoutEngine !== undefined) return;
  const engine = dockerode();
  const { Volumes } = await engine.listVolumes({
    filters: { label: [`${label.installation}=${installation.trim()}`] },
  });
  for (const { Name } of Volumes ?? []) await removeVolume(Name);
};

/** Times that a volume is tried: the engine may still be taking away the container that held it. */
const triesMax = 600;
const betweenTriesMs = 100;

const removeVolume = async (name: string): Promise<void> => {
  for (let tries = 1;; tries++) {
    try {
      return await dockerode().getVolume(name).remove();
    } catch (error) {
      if (tries === triesMax || !String(error).includes("volume is in use")) throw error;
      await new Promise((resolve) => setTimeout(resolve, betweenTriesMs));
    }
  }
};

/** Makes the directory; entries must be started after it, so that they have ended before it goes. */
export const dataDirectory = Effect.tap(
  temporaryDirectory,
  (directory) => Effect.addFinalizer(() => Effect.promise(() => removeVolumes(directory))),
);
