/**
 * The Sandbox contract on the adapter that works through tools, over real containers.
 */
import { Effect, Layer } from "effect";
import { layer as dockerLayer } from "../../src/adapters/sandbox/docker/Docker.ts";
import { layer as remoteLayer } from "../../src/adapters/sandbox/Remote.ts";
import * as LocalToolbox from "../../src/agent/LocalToolbox.ts";
import { dataDirectory } from "../support/dataDirectory.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { sandboxSuite } from "./sandboxSuite.ts";

sandboxSuite(
  "Remote",
  // No tool removes a workspace's volume, so it goes with the data directory.
  (changes) =>
    Layer.unwrap(Effect.map(
      dataDirectory,
      (dataPath) =>
        remoteLayer.pipe(
          Layer.provide(LocalToolbox.layer),
          Layer.provide(dockerLayer),
          Layer.provide(engineSettings({ dataPath, ...changes })),
        ),
    )),
  {
    realProcesses: true,
    symbolicLinks: true,
    concurrentCommands: true,
    memoryBound: true,
    processBound: true,
    selfKill: true,
    durableWorkspace: true,
    ownLifecycle: false,
  },
  { skip: skipWithoutEngine },
);
