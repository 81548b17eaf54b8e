/**
 * A server reduced to its sandboxes, for tests that kill it: opens the owner it is told, says each step
 * on standard output and ends in a command that never ends.
 *
 * Arguments: data directory, the owner's name, what to append to the workspace's log.
 */
import { Effect, Layer } from "effect";
import { layer as dockerLayer } from "../../../src/adapters/sandbox/docker/Docker.ts";
import { Sandbox } from "../../../src/services/Sandbox.ts";
import { engineSettings } from "../../support/engine.ts";

const [dataPath, user, entry] = Deno.args;
if (dataPath === undefined || user === undefined || entry === undefined) throw new Error("three arguments are needed");

const say = (step: string) => Effect.sync(() => console.log(step));

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  yield* say("opening");
  const handle = yield* sandbox.open({ principal: "chaos", user, ephemeral: false });
  yield* handle.execute({ command: `echo ${entry} >> log && sync log`, timeoutMs: 10_000 });
  yield* say("written");
  yield* sandbox.open({ principal: "chaos", user: `${user}-passing`, ephemeral: true });
  yield* handle.execute({
    command: "(setsid sleep 9999 &) ; exec sleep 9999",
    timeoutMs: 600_000,
    onOutput: () => {},
  });
});

await Effect.runPromise(
  Effect.scoped(
    Effect.provide(program, dockerLayer.pipe(Layer.provide(engineSettings({ dataPath, sandboxPoolSize: 1 })))),
  ),
);
