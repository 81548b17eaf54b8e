/**
 * Telling what files a run made or changed.
 *
 * Looking begins when the model has a word to say after its tools, so that it is done while the answer is still
 * written, and only when a tool ran; what a further tool makes stale is looked for again. Failing to look never
 * fails a run that has succeeded.
 */
import { Array as Arr, type Cause, Clock, Effect, Fiber, type Scope, Stream } from "effect";
import type { AgentEvent, RunFinished } from "../domain/AgentEvent.ts";
import {
  type Artifact,
  isOffered,
  magicBytes,
  mayBeImage,
  mediaTypeOf,
  nameOf,
  sniffImage,
} from "../domain/Artifact.ts";
import type { Owner } from "../domain/Owner.ts";
import type { FileEntry, SandboxHandle, SandboxService } from "../services/Sandbox.ts";

/** Files told of one run; what is beyond can be listed. */
const artifactsMax = 20;

/** Changed files looked through for those worth telling; package installs change thousands. */
const changedFilesMax = 500;

/** Time that looking may hold up the end of a run. */
const lookingDeadline = "5 seconds";

/** Makes an artifact of a file; `imageType` is what its first bytes prove. */
export type Describe = (entry: FileEntry, imageType: string | undefined) => Effect.Effect<Artifact>;

/** Makes an artifact whose link names its place in the sandbox: for programs that fetch it through the Sandbox port. */
export const describeByPath: Describe = ({ path, sizeBytes, modifiedAtMs }, imageType) =>
  Effect.succeed({
    id: path,
    path,
    name: nameOf(path),
    sizeBytes,
    mediaType: imageType ?? mediaTypeOf(path),
    modifiedAtMs,
    isImage: imageType !== undefined,
    url: `sandbox:${path}`,
    urlExpiresAtMs: Number.MAX_SAFE_INTEGER,
  });

/** The image type that a file's first bytes prove; a file that cannot be read proves nothing. */
export const imageTypeOf = (handle: SandboxHandle, path: string): Effect.Effect<string | undefined> =>
  mayBeImage(path)
    ? handle.readBytes(path, { offset: 0, length: magicBytes }).pipe(
      Stream.runFold(() => new Uint8Array(0), (head, piece) => new Uint8Array([...head, ...piece])),
      Effect.map(sniffImage),
      Effect.catch((error) => Effect.as(Effect.logDebug("an image could not be looked at", error), undefined)),
    )
    : Effect.succeed(undefined);

const look = Effect.fnUntraced(function* (
  sandbox: SandboxService,
  owner: Owner,
  sinceMs: number,
  describe: Describe,
) {
  const handle = yield* sandbox.open(owner);
  const changed = yield* handle.changedFiles(sinceMs, changedFilesMax);
  return yield* Effect.forEach(
    changed.filter(({ path }) => isOffered(path)).slice(0, artifactsMax),
    (entry) => Effect.flatMap(imageTypeOf(handle, entry.path), (imageType) => describe(entry, imageType)),
  );
});

/** Whose files are looked at, and how they are told. */
export interface ArtifactWatch {
  readonly sandbox: SandboxService;
  readonly owner: Owner;
  readonly describe: Describe;
  /** Whether a file is known to be broken, which is never told as if it were whole; absent, none is. */
  readonly isFaulty?: (path: string) => boolean;
}

type Pulling<E> = Effect.Effect<Arr.NonEmptyReadonlyArray<AgentEvent>, E | Cause.Done>;

/**
 * Puts an `ArtifactsChanged` before the `RunFinished` of a run that changed files.
 *
 * *Example* (pass on a run that used no tool as it is):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer, Stream } from "effect";
 * import { type AgentEvent, announceArtifacts, Sandbox, Usage } from "@caisson/caisson";
 *
 * const info: Sandbox.SandboxInfo = { kind: "scripted", why: "an example asked for it", controls: [], notes: [] };
 * const run: ReadonlyArray<AgentEvent.AgentEvent> = [
 *   { _tag: "TextDelta", text: "Hi" },
 *   { _tag: "RunFinished", reason: "Stop", usage: Usage.zero, turns: 1 },
 * ];
 * const program = Effect.gen(function* () {
 *   const sandbox = yield* Sandbox.Sandbox;
 *   const owner = { principal: "example", user: "ada", ephemeral: false };
 *   const describe = () => Effect.die("no file is described: no tool ran");
 *   return yield* Stream.runCollect(announceArtifacts(Stream.fromIterable(run), { sandbox, owner, describe }));
 * });
 * const events = await Effect.runPromise(Effect.provide(program, Layer.mock(Sandbox.Sandbox, { info })));
 * assert.deepEqual(events, run);
 * ```
 */
export const announceArtifacts = <E>(
  events: Stream.Stream<AgentEvent, E>,
  options: ArtifactWatch,
): Stream.Stream<AgentEvent, E> =>
  // The workspace of an ephemeral owner is gone when the run is over: nothing could be fetched.
  options.owner.ephemeral ? events : Stream.transformPull(events, (pull, scope) => watch(pull, scope, options));

const watch = Effect.fnUntraced(function* <E>(pull: Pulling<E>, scope: Scope.Scope, options: ArtifactWatch) {
  const startedAtMs = yield* Clock.currentTimeMillis;
  /** A tool has run that no look has seen. */
  let isStale = false;
  let looking: Fiber.Fiber<ReadonlyArray<Artifact>> | undefined;
  let ending: RunFinished | undefined;
  const found = Effect.suspend(() => look(options.sandbox, options.owner, startedAtMs, options.describe)).pipe(
    Effect.scoped,
    Effect.timeout(lookingDeadline),
    Effect.catch((error) => Effect.as(Effect.logWarning("artifacts could not be listed", error), [])),
  );

  const abandon = Effect.suspend(() => {
    const fiber = looking;
    looking = undefined;
    return fiber === undefined ? Effect.void : Fiber.interrupt(fiber);
  });
  const begin = Effect.gen(function* () {
    yield* abandon;
    isStale = false;
    looking = yield* Effect.forkIn(found, scope);
  });
  /** What a batch means for the look: nearly always nothing, and then it costs no effect. */
  const heed = (batch: ReadonlyArray<AgentEvent>): Effect.Effect<void> | undefined => {
    let meant: Effect.Effect<void> | undefined;
    for (const { _tag } of batch) {
      if (_tag === "ToolCallStarted" && looking !== undefined) meant = abandon;
      if (_tag === "ToolCallFinished") isStale = true;
      if (_tag === "TextDelta" && isStale) meant = begin;
    }
    return meant;
  };
  const told = Effect.fnUntraced(function* (last: RunFinished) {
    if (isStale) yield* begin;
    const found = looking === undefined ? [] : yield* Fiber.join(looking);
    const artifacts = found.filter(({ path }) => options.isFaulty?.(path) !== true);
    return artifacts.length === 0
      ? Arr.make<[AgentEvent]>(last)
      : Arr.make<[AgentEvent, AgentEvent]>({ _tag: "ArtifactsChanged", artifacts }, last);
  });

  const next: Pulling<E> = Effect.suspend(() => {
    if (ending !== undefined) {
      const last = ending;
      ending = undefined;
      return told(last);
    }
    return Effect.flatMap(pull, (batch) => {
      const meant = heed(batch);
      const last = Arr.lastNonEmpty(batch);
      if (last._tag !== "RunFinished" || (looking === undefined && !isStale && meant === undefined)) {
        return meant === undefined ? Effect.succeed(batch) : Effect.as(meant, batch);
      }
      // What was said is passed on before anybody waits for files.
      ending = last;
      const before = batch.slice(0, -1);
      const passedOn = Arr.isReadonlyArrayNonEmpty(before) ? Effect.succeed(before) : next;
      return meant === undefined ? passedOn : Effect.andThen(meant, passedOn);
    });
  });
  return next;
});
