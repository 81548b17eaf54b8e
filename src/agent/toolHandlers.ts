/**
 * What the tools do: each decodes its arguments and works on a sandbox.
 *
 * This is the only place where a `ToolFailure` is made. A failure goes back to the model as a result
 * with `isError`; a `SandboxError` is the service's and passes through.
 */
import { Buffer } from "node:buffer";
import { Effect, Schema, Stream } from "effect";
import { sniffImage } from "../domain/Artifact.ts";
import { imageFault } from "../domain/imageFault.ts";
import type { ExecutionOutcome } from "../domain/Execution.ts";
import type { ToolCall } from "../domain/Message.ts";
import { shownImageBytesMax, type ToolResult } from "../domain/Tool.ts";
import type { FileContent, FileError, FileText, JobError, SandboxError, SandboxHandle } from "../services/Sandbox.ts";
import type { ToolCallOptions } from "../services/Toolbox.ts";
import {
  agentTools,
  commandSecondsDefault,
  editFile,
  executeBash,
  executePython,
  killJob,
  listJobs,
  readDocstring,
  readFile,
  readJob,
  viewImage,
  writeFile,
} from "../domain/agentTools.ts";
import { argumentsDecoder } from "../domain/toolArguments.ts";
import { cellResult } from "./cellResult.ts";
import { FileEdits, wholeFile } from "./fileEdits.ts";
import { killing, listedJobs, readingOf, startJob } from "./jobCalls.ts";

/** A call that cannot be carried out, in words that let the model mend it. */
export class ToolFailure extends Schema.TaggedError<ToolFailure>()("ToolFailure", { message: Schema.String }) {}

type Handled = Effect.Effect<ToolResult, ToolFailure | FileError | JobError | SandboxError>;
type Acquire = Effect.Effect<SandboxHandle, SandboxError>;

const decoder = <A, E>(name: string, schema: Schema.Codec<A, E>) => {
  const decode = argumentsDecoder(schema);
  return (call: ToolCall) =>
    Effect.mapError(
      decode(call),
      (error) => new ToolFailure({ message: `Invalid arguments for ${name}: ${error.message}` }),
    );
};

const decodeExecuteBash = decoder(executeBash.name, executeBash.arguments);
const decodeExecutePython = decoder(executePython.name, executePython.arguments);
const decodeWriteFile = decoder(writeFile.name, writeFile.arguments);
const decodeEditFile = decoder(editFile.name, editFile.arguments);
const decodeViewImage = decoder(viewImage.name, viewImage.arguments);
const decodeReadFile = decoder(readFile.name, readFile.arguments);
const decodeListJobs = decoder(listJobs.name, listJobs.arguments);
const decodeReadJob = decoder(readJob.name, readJob.arguments);
const decodeKillJob = decoder(killJob.name, killJob.arguments);
const decodeReadDocstring = decoder(readDocstring.name, readDocstring.arguments);

/** Characters of a text that are encoded at a time; a text of no more is handed over as a whole. */
const pieceCharacters = 256 * 1024;
const utf8 = new TextEncoder();

/** The text in pieces; no character of two units is divided. */
function* encodedPieces(text: string): Generator<Uint8Array> {
  for (let at = 0; at < text.length;) {
    const end = at + pieceCharacters;
    const isWithin = end < text.length && (text.codePointAt(end - 1) ?? 0) > 0xffff;
    const piece = text.slice(at, isWithin ? end - 1 : end);
    at += piece.length;
    yield utf8.encode(piece);
  }
}

/** What a file is to hold, a long text no faster than it is taken. */
const contentOf = (text: string): FileContent =>
  text.length <= pieceCharacters
    ? utf8.encode(text)
    : Stream.suspend(() => Stream.fromIterable(encodedPieces(text), { chunkSize: 1 }));

/** The result object of `execute_bash`; flags stand in it only when they are true. */
const outcomeFields = (outcome: ExecutionOutcome): (typeof executeBash.output)["Type"] => ({
  exit_code: outcome.exitCode,
  stdout: outcome.stdout,
  stderr: outcome.stderr,
  ...(outcome.timedOut && { timed_out: true }),
  ...(outcome.truncated && { truncated: true }),
  ...(outcome.oomKilled && { oom_killed: true }),
  ...(outcome.outputPath !== undefined && { output_path: outcome.outputPath }),
  ...(outcome.note !== undefined && { note: outcome.note }),
});

/** What a call comes with beside its arguments. */
interface CallContext extends ToolCallOptions {
  readonly edits: FileEdits;
}

const handlers: Readonly<
  Record<(typeof agentTools)[number]["name"], (call: ToolCall, acquire: Acquire, context: CallContext) => Handled>
> = {
  execute_bash: Effect.fnUntraced(function* (call, acquire, { onOutput }) {
    const { command, timeout, background = false } = yield* decodeExecuteBash(call);
    const sandbox = yield* acquire;
    if (background) {
      return yield* startJob(sandbox, { command, ...(timeout !== undefined && { timeoutMs: timeout * 1000 }) });
    }
    const { egress, ...outcome } = yield* sandbox.execute({
      command,
      timeoutMs: (timeout ?? commandSecondsDefault) * 1000,
      ...(onOutput !== undefined && { onOutput }),
    });
    const structured = outcomeFields(outcome);
    return {
      text: JSON.stringify(structured),
      isError: false,
      structured,
      outcome,
      ...(egress !== undefined && { egress }),
    };
  }),
  execute_python: Effect.fnUntraced(function* (call, acquire, { onOutput, kernel: ofRun }) {
    const { code, timeout, kernel: named } = yield* decodeExecutePython(call);
    const kernel = [ofRun, named].filter((part) => part !== undefined).join(".");
    const sandbox = yield* acquire;
    const outcome = yield* sandbox.runCell({
      code,
      timeoutMs: (timeout ?? commandSecondsDefault) * 1000,
      ...(kernel !== "" && { kernel }),
      ...(onOutput !== undefined && { onOutput }),
    });
    return yield* cellResult(sandbox, outcome);
  }),
  write_file: Effect.fnUntraced(function* (call, acquire) {
    const { file_path: path, content } = yield* decodeWriteFile(call);
    const sandbox = yield* acquire;
    const bytes = yield* sandbox.writeFile(path, contentOf(content));
    return {
      text: `Successfully wrote ${bytes} bytes to ${path}`,
      isError: false,
      structured: { path, bytes },
    };
  }),
  edit_file: Effect.fnUntraced(function* (call, acquire, { edits }) {
    const { file_path: path, old_text: oldText, new_text: newText, all = false } = yield* decodeEditFile(call);
    const edited = yield* edits.edit(yield* acquire, path, { oldText, newText, all });
    if (edited._tag === "Refused") return yield* new ToolFailure({ message: `${path}: ${edited.why}` });
    const { bytes, replacements, firstLine } = edited;
    const where = replacements === 1 ? `at line ${firstLine}` : `${replacements} times, first at line ${firstLine}`;
    return {
      text: `Edited ${path} ${where}`,
      isError: false,
      structured: { path, replacements, first_line: firstLine, bytes: bytes.length },
    };
  }),
  view_image: Effect.fnUntraced(function* (call, acquire) {
    const { file_path: path } = yield* decodeViewImage(call);
    const bytes = yield* wholeFile(
      yield* acquire,
      path,
      shownImageBytesMax,
      "make a smaller copy, for example with PIL",
    );
    const fault = imageFault(bytes);
    const mediaType = sniffImage(bytes);
    if (fault !== undefined || mediaType === undefined) return yield* new ToolFailure({ message: `${path}: ${fault}` });
    return {
      text: `Image ${path} (${mediaType}, ${bytes.length} bytes)`,
      isError: false,
      structured: { path, media_type: mediaType, bytes: bytes.length },
      images: [{ path, mediaType, base64: Buffer.from(bytes).toString("base64") }],
    };
  }),
  read_file: Effect.fnUntraced(function* (call, acquire) {
    const { file_path: path, offset = 0, line_count: lineCount, column } = yield* decodeReadFile(call);
    const sandbox = yield* acquire;
    const page = yield* sandbox.readText(path, {
      offset,
      ...(lineCount !== undefined && { lineCount }),
      ...(column !== undefined && { column }),
    });
    const remarks = [page.note, readOn(page, offset)].filter((remark) => remark !== undefined);
    return {
      text: page.text + remarks.map((remark) => `\n[${remark}]`).join(""),
      isError: false,
      structured: { ...page },
    };
  }),
  list_jobs: Effect.fnUntraced(function* (call, acquire) {
    yield* decodeListJobs(call);
    return yield* listedJobs(yield* acquire);
  }),
  read_job: Effect.fnUntraced(function* (call, acquire) {
    const { job_id: id, offset, wait = 0 } = yield* decodeReadJob(call);
    return yield* readingOf(yield* acquire, { id, waitMs: wait * 1000, ...(offset !== undefined && { offset }) });
  }),
  kill_job: Effect.fnUntraced(function* (call, acquire) {
    const { job_id: id } = yield* decodeKillJob(call);
    return yield* killing(yield* acquire, { id });
  }),
  read_docstring: Effect.fnUntraced(function* (call, acquire) {
    const { file_path: path, function_name: name } = yield* decodeReadDocstring(call);
    const sandbox = yield* acquire;
    const docstring = yield* sandbox.readDocstring(path, name);
    return { text: docstring, isError: false, structured: { docstring } };
  }),
};

/** How to read on after a page, in words; nothing when it was the last. */
const readOn = ({ text, truncated, next }: FileText, offset: number): string | undefined => {
  if (!truncated) return undefined;
  if (next?.column !== undefined) {
    return `cut here inside line ${next.offset}: read on with offset ${next.offset} and column ${next.column}`;
  }
  return `cut here: read on with offset ${next?.offset ?? offset + linesIn(text)}`;
};

const linesIn = (text: string): number => text.split("\n").length - (text.endsWith("\n") ? 1 : 0);

const isAgentTool = (name: string): name is keyof typeof handlers => Object.hasOwn(handlers, name);

const failed = (error: ToolFailure | FileError | JobError) =>
  Effect.succeed<ToolResult>({
    text: `Error: ${error.message}`,
    isError: true,
    ...(error._tag === "FileError" && {
      refusedFile: { path: error.path, reason: error.reason, why: error.why },
    }),
  });

/** Carries out a call in the sandbox that `acquire` yields. *Fails with* `SandboxError` only. */
type HandleToolCall = (
  call: ToolCall,
  acquire: Acquire,
  options?: ToolCallOptions,
) => Effect.Effect<ToolResult, SandboxError>;

/** Makes what carries out the calls of a toolbox; arguments are checked before a sandbox is asked for. */
export const makeToolCalls = (): HandleToolCall => {
  const edits = new FileEdits();
  return (call, acquire, options = {}) =>
    (isAgentTool(call.name) ? handlers[call.name](call, acquire, { ...options, edits }) : Effect.fail(
      new ToolFailure({
        message: `There is no tool named '${call.name}'. The tools are ${
          agentTools.map(({ name }) => name).join(", ")
        }`,
      }),
    )).pipe(Effect.catchTags({ ToolFailure: failed, FileError: failed, JobError: failed }));
};
