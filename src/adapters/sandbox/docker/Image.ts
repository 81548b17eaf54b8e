/**
 * The sandbox image: found by tag or digest, and the default one built when it is absent or stale.
 *
 * The image carries a hash of the sources it was built from, so an upgraded server never runs an old
 * supervisor. An image the user names is used as it is.
 */
import { Context, Effect, Layer, Option, Semaphore, Stream } from "effect";
import { Tar } from "effect/encoding";
import { createHash } from "node:crypto";
import { root } from "../../../root.ts";
import { Settings, settingsTable } from "../../../config.ts";
import { ImageMissing, SandboxError } from "../../../services/Sandbox.ts";
import { builtHere } from "./contents.ts";
import { type BuildMessage, Engine } from "./Engine.ts";
import { type EngineError, toSandboxError } from "./EngineError.ts";
import { tellingProgress } from "../local/progress.ts";
import { tarArchive } from "./tarArchive.ts";
import { headOf } from "../../../domain/cutText.ts";

/** Label with the hash of the sources an image was built from. */
export const sourceLabel = "caisson.image.source";

/** Label of an image whose entry point speaks the supervisor's protocol. */
export const supervisorLabel = "caisson.supervisor";

/** Made by `scripts/base-image.sh` where no registry can be reached; preferred when it is there. */
const localBase = "caisson/base:bookworm";
const publicBase = "debian:bookworm-slim";

/** What the images of the services are made of; no sandbox has it. */
const serviceSources = "service";

/** The sources are a few files of text; more means that something else lies in the directory. */
const sourceBytesMax = 8 * 1024 * 1024;

interface Source {
  readonly path: string;
  readonly content: Uint8Array;
}

/** The image's sources. */
const sourceDirectory = new URL("image/", root);

const readSources = async (directory: URL, prefix = ""): Promise<ReadonlyArray<Source>> => {
  const found: Array<Source> = [];
  for await (const entry of Deno.readDir(directory)) {
    if (entry.name.startsWith(".") || entry.name === "__pycache__" || prefix + entry.name === serviceSources) continue;
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory) found.push(...await readSources(new URL(`${entry.name}/`, directory), `${path}/`));
    else if (entry.isFile) found.push({ path, content: await Deno.readFile(new URL(entry.name, directory)) });
  }
  if (found.reduce((sum, source) => sum + source.content.length, 0) > sourceBytesMax) {
    throw new Error(`the image sources are larger than ${sourceBytesMax} bytes`);
  }
  return found.sort((left, right) => (left.path < right.path ? -1 : 1));
};

const hashOf = (sources: ReadonlyArray<Source>): string => {
  const hash = createHash("sha256");
  for (const source of sources) hash.update(`${source.path}\0${source.content.length}\0`).update(source.content);
  return hash.digest("hex").slice(0, 32);
};

/** Logs each step of a build, and what it is at while a step takes long. *Fails with* what the build said. */
const watchBuild = (
  messages: Stream.Stream<BuildMessage, EngineError>,
  missing: (detail: string) => SandboxError,
): Effect.Effect<void, EngineError | SandboxError> => {
  let newest = "waiting for the engine";
  const steps = Stream.runForEach(messages, (message) => {
    if (message.error !== undefined) {
      return Effect.fail(missing(`the build failed: ${headOf(message.error.trim(), 500)}`));
    }
    const said = (message.stream ?? message.status ?? "").trim();
    if (said !== "") newest = headOf(said, 160);
    return /^Step \d+\/\d+/.test(said) ? Effect.logInfo(headOf(said, 160)) : Effect.logDebug(headOf(said, 500));
  });
  return tellingProgress(steps, () => `building the sandbox image: ${newest}`);
};

export interface ImageService {
  /**
   * The image to start sandboxes from, built first when it is the default one and absent or stale.
   *
   * *Details*: looks at the engine each time, so callers keep the answer. Concurrent callers wait for
   * one build; a failed one is tried again at the next call. A build takes a minute or two and logs
   * its steps.
   *
   * *Fails with* `SandboxError`, reason `ImageMissing` when there is none and none can be built.
   */
  readonly ensure: Effect.Effect<string, SandboxError>;
  /** Builds the default image whether or not it is there. */
  readonly build: Effect.Effect<string, SandboxError>;
}

/** The sandbox image of `MCP_EXECUTOR_IMAGE`. */
export class Image extends Context.Service<Image, ImageService>()("caisson/adapters/sandbox/docker/Image") {
  static readonly layer: Layer.Layer<Image, never, Engine | Settings> = Layer.effect(
    Image,
    Effect.gen(function* () {
      const engine = yield* Engine;
      const { executorImage: reference, imageBase } = yield* Settings;
      const missing = (detail: string) =>
        new SandboxError({ reason: new ImageMissing({ image: reference }), detail: `image ${reference}: ${detail}` });
      const sources = Effect.option(Effect.tryPromise(() => readSources(sourceDirectory)));

      /** Removes the image that had the tag before, unless it has another one or a container still uses it. */
      const removeReplaced = (id: string) =>
        engine.inspectImage(id).pipe(
          Effect.map(Option.filter(({ RepoTags }) => RepoTags !== undefined && (RepoTags ?? []).length === 0)),
          Effect.flatMap(Option.match({ onNone: () => Effect.void, onSome: () => engine.removeImage(id) })),
          Effect.catch((error) => Effect.logDebug(`the replaced image stays: ${error.message}`)),
        );

      const build = (files: ReadonlyArray<Source>) =>
        Effect.gen(function* () {
          const base = Option.isSome(imageBase)
            ? imageBase.value
            : Option.isSome(yield* engine.inspectImage(localBase))
            ? localBase
            : publicBase;
          yield* Effect.logInfo(`building the sandbox image ${reference} from ${base}; this takes a minute or two`);
          const replaced = yield* engine.inspectImage(reference);
          const options = {
            t: reference,
            buildargs: { BASE: base, CONTENTS: builtHere[reference] ?? "slim" },
            labels: { [sourceLabel]: hashOf(files), "caisson.app": "caisson" },
          };
          const context = yield* tarArchive(files.map(({ path, content }) => Tar.file(path, content)));
          yield* watchBuild(engine.buildImage(context, options), missing);
          yield* Effect.logInfo(`built the sandbox image ${reference}`);
          if (Option.isSome(replaced)) yield* removeReplaced(replaced.value.Id);
          return reference;
        }).pipe(
          Effect.catchTag(
            "EngineError",
            (error) => Effect.fail(error.operation === "build" ? missing(error.message) : toSandboxError(error)),
          ),
        );

      const find = Effect.gen(function* () {
        const present = yield* Effect.mapError(engine.inspectImage(reference), toSandboxError);
        const labels = Option.getOrUndefined(present)?.Config?.Labels;
        if (builtHere[reference] !== undefined) {
          const files = yield* sources;
          if (Option.isSome(files)) {
            return labels?.[sourceLabel] === hashOf(files.value) ? reference : yield* build(files.value);
          }
        }
        if (Option.isNone(present)) return yield* missing("the engine does not have it; pull or build it");
        if (labels?.[supervisorLabel] === undefined) {
          return yield* missing(`it has no supervisor; build it FROM ${settingsTable.executorImage.fallback}`);
        }
        return reference;
      });

      const oneAtATime = yield* Semaphore.make(1);
      return Image.of({
        ensure: oneAtATime.withPermits(1)(find),
        build: oneAtATime.withPermits(1)(
          Effect.flatMap(
            sources,
            (files) => Option.isSome(files) ? build(files.value) : Effect.fail(missing("its sources are not at hand")),
          ),
        ),
      });
    }),
  );
}
