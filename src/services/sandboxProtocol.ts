/**
 * The requests by which a process without sandboxes works in those of a tool server of ours.
 *
 * Both ends of the wire are here: the MCP server declares and answers them, the remote sandbox asks. They
 * are private to Caisson, versioned, and go to `/sandbox/v1/NAME` beside `/mcp`, with the same credential and
 * the same name of a user as the tools.
 */
import { Duration, Schema } from "effect";
import { CellOutcome } from "../domain/Cell.ts";
import { EgressSummary } from "../domain/EgressRecord.ts";
import { ExecutionOutcome } from "../domain/Execution.ts";
import { Job, JobOutput, type JobReadRequest, type JobRequest } from "../domain/Job.ts";
import { PutBack, Tree } from "../domain/WorkspaceTree.ts";
import {
  type FileEntry,
  FileError,
  type FileText,
  JobError,
  type ReadTextOptions,
  SandboxErrorReason,
  SandboxLook,
  type SandboxService,
  SandboxUse,
  StreamError,
} from "./Sandbox.ts";

/** The name under which a server declares the requests, and where they go. */
export const sandboxProtocol = { name: "caisson/sandbox", version: 1, path: "sandbox" } as const;

/** A schema of what travels. */
type Wire = Schema.ConstraintCodec<unknown, unknown>;

/** A request: its arguments, what it is told while it runs, its result, and what else it carries. */
export interface SandboxMethod<A extends Wire, M extends Wire, R extends Wire> {
  readonly arguments: A;
  /** What a `message` of the answer holds; nothing when the answer has none. */
  readonly message: M;
  readonly result: R;
  /** It counts as a tool call where calls are counted: it runs code or changes files. */
  readonly isCounted: boolean;
}

const method = <A extends Wire, M extends Wire, R extends Wire>(
  row: SandboxMethod<A, M, R>,
): SandboxMethod<A, M, R> => row;

/** Every field of what the port speaks of: one that is added there must be added here, or it would be lost. */
type Every<T> = Readonly<Record<keyof T, Schema.Top>>;

const Nothing = Schema.Struct({});

/** The longest that a reading of a job waits: less than a silence that counts as a loss. */
const jobWaitMsMax = 60_000;

/** An answer about jobs: there may be no such job, or no room for one more. */
const orRefused = <S extends Wire>(answer: S) =>
  Schema.Union([Schema.Struct({ answer }), Schema.Struct({ refused: Schema.Struct(JobError.fields) })]);

/** A TCP port. */
const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }));

/** A name that the caller gives a command of its own, to end it by. */
const CallId = Schema.String.check(Schema.isMaxLength(64));

/** Every request of this version, by the name it goes to. What is new becomes a row; what changes, a version. */
export const sandboxMethods = {
  /** Opens the owner's sandbox, says which it is, and keeps it as long as the answer is read. */
  hold: method({
    arguments: Nothing,
    // Absent from servers of before, whose workspaces could not be kept.
    message: Schema.Struct({ id: Schema.String, hasTree: Schema.optionalKey(Schema.Boolean) }),
    result: Nothing,
    isCounted: false,
  }),
  /** Runs a command; its output is told as it comes. */
  execute: method({
    arguments: Schema.Struct({ callId: CallId, command: Schema.String, timeoutMs: Schema.Finite }),
    message: Schema.Struct({ stream: Schema.Literals(["stdout", "stderr"]), text: Schema.String }),
    result: ExecutionOutcome,
    isCounted: true,
  }),
  /** Runs a cell of Python; its output is told as it comes. */
  runCell: method({
    arguments: Schema.Struct({
      callId: CallId,
      code: Schema.String,
      timeoutMs: Schema.Finite,
      kernel: Schema.optionalKey(Schema.String),
    }),
    message: Schema.Struct({ stream: Schema.Literals(["stdout", "stderr"]), text: Schema.String }),
    result: CellOutcome,
    isCounted: true,
  }),
  /** Ends a command or a cell of this owner; the answer says that nothing of it is left. */
  stop: method({
    arguments: Schema.Struct({ callId: CallId }),
    message: Nothing,
    result: Nothing,
    isCounted: false,
  }),
  /** Writes the bytes that follow the arguments. */
  writeFile: method({
    arguments: Schema.Struct({ path: Schema.String }),
    message: Nothing,
    result: Schema.Struct({ bytes: Schema.Number }),
    isCounted: true,
  }),
  readText: method({
    arguments: Schema.Struct(
      {
        path: Schema.String,
        offset: Schema.Number,
        lineCount: Schema.optionalKey(Schema.Number),
        column: Schema.optionalKey(Schema.Number),
      } satisfies Every<ReadTextOptions & { path: string }>,
    ),
    message: Nothing,
    result: Schema.Struct(
      {
        text: Schema.String,
        truncated: Schema.Boolean,
        next: Schema.optionalKey(
          Schema.Struct({ offset: Schema.Number, column: Schema.optionalKey(Schema.Number) }),
        ),
        note: Schema.optionalKey(Schema.String),
      } satisfies Every<FileText>,
    ),
    isCounted: false,
  }),
  /** Answers with the bytes themselves. */
  readBytes: method({
    arguments: Schema.Struct({
      path: Schema.String,
      offset: Schema.Number,
      length: Schema.optionalKey(Schema.Number),
    }),
    message: Nothing,
    result: Nothing,
    isCounted: false,
  }),
  readDocstring: method({
    arguments: Schema.Struct({ path: Schema.String, name: Schema.String }),
    message: Nothing,
    result: Schema.Struct({ docstring: Schema.String }),
    isCounted: false,
  }),
  changedFiles: method({
    arguments: Schema.Struct({ sinceMs: Schema.Number, limit: Schema.Number }),
    message: Nothing,
    result: Schema.Struct({
      files: Schema.Array(
        Schema.Struct(
          { path: Schema.String, sizeBytes: Schema.Number, modifiedAtMs: Schema.Number } satisfies Every<FileEntry>,
        ),
      ),
    }),
    isCounted: false,
  }),
  /** Lists the workspace; this and the next three only of a sandbox that is said to have a tree. */
  listTree: method({
    arguments: Schema.Struct({ entriesMax: Schema.Finite }),
    message: Nothing,
    result: Tree,
    isCounted: false,
  }),
  /** Bytes that may still be written to the workspace. */
  treeRoom: method({
    arguments: Nothing,
    message: Nothing,
    result: Schema.Struct({ bytes: Schema.Number }),
    isCounted: false,
  }),
  /** Writes what follows the arguments: bytes, and messages with ranges to be copied. One restore makes many of it. */
  assemble: method({
    arguments: Schema.Struct({ path: Schema.String }),
    message: Nothing,
    result: Schema.Struct({ bytes: Schema.Number }),
    isCounted: false,
  }),
  /** Puts one thing of the workspace back; one restore makes many of it. */
  putBack: method({
    arguments: Schema.Struct({ step: PutBack }),
    message: Nothing,
    result: Nothing,
    isCounted: false,
  }),
  startJob: method({
    arguments: Schema.Struct({ command: Schema.String, timeoutMs: Schema.Finite } satisfies Every<JobRequest>),
    message: Nothing,
    result: orRefused(Job),
    isCounted: true,
  }),
  listJobs: method({
    arguments: Nothing,
    message: Nothing,
    result: orRefused(Schema.Array(Job)),
    isCounted: false,
  }),
  readJob: method({
    arguments: Schema.Struct(
      {
        id: Schema.String,
        offset: Schema.optionalKey(Schema.Finite),
        waitMs: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: jobWaitMsMax })),
      } satisfies Every<JobReadRequest & { id: string }>,
    ),
    message: Nothing,
    result: orRefused(JobOutput),
    isCounted: false,
  }),
  killJob: method({
    arguments: Schema.Struct({ id: Schema.String }),
    message: Nothing,
    result: orRefused(Job),
    isCounted: true,
  }),
  /**
   * Connects to a port, in the sandbox that runs or in one that is opened for it, and carries bytes as long as the
   * answer is read: to the program behind the arguments, from it in the answer. Either way ends on its own, the one in
   * with `end`, the one out with `ended`; a request without its `end` gives the connection up.
   */
  dial: method({
    arguments: Schema.Struct({ port: Port, isOpening: Schema.Boolean }),
    message: Schema.Struct({ state: Schema.Literals(["connected", "ended"]) }),
    result: Schema.Struct({ failed: Schema.optionalKey(Schema.Struct(StreamError.fields)) }),
    isCounted: false,
  }),
  /** What the owner's sandbox does and, where it is asked for, uses; none is started for it. */
  look: method({
    arguments: Schema.Struct({ measured: Schema.Boolean, withEgress: Schema.optionalKey(Schema.Boolean) }),
    message: Nothing,
    result: Schema.Struct({
      look: SandboxLook,
      use: Schema.optionalKey(SandboxUse),
      /** What was asked of the network, where that is asked for and there was anything. */
      egress: Schema.optionalKey(EgressSummary),
    }),
    isCounted: false,
  }),
  /** Stops the owner's sandbox and keeps its files. */
  stopSandbox: method({ arguments: Nothing, message: Nothing, result: Nothing, isCounted: true }),
  reset: method({ arguments: Nothing, message: Nothing, result: Nothing, isCounted: true }),
  health: method({
    arguments: Nothing,
    message: Nothing,
    result: Schema.Struct({ healthy: Schema.Boolean, detail: Schema.String, open: Schema.Number }),
    isCounted: false,
  }),
} as const;

export type SandboxMethodName = keyof typeof sandboxMethods;

const isMethodName = (name: string): name is SandboxMethodName => Object.hasOwn(sandboxMethods, name);

/** Every name of a request, in the order of the table. */
export const sandboxMethodNames: ReadonlyArray<SandboxMethodName> = Object.keys(sandboxMethods).filter(isMethodName);

/** What a server says of the requests it answers: as an experimental capability of MCP, and at `GET /sandbox`. */
export const SandboxDeclaration = Schema.Struct({
  protocol: Schema.Literal(sandboxProtocol.name),
  versions: Schema.Array(Schema.Int),
  methods: Schema.Array(Schema.String),
});
export type SandboxDeclaration = typeof SandboxDeclaration.Type;

/** The declaration of a server; that of one whose sandboxes have no ports leaves `dial` out. */
export const sandboxDeclaration = ({ dial }: Pick<SandboxService, "dial">): SandboxDeclaration => ({
  protocol: sandboxProtocol.name,
  versions: [sandboxProtocol.version],
  methods: sandboxMethodNames.filter((name) => name !== "dial" || dial !== undefined),
});

/** Longest silence within a request or an answer: each side says it is alive far more often. */
export const silenceMax = Duration.minutes(2);

/** How a request failed. Neither detail nor cause goes out. */
export const SandboxFailure = Schema.Union([
  Schema.Struct({ _tag: Schema.Literal("SandboxError"), reason: SandboxErrorReason }),
  Schema.Struct(FileError.fields),
]);
export type SandboxFailure = typeof SandboxFailure.Type;
