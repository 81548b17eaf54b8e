/**
 * A sandbox behind the tool server as a handle of the port: each operation is one private request.
 */
import { Cause, Duration, Effect, type Schema, type Scope, Stream } from "effect";
import { makeId } from "../../../domain/ids.ts";
import { isPathText } from "../../../domain/pathText.ts";
import type { ExecutionRequest } from "../../../domain/Execution.ts";
import type { Owner } from "../../../domain/Owner.ts";
import {
  FileError,
  JobError,
  noStreams,
  type SandboxError,
  type SandboxHandle,
  type SandboxJobs,
  type WorkspaceTree,
} from "../../../services/Sandbox.ts";
import type { Frame } from "../../../services/sandboxFrames.ts";
import {
  type SandboxMethod,
  type SandboxMethodName,
  sandboxMethods,
  silenceMax,
} from "../../../services/sandboxProtocol.ts";
import { dialPort } from "./dial.ts";
import { answered, decoderOf, type Exchange, type ExchangeError, send, unavailable } from "./exchange.ts";

/** Wait for the word that nothing of an interrupted command is left. */
const stopMax = Duration.seconds(10);

/** The path of a request that goes out: text that is no Unicode could not arrive as it is. */
const sendable = (path: string): Effect.Effect<string, FileError> =>
  isPathText(path)
    ? Effect.succeed(path)
    : Effect.fail(new FileError({ path: path.toWellFormed(), reason: "InvalidPath", why: "the path is not Unicode" }));

/** A request whose answer is its result. */
const asking = <A extends Schema.ConstraintCodec<unknown, unknown>, R extends Schema.ConstraintCodec<unknown, unknown>>(
  name: SandboxMethodName,
  { result }: Pick<SandboxMethod<A, never, R>, "arguments" | "result">,
) => {
  const decode = decoderOf(result);
  return (
    exchange: Exchange,
    owner: Owner,
    args: A["Type"],
    content?: Parameters<typeof send>[4],
    onFrame?: (frame: Frame) => Effect.Effect<void, SandboxError>,
  ): Effect.Effect<R["Type"], ExchangeError, R["DecodingServices"]> =>
    Effect.gen(function* () {
      const frames = yield* send(exchange, owner, name, args, content);
      let end: Uint8Array | undefined;
      yield* Stream.runForEach(answered(frames, silenceMax), (frame) => {
        if (frame.kind === "end") end = frame.payload;
        return onFrame === undefined ? Effect.void : onFrame(frame);
      });
      return yield* end === undefined ? unavailable("an answer has no result") : decode(end);
    });
};

const { hold, execute, runCell, stop, writeFile, readText, readDocstring, changedFiles, reset, health } =
  sandboxMethods;

const askExecute = asking("execute", execute);
const askRunCell = asking("runCell", runCell);
const askStop = asking("stop", stop);
const askWriteFile = asking("writeFile", writeFile);
const askReadText = asking("readText", readText);
const askReadDocstring = asking("readDocstring", readDocstring);
const askChangedFiles = asking("changedFiles", changedFiles);
const askListTree = asking("listTree", sandboxMethods.listTree);
const askTreeRoom = asking("treeRoom", sandboxMethods.treeRoom);
const askAssemble = asking("assemble", sandboxMethods.assemble);
const askPutBack = asking("putBack", sandboxMethods.putBack);
const askStartJob = asking("startJob", sandboxMethods.startJob);
const askListJobs = asking("listJobs", sandboxMethods.listJobs);
const askReadJob = asking("readJob", sandboxMethods.readJob);
const askKillJob = asking("killJob", sandboxMethods.killJob);

/** Destroys an owner's sandbox and workspace. */
export const askReset = asking("reset", reset);

/** Sees an owner's sandbox without starting one. */
export const askLook = asking("look", sandboxMethods.look);

/** Stops an owner's sandbox and keeps its files. */
export const askStopSandbox = asking("stopSandbox", sandboxMethods.stopSandbox);

/** How the sandboxes of the server are. */
export const askHealth = asking("health", health);

const decodeOutput = decoderOf(execute.message);
const decodeHold = decoderOf(hold.message);

const broken = (error: ExchangeError): SandboxError =>
  error._tag === "SandboxError" ? error : unavailable(`an operation without a path was refused: ${error.message}`);

/**
 * Opens an owner's sandbox and keeps it until the scope closes; yields what it is called, and what it has.
 *
 * *Fails with* `SandboxError`.
 */
export const openHold = (
  exchange: Exchange,
  owner: Owner,
): Effect.Effect<typeof hold.message.Type, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const frames = answered(yield* send(exchange, owner, "hold", {}), silenceMax);
    const pull = yield* Stream.toPull(frames);
    let held: typeof hold.message.Type | undefined;
    while (held === undefined) {
      const next = yield* Effect.mapError(
        pull,
        (error) => Cause.isDone(error) ? unavailable("the sandbox was not opened") : error,
      );
      for (const { kind, payload } of next) if (kind === "message") held = yield* decodeHold(payload);
    }
    // Read as long as the scope is open: the server keeps the sandbox for a caller who listens. When it is gone,
    // each operation opens the sandbox for itself.
    yield* Effect.forkScoped(Effect.ignore(Effect.forever(pull)));
    return held;
  }).pipe(Effect.mapError(broken));

/** Tells a listener what is printed. */
const toldTo = (onOutput: ExecutionRequest["onOutput"]) => ({ kind, payload }: Frame) =>
  kind === "message" && onOutput !== undefined
    ? Effect.map(decodeOutput(payload), ({ stream, text }) => onOutput(stream, text))
    : Effect.void;

/** A request under a name of its own, by which it is ended when the effect is interrupted. */
const endable = <A>(exchange: Exchange, owner: Owner, ask: (callId: string) => Effect.Effect<A, ExchangeError>) =>
  Effect.suspend(() => {
    const callId = makeId("call");
    return ask(callId).pipe(
      Effect.mapError(broken),
      Effect.onInterrupt(() => Effect.ignore(Effect.timeout(askStop(exchange, owner, { callId }), stopMax))),
    );
  });

/** What is asked about jobs: an answer, or why it is refused. */
const answeredOrRefused = <A>(
  asked: Effect.Effect<
    { readonly answer: A } | { readonly refused: ConstructorParameters<typeof JobError>[0] },
    ExchangeError
  >,
): Effect.Effect<A, JobError | SandboxError> =>
  asked.pipe(
    Effect.mapError(broken),
    Effect.flatMap((told) => "answer" in told ? Effect.succeed(told.answer) : Effect.fail(new JobError(told.refused))),
  );

/** The jobs of an owner's sandbox. */
const remoteJobs = (exchange: Exchange, owner: Owner): SandboxJobs => ({
  start: ({ command, timeoutMs }) =>
    answeredOrRefused(askStartJob(exchange, owner, { command: command.toWellFormed(), timeoutMs })),
  list: answeredOrRefused(askListJobs(exchange, owner, {})),
  read: (id, request) => answeredOrRefused(askReadJob(exchange, owner, { id: id.toWellFormed(), ...request })),
  kill: (id) => answeredOrRefused(askKillJob(exchange, owner, { id: id.toWellFormed() })),
});

/** The workspace of an owner's sandbox as a whole. */
const remoteTree = (exchange: Exchange, owner: Owner): WorkspaceTree => ({
  list: (entriesMax) => askListTree(exchange, owner, { entriesMax }),
  room: Effect.map(askTreeRoom(exchange, owner, {}), ({ bytes }) => bytes),
  assemble: (path, parts) =>
    sendable(path).pipe(
      Effect.flatMap((sent) => askAssemble(exchange, owner, { path: sent }, parts)),
      Effect.map(({ bytes }) => bytes),
    ),
  putBack: (step) => Effect.andThen(sendable(step.path), Effect.asVoid(askPutBack(exchange, owner, { step }))),
});

/** The handle of a sandbox that is held. */
export const handleOf = (
  exchange: Exchange,
  owner: Owner,
  { id, hasTree }: typeof hold.message.Type,
  hasPorts: boolean,
): SandboxHandle => ({
  id,
  ...(hasTree === true && { tree: remoteTree(exchange, owner) }),
  execute: ({ command, timeoutMs, onOutput }) =>
    endable(
      exchange,
      owner,
      (callId) => askExecute(exchange, owner, { callId, command, timeoutMs }, undefined, toldTo(onOutput)),
    ),
  runCell: ({ code, timeoutMs, kernel, onOutput }) =>
    endable(exchange, owner, (callId) =>
      askRunCell(
        exchange,
        owner,
        { callId, code: code.toWellFormed(), timeoutMs, ...(kernel !== undefined && { kernel }) },
        undefined,
        toldTo(onOutput),
      )),
  writeFile: (path, content) =>
    sendable(path).pipe(
      Effect.flatMap((sent) => askWriteFile(exchange, owner, { path: sent }, content)),
      Effect.map(({ bytes }) => bytes),
    ),
  readText: (path, options) =>
    Effect.flatMap(sendable(path), (sent) => askReadText(exchange, owner, { path: sent, ...options })),
  readBytes: (path, range = { offset: 0 }) =>
    sendable(path).pipe(
      Effect.flatMap((sent) => send(exchange, owner, "readBytes", { path: sent, ...range })),
      Effect.map((frames) =>
        answered(frames, silenceMax).pipe(
          Stream.filter(({ kind }) => kind === "bytes"),
          Stream.map(({ payload }) => payload),
        )
      ),
      Stream.unwrap,
    ),
  readDocstring: (path, name) =>
    sendable(path).pipe(
      Effect.flatMap((sent) => askReadDocstring(exchange, owner, { path: sent, name })),
      Effect.map(({ docstring }) => docstring),
    ),
  jobs: remoteJobs(exchange, owner),
  dial: (port) => hasPorts ? dialPort(exchange, owner, port, { isOpening: true }) : noStreams(port),
  changedFiles: (sinceMs, limit) =>
    askChangedFiles(exchange, owner, { sinceMs, limit }).pipe(
      Effect.map(({ files }) => files),
      Effect.mapError(broken),
    ),
});
