/**
 * Servers killed with SIGKILL at every stage: what they owned goes, what their users own stays.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Stream } from "effect";
import { label } from "../../src/adapters/sandbox/docker/container.ts";
import { layer as dockerLayer } from "../../src/adapters/sandbox/docker/Docker.ts";
import { Sandbox } from "../../src/services/Sandbox.ts";
import { eventually, run, using } from "../contract/sandboxSuite.ts";
import { dockerode, engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

const kills = 20;
/** Every so many kills hit a server while its sandbox is being started. */
const earlyEvery = 4;

const engine = dockerode();

/** Starts a server and kills it when it says a step; answers whether it had written its entry. */
const lifeOf = (dataPath: string, user: string, entry: string, killAt: "opening" | "written") =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", new URL("support/sandboxServer.ts", import.meta.url).pathname, dataPath, user, entry],
        stdout: "piped",
        stderr: "null",
      }).spawn()
    ),
    (child) =>
      Effect.gen(function* () {
        const steps = Stream.fromReadableStream({
          evaluate: () => child.stdout.pipeThrough(new TextDecoderStream()),
          onError: (error) => error,
        }).pipe(Stream.splitLines);
        yield* Stream.runForEachWhile(steps, (step) => Effect.succeed(step !== killAt));
      }),
    (child) =>
      Effect.promise(async () => {
        child.kill("SIGKILL");
        await child.status;
      }),
  );

it.live(
  "Docker: killing servers mid-command leaves nothing without an owner and every workspace whole",
  () =>
    Effect.gen(function* () {
      const dataPath = yield* temporaryDirectory;
      const user = crypto.randomUUID();
      const expected: Array<string> = [];
      for (let n = 0; n < kills; n++) {
        const early = n % earlyEvery === earlyEvery - 1;
        yield* lifeOf(dataPath, user, `entry-${n}`, early ? "opening" : "written");
        if (!early) expected.push(`entry-${n}`);
      }
      const installation = yield* Effect.promise(() => Deno.readTextFile(`${dataPath}/sandbox/installation`));
      const mine = { filters: { label: [`${label.installation}=${installation}`] } };
      const owner = { principal: "chaos", user, ephemeral: false };
      // The attached stream is the lease: what ran has ended before any server looks for it.
      yield* eventually(
        Effect.map(
          Effect.promise(() => engine.listContainers(mine)),
          (running) => running.length === 0,
        ),
      );
      const service = dockerLayer.pipe(Layer.provide(engineSettings({ dataPath })));
      const volumeCount = Effect.map(
        Effect.promise(() => engine.listVolumes(mine)),
        ({ Volumes }) => (Volumes ?? []).length,
      );
      // An engine under load carries out what a killed server asked of it after the next one's first
      // sweep; a server that boots, or one that has lived for half a minute, sweeps again.
      const boot = Effect.provide(Effect.flatMap(Sandbox, (sandbox) => sandbox.health), service);
      yield* eventually(Effect.map(Effect.andThen(boot, volumeCount), (count) => count <= 1));
      yield* Effect.gen(function* () {
        const sandbox = yield* Sandbox;
        const log = yield* using(owner, (handle) => run(handle, "cat log"));
        // An entry of a server killed while it opened may be there or not; none that was said may be missing.
        const written = log.stdout.trim().split("\n");
        assert.deepEqual(written.filter((entry) => expected.includes(entry)), expected);
        assert.equal(new Set(written).size, written.length);
        const containers = yield* Effect.promise(() => engine.listContainers({ all: true, ...mine }));
        assert.equal(containers.length, 1, "only the sandbox just opened is there");
        assert.equal(yield* volumeCount, 1, "only the owner's workspace is there");
        yield* sandbox.reset(owner);
        assert.equal(yield* volumeCount, 0);
      }).pipe(Effect.provide(service));
      yield* eventually(
        Effect.map(
          Effect.promise(() => engine.listContainers({ all: true, ...mine })),
          (containers) => containers.length === 0,
        ),
      );
    }),
  { skip: skipWithoutEngine },
);
