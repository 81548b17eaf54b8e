/**
 * Telling what files a run made or changed.
 *
 * Looking happens once, between the run's last word and its `RunFinished`, and only when a tool ran.
 * Failing to look never fails a run that has succeeded.
 */
import { Clock, Effect, Stream } from "effect";
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
  options: { readonly sandbox: SandboxService; readonly owner: Owner; readonly describe: Describe },
): Stream.Stream<AgentEvent, E> =>
  Stream.unwrap(Effect.map(Clock.currentTimeMillis, (startedAtMs) => {
    let toolsRan = false;
    let ending: RunFinished | undefined;
    const before = Stream.filter(events, (event) => {
      if (event._tag === "ToolCallFinished") toolsRan = true;
      if (event._tag !== "RunFinished") return true;
      ending = event;
      return false;
    });
    const found = Effect.suspend(() => look(options.sandbox, options.owner, startedAtMs, options.describe)).pipe(
      Effect.scoped,
      Effect.timeout(lookingDeadline),
      Effect.catch((error) => Effect.as(Effect.logWarning("artifacts could not be listed", error), [])),
    );
    const after = Stream.suspend((): Stream.Stream<AgentEvent> => {
      if (ending === undefined) return Stream.empty;
      const last: AgentEvent = ending;
      // The workspace of an ephemeral owner is gone when the run is over: nothing could be fetched.
      if (!toolsRan || options.owner.ephemeral) return Stream.make(last);
      return Stream.unwrap(Effect.map(found, (artifacts): Stream.Stream<AgentEvent> =>
        artifacts.length === 0
          ? Stream.make(last)
          : Stream.make<[AgentEvent, AgentEvent]>({ _tag: "ArtifactsChanged", artifacts }, last)));
    });
    return Stream.concat(before, after);
  }));
