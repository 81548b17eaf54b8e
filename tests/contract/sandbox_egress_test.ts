/**
 * Egress from both forms of the sandbox that have programs.
 */
import { Effect, Layer } from "effect";
import { layer as docker } from "../../src/adapters/sandbox/docker/Docker.ts";
import { layerBubblewrap } from "../../src/adapters/sandbox/Embedded.ts";
import { Settings } from "../../src/config.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";
import { accessSuite } from "./accessSuite.ts";
import { egressSuite, type SandboxForm } from "./egressSuite.ts";

const bubblewrap: SandboxForm = (changes) =>
  Layer.unwrap(Effect.map(temporaryDirectory, (dataPath) => {
    // When the server is root, sandboxes run as users who must reach their workspace.
    Deno.chmodSync(dataPath, 0o711);
    return Layer.provide(layerBubblewrap("under test"), Settings.layerWith({ ...changes, dataPath }));
  }));

const skipWithoutBubblewrap = await Effect.runPromise(
  Effect.scoped(Layer.build(bubblewrap({}))).pipe(
    Effect.as(undefined),
    Effect.catch((error) => Effect.succeed(`bubblewrap: ${error instanceof Error ? error.message : "unknown"}`)),
  ),
);

const container: SandboxForm = (changes) => Layer.provide(docker, engineSettings(changes));

egressSuite("Egress (bubblewrap)", bubblewrap, { skip: skipWithoutBubblewrap });
egressSuite("Egress (Docker)", container, { skip: skipWithoutEngine });
accessSuite("Egress (bubblewrap)", bubblewrap, { skip: skipWithoutBubblewrap });
accessSuite("Egress (Docker)", container, { skip: skipWithoutEngine });
