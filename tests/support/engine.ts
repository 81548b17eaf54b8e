/**
 * The container engine of the tests: which one, why there is none, and what a test left on it.
 *
 * With `CAISSON_TEST_REQUIRE_DOCKER=1` a missing engine is a failure instead of a reason to skip. With
 * `MCP_EXECUTOR_IMAGE` that image is used as it is, where the default one would be built anew from the sources.
 */
import { Effect, Layer, Option, Result } from "effect";
// @ts-types="@types/dockerode"
import Dockerode from "dockerode";
import { probe } from "../../src/adapters/sandbox/docker/Docker.ts";
import { EngineAgent } from "../../src/adapters/sandbox/docker/engineAgent.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { temporaryDirectory } from "./temporaryDirectory.ts";

const image = Deno.env.get("MCP_EXECUTOR_IMAGE");
const host = Option.fromUndefinedOr(Deno.env.get("DOCKER_HOST"));
const probed = await Effect.runPromise(Effect.provide(probe, Settings.layerWith({ dockerHost: host })));

/** Why tests that need an engine cannot run, undefined when they can or must. */
export const skipWithoutEngine: string | undefined =
  Result.isFailure(probed) && Deno.env.get("CAISSON_TEST_REQUIRE_DOCKER") !== "1"
    ? `no container engine: ${probed.failure}`
    : undefined;

/** The engine's own client, for looking at what a sandbox is from outside. */
export const dockerode = (): Dockerode => {
  const socketPath = Result.isSuccess(probed) ? probed.success.socketPath : "/var/run/docker.sock";
  const options = { socketPath, agent: new EngineAgent() };
  return new Dockerode(options);
};

/** Settings on the tests' engine with a data directory of their own, removed with the scope. */
export const engineSettings = (changes: Partial<SettingsService> = {}): Layer.Layer<Settings> =>
  Layer.unwrap(Effect.map(
    changes.dataPath === undefined ? temporaryDirectory : Effect.succeed(changes.dataPath),
    (dataPath) =>
      Settings.layerWith({
        dockerHost: host,
        sandboxMemoryMb: 256,
        ...(image === undefined ? {} : { executorImage: image }),
        ...changes,
        dataPath,
      }),
  ));
