/**
 * Understands the command line and launches what it names; loaded only where there is more to it than a bare command.
 */
import process from "node:process";
import * as NodeServices from "@effect/platform-node/NodeServices";
import { Effect, Layer } from "effect";
import { Launcher, runLine } from "./commands.ts";
import { bench, launch, type Place } from "./launch.ts";

/** The exit code of a command line that is not understood. */
const misused = 2;

/** Carries out a command line; a mistake in it is told on standard error and ends this process with 2. */
export const main = (place: Place, typed: string, line: ReadonlyArray<string>): Promise<void> => {
  const launcher = Layer.succeed(Launcher, {
    launch: (what) => Effect.sync(() => launch(place, what)),
    bench: (args) => Effect.sync(() => bench(place, args)),
  });
  const program = Effect.match(runLine(typed, line), {
    onSuccess: () => undefined,
    onFailure: () => {
      process.exitCode = misused;
    },
  });
  return Effect.runPromise(Effect.provide(program, Layer.merge(launcher, NodeServices.layer)));
};
