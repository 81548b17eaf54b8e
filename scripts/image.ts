/**
 * `deno task image`: builds the default sandbox image whether or not it is there, showing its steps.
 */
import { Effect, Layer } from "effect";
import { Engine } from "../src/adapters/sandbox/docker/Engine.ts";
import { toSandboxError } from "../src/adapters/sandbox/docker/EngineError.ts";
import { Image } from "../src/adapters/sandbox/docker/Image.ts";
import { explained } from "../src/boot.ts";
import { entryOptions, runProcess } from "../src/process.ts";
import { settingsLayer } from "./settings.ts";

const services = Layer.provideMerge(Image.layer, Engine.layer).pipe(Layer.provideMerge(settingsLayer));

const build = Effect.provide(Effect.flatMap(Image, (image) => image.build), services).pipe(
  Effect.catchTag("EngineError", (error) => Effect.fail(toSandboxError(error))),
);

runProcess(explained(build), entryOptions);
