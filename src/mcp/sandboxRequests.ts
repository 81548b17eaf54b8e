/**
 * What the private requests do: each works on the sandbox of its owner and answers in frames.
 */
import { Effect, Queue, Schema, type Scope, Stream } from "effect";
import { ownerKey } from "../domain/ids.ts";
import { CopiedRange, type FilePart } from "../domain/WorkspaceTree.ts";
import type { Owner } from "../domain/Owner.ts";
import type { ExecutionRequest } from "../domain/Execution.ts";
import {
  FileError,
  type JobError,
  jobsOf,
  noStreams,
  type SandboxError,
  type SandboxHandle,
  type SandboxJobs,
  type SandboxService,
  unseen,
  type WorkspaceTree,
} from "../services/Sandbox.ts";
import { encodeFrame, encodeJsonFrame, type Frame } from "../services/sandboxFrames.ts";
import {
  type SandboxFailure,
  type SandboxMethod,
  type SandboxMethodName,
  sandboxMethods,
} from "../services/sandboxProtocol.ts";
import type { JsonError } from "../web/BodyError.ts";
import { parseJson } from "../web/body.ts";
import { carried } from "./dialledPort.ts";
import type { RemoteCommands } from "./remoteCommands.ts";

/** What a request fails with, as its answer tells it. */
export type RequestFailure = SandboxError | FileError;

/** What every request of a server works with. */
export interface RequestParts {
  readonly sandbox: SandboxService;
  readonly commands: RemoteCommands;
  /** Silence after which a long answer says that it is alive, in milliseconds. */
  readonly keepAliveMs: number;
}

/** One request. */
export interface SandboxRequest {
  readonly owner: Owner;
  /** The arguments as they came: JSON in UTF-8. */
  readonly arguments: Uint8Array;
  /** What follows the arguments, to a silence that is too long. */
  readonly frames: Stream.Stream<Frame, unknown>;
}

/** The arguments of a request do not fit its schema; `why` says where. */
export class ArgumentsRefused extends Schema.TaggedError<ArgumentsRefused>()("ArgumentsRefused", {
  why: Schema.String,
}) {}

/** The frames of an answer; they end with a result or a failure. */
export type Answer = Stream.Stream<Uint8Array>;

type Frames = Stream.Stream<Uint8Array, RequestFailure>;
type Responder = (parts: RequestParts, request: SandboxRequest) => Effect.Effect<Answer, ArgumentsRefused>;

const failureFrame = (failure: RequestFailure): Uint8Array => {
  const told: SandboxFailure = failure._tag === "SandboxError"
    ? { _tag: failure._tag, reason: failure.reason }
    : { _tag: failure._tag, path: failure.path, reason: failure.reason, why: failure.why };
  return encodeJsonFrame("failure", told);
};

/** A failure of the machinery is for the operator too; what the caller can mend is only its own affair. */
const logged = (name: SandboxMethodName, failure: RequestFailure) =>
  failure._tag === "SandboxError" ? Effect.logError(`sandbox request ${name} failed`, failure) : Effect.void;

/** What is wrong with arguments that were not parsed. */
const unparsed = (error: JsonError): string =>
  error._tag === "MalformedJson"
    ? "the arguments are not JSON"
    : `the arguments are too complex: at most ${error.limit} ${error.bound === "depth" ? "levels" : "values"}`;

/** A responder to requests of one row of the table. */
const responding = <A extends Schema.ConstraintCodec<unknown, unknown>>(
  name: SandboxMethodName,
  { arguments: schema }: Pick<SandboxMethod<A, never, never>, "arguments">,
  respond: (args: A["Type"], parts: RequestParts, request: SandboxRequest) => Frames,
): Responder => {
  const decode = Schema.decodeUnknownEffect(schema);
  return (parts, request) =>
    parseJson(new TextDecoder().decode(request.arguments)).pipe(
      Effect.mapError((error) => new ArgumentsRefused({ why: unparsed(error) })),
      Effect.flatMap((value) =>
        Effect.mapError(decode(value), ({ message }) => new ArgumentsRefused({ why: message }))
      ),
      Effect.map((args) => respond(args, parts, request).pipe(
        Stream.catch((failure) => Stream.fromEffect(Effect.as(logged(name, failure), failureFrame(failure)))),
      )),
    );
};

/** An answer that is a result only. */
const result = <A>(effect: Effect.Effect<A, RequestFailure, Scope.Scope>): Frames =>
  Stream.fromEffect(Effect.map(Effect.scoped(effect), (value) => encodeJsonFrame("end", value)));

const nothing = {};

/** Frames that say the answer is alive, as long as it is read. */
const pulse = (keepAliveMs: number) => Stream.map(Stream.drop(Stream.tick(keepAliveMs), 1), () => encodeFrame("alive"));

const { startJob, listJobs, readJob, killJob } = sandboxMethods;
const { hold, execute, runCell, stop, writeFile, readText, readBytes, readDocstring, changedFiles, reset, health } =
  sandboxMethods;

/** An answer that tells what is printed, and ends with the outcome; a caller who leaves ends what runs. */
const toldWhileItRuns = <A>(
  { sandbox, commands, keepAliveMs }: RequestParts,
  { owner }: SandboxRequest,
  callId: string,
  run: (
    handle: SandboxHandle,
    onOutput: NonNullable<ExecutionRequest["onOutput"]>,
  ) => Effect.Effect<A, SandboxError>,
): Frames =>
  Stream.callback<Uint8Array, RequestFailure>(
    (out) =>
      Effect.flatMap(sandbox.open(owner), (handle) =>
        commands.run(
          `${ownerKey(owner)}/${callId}`,
          run(handle, (stream, text) => {
            Queue.offerUnsafe(out, encodeJsonFrame("message", { stream, text }));
          }),
        )).pipe(
          Effect.flatMap((outcome) => Queue.offer(out, encodeJsonFrame("end", outcome))),
          Effect.andThen(Queue.end(out)),
          Effect.catch((failure) => Queue.fail(out, failure)),
        ),
    outputQueue,
  ).pipe(Stream.merge(pulse(keepAliveMs), { haltStrategy: "left" }));

/** An answer about the jobs of an owner; what is refused is an answer too. */
const resultOfJobs = <A>(
  { sandbox }: RequestParts,
  { owner }: SandboxRequest,
  ask: (jobs: SandboxJobs) => Effect.Effect<A, JobError | SandboxError>,
): Frames =>
  result(
    Effect.flatMap(sandbox.open(owner), jobsOf).pipe(
      Effect.flatMap(ask),
      Effect.map((answer) => ({ answer })),
      Effect.catchTag("JobError", ({ _tag, reason, why }) => Effect.succeed({ refused: { _tag, reason, why } })),
    ),
  );

/** An answer about the workspace of an owner as a whole. */
const resultOfTree = <A>(
  { sandbox }: RequestParts,
  { owner }: SandboxRequest,
  ask: (tree: WorkspaceTree) => Effect.Effect<A, RequestFailure>,
): Frames =>
  result(Effect.flatMap(sandbox.open(owner), ({ tree }) => tree === undefined ? Effect.failSync(noTree) : ask(tree)));

const noTree = () => new FileError({ path: ".", reason: "Other", why: "this sandbox has no tree" });

/** The responder of every request. */
export const responders: Readonly<Record<SandboxMethodName, Responder>> = {
  hold: responding("hold", hold, (_args, { sandbox, commands, keepAliveMs }, { owner }) =>
    Stream.unwrap(
      Effect.map(sandbox.open(owner), ({ id, tree }) =>
        Stream.make(encodeJsonFrame("message", { id, hasTree: tree !== undefined })).pipe(
          Stream.concat(pulse(keepAliveMs)),
          Stream.interruptWhen(commands.leaving),
          Stream.concat(Stream.make(encodeJsonFrame("end", nothing))),
        )),
    )),

  execute: responding(
    "execute",
    execute,
    ({ callId, command, timeoutMs }, parts, request) =>
      toldWhileItRuns(parts, request, callId, (handle, onOutput) => handle.execute({ command, timeoutMs, onOutput })),
  ),

  runCell: responding(
    "runCell",
    runCell,
    ({ callId, ...cell }, parts, request) =>
      toldWhileItRuns(parts, request, callId, (handle, onOutput) => handle.runCell({ ...cell, onOutput })),
  ),

  stop: responding(
    "stop",
    stop,
    ({ callId }, { commands }, { owner }) => result(Effect.as(commands.stop(`${ownerKey(owner)}/${callId}`), nothing)),
  ),

  writeFile: responding(
    "writeFile",
    writeFile,
    ({ path }, { sandbox }, { owner, frames }) =>
      result(
        Effect.flatMap(sandbox.open(owner), (handle) =>
          Effect.map(handle.writeFile(path, contentOf(frames)), (bytes) => ({ bytes }))),
      ),
  ),

  readText: responding(
    "readText",
    readText,
    ({ path, ...options }, { sandbox }, { owner }) =>
      result(Effect.flatMap(sandbox.open(owner), (handle) => handle.readText(path, options))),
  ),

  readBytes: responding(
    "readBytes",
    readBytes,
    ({ path, ...range }, { sandbox }, { owner }) =>
      Stream.unwrap(Effect.map(sandbox.open(owner), (handle) => handle.readBytes(path, range))).pipe(
        Stream.map((bytes) => encodeFrame("bytes", bytes)),
        Stream.concat(Stream.make(encodeJsonFrame("end", nothing))),
      ),
  ),

  readDocstring: responding(
    "readDocstring",
    readDocstring,
    ({ path, name }, { sandbox }, { owner }) =>
      result(
        Effect.flatMap(sandbox.open(owner), (handle) =>
          Effect.map(handle.readDocstring(path, name), (docstring) => ({ docstring }))),
      ),
  ),

  changedFiles: responding(
    "changedFiles",
    changedFiles,
    ({ sinceMs, limit }, { sandbox }, { owner }) =>
      result(
        Effect.flatMap(sandbox.open(owner), (handle) =>
          Effect.map(handle.changedFiles(sinceMs, limit), (files) => ({ files }))),
      ),
  ),

  listTree: responding(
    "listTree",
    sandboxMethods.listTree,
    ({ entriesMax }, parts, request) => resultOfTree(parts, request, (tree) => tree.list(entriesMax)),
  ),

  treeRoom: responding(
    "treeRoom",
    sandboxMethods.treeRoom,
    (_args, parts, request) => resultOfTree(parts, request, ({ room }) => Effect.map(room, (bytes) => ({ bytes }))),
  ),

  assemble: responding(
    "assemble",
    sandboxMethods.assemble,
    ({ path }, parts, request) =>
      resultOfTree(
        parts,
        request,
        (tree) => Effect.map(tree.assemble(path, partsOf(request.frames)), (bytes) => ({ bytes })),
      ),
  ),

  putBack: responding(
    "putBack",
    sandboxMethods.putBack,
    ({ step }, parts, request) => resultOfTree(parts, request, (tree) => Effect.as(tree.putBack(step), nothing)),
  ),

  startJob: responding(
    "startJob",
    startJob,
    (job, parts, request) => resultOfJobs(parts, request, (jobs) => jobs.start(job)),
  ),

  listJobs: responding(
    "listJobs",
    listJobs,
    (_args, parts, request) => resultOfJobs(parts, request, (jobs) => jobs.list),
  ),

  readJob: responding(
    "readJob",
    readJob,
    ({ id, ...reading }, parts, request) =>
      resultOfJobs(parts, request, (jobs) => jobs.read(id, reading)).pipe(
        Stream.merge(pulse(parts.keepAliveMs), { haltStrategy: "left" }),
      ),
  ),

  killJob: responding(
    "killJob",
    killJob,
    ({ id }, parts, request) => resultOfJobs(parts, request, (jobs) => jobs.kill(id)),
  ),

  dial: responding(
    "dial",
    sandboxMethods.dial,
    ({ port, isOpening }, { sandbox, commands, keepAliveMs }, { owner, frames }) => {
      const dialled = isOpening
        ? Effect.flatMap(sandbox.open(owner), (handle) => handle.dial(port))
        : sandbox.dial?.(owner, port) ?? noStreams(port);
      return carried(dialled, { frames, leaving: commands.leaving, keepAliveMs });
    },
  ),

  look: responding(
    "look",
    sandboxMethods.look,
    ({ measured, withEgress = false }, { sandbox }, { owner }) =>
      result(Effect.gen(function* () {
        const look = yield* sandbox.look?.(owner) ?? Effect.succeed(unseen);
        const use = measured ? yield* sandbox.use?.(owner) ?? Effect.undefined : undefined;
        const egress = withEgress ? yield* sandbox.egress?.(owner) ?? Effect.undefined : undefined;
        return { look, ...(use !== undefined && { use }), ...(egress !== undefined && { egress }) };
      })),
  ),

  stopSandbox: responding(
    "stopSandbox",
    sandboxMethods.stopSandbox,
    (_args, { sandbox }, { owner }) => result(Effect.as(sandbox.stop?.(owner) ?? Effect.void, nothing)),
  ),

  reset: responding(
    "reset",
    reset,
    (_args, { sandbox }, { owner }) => result(Effect.as(sandbox.reset(owner), nothing)),
  ),

  health: responding("health", health, (_args, { sandbox }) => result(sandbox.health)),
};

/** Output is bounded by the command's own bound; all of it may wait for a slow reader. */
const outputQueue = { bufferSize: Number.POSITIVE_INFINITY } as const;

const cut = () => new FileError({ path: "", reason: "Other", why: "the content did not arrive as a whole" });

/** The frames of a request up to its end; what ends too early is no whole file. */
const wholeOf = (frames: SandboxRequest["frames"]): Stream.Stream<Frame, FileError> =>
  Stream.suspend(() => {
    let isWhole = false;
    return frames.pipe(
      Stream.mapError(cut),
      Stream.takeUntil(({ kind }) => {
        isWhole = kind === "end";
        return isWhole || kind === "malformed";
      }),
      Stream.concat(Stream.suspend(() => isWhole ? Stream.empty : Stream.fail(cut()))),
    );
  });

/** The bytes of a file among the frames of a request. */
const contentOf = (frames: SandboxRequest["frames"]): Stream.Stream<Uint8Array, FileError> =>
  wholeOf(frames).pipe(
    Stream.filter(({ kind }) => kind === "bytes"),
    Stream.map(({ payload }) => payload),
  );

const decodeRange = Schema.decodeUnknownEffect(Schema.fromJsonString(CopiedRange));

/** The bytes and the ranges of a file among the frames of a request, in their order. */
export const partsOf = (frames: SandboxRequest["frames"]): Stream.Stream<FilePart, FileError> =>
  wholeOf(frames).pipe(
    Stream.filter(({ kind }) => kind === "bytes" || kind === "message"),
    Stream.mapEffect(({ kind, payload }): Effect.Effect<FilePart, FileError> =>
      kind === "bytes"
        ? Effect.succeed(payload)
        : payload.length > rangeBytesMax
        ? Effect.failSync(unreadableRange)
        : Effect.mapError(decodeRange(new TextDecoder().decode(payload)), unreadableRange)
    ),
  );

/** Bytes of a range: the longest path, each byte of it escaped. */
const rangeBytesMax = 32 * 1024;

const unreadableRange = () => new FileError({ path: ".", reason: "Other", why: "a range cannot be read" });
