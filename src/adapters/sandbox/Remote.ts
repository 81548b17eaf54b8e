/**
 * The Sandbox port of a process whose sandboxes live behind a tool server.
 *
 * Everything goes through the tools that server offers, so this process can do no more there than any
 * caller of its tools. Bytes travel as base64 in the output of commands, in pieces that fit a result.
 */
import { Buffer } from "node:buffer";
import { Effect, Layer, Option, Schema, Stream } from "effect";
import { readFile } from "../../domain/agentTools.ts";
import { makeId, ownerKey } from "../../domain/ids.ts";
import type { ExecutionOutcome, ExecutionRequest } from "../../domain/Execution.ts";
import type { Owner } from "../../domain/Owner.ts";
import type { ToolResult } from "../../domain/Tool.ts";
import { FileError, RuntimeUnavailable, Sandbox, SandboxError, type SandboxHandle } from "../../services/Sandbox.ts";
import { Toolbox, type ToolboxError, type Tools } from "../../services/Toolbox.ts";
import { headOf } from "../../domain/cutText.ts";

/** Bytes of a file in one command's output; base64 of it stays below every output bound in use. */
const readPieceBytes = 24 * 1024;
/** Bytes of a file in one command's text; base64 of it stays below the kernel's bound of one argument. */
const writePieceBytes = 72 * 1024;
/** Characters of somebody else's words in an error. */
const wordsMax = 500;
/** A helper command touches a few files; one that takes longer hangs. */
const helperTimeoutMs = 60_000;

const decodeOutput = Schema.decodeUnknownEffect(readFile.output);
const decodeDocstring = Schema.decodeUnknownEffect(Schema.Struct({ docstring: Schema.String }));

const unavailable = (detail: string, cause?: unknown) =>
  new SandboxError({
    reason: new RuntimeUnavailable(),
    detail,
    ...(cause !== undefined && { cause }),
  });

const toSandboxError = (error: ToolboxError): SandboxError =>
  error._tag === "SandboxError" ? error : unavailable(`${error.message}: ${error.detail}`, error);

const foreign = (error: Schema.SchemaError) => unavailable("the tool server's result is not in its own form", error);

/** Quotes a text for bash so that no character of it is special. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A path as an argument; as in the tools, `~` is the workspace. */
const quotedPath = (path: string): string => quoted(path.replace(/^~(?=\/|$)/, "/workspace"));

const decodeReason = Schema.decodeUnknownOption(FileError.fields.reason);

/** The shell's own words about a file, as a reason; its helper commands give nothing better. */
const shellFileError = (path: string, words: string): FileError => {
  const text = words.trim();
  const reason = /no such file/i.test(text)
    ? "NotFound"
    : /is a directory|overwrite directory/i.test(text)
    ? "IsDirectory"
    : /not a directory|file exists/i.test(text)
    ? "NotADirectory"
    : /permission denied/i.test(text)
    ? "PermissionDenied"
    : /read-only/i.test(text)
    ? "ReadOnly"
    : /no space|quota/i.test(text)
    ? "NoSpace"
    : /too large/i.test(text)
    ? "TooLarge"
    : "Other";
  return new FileError({ path, reason, why: headOf(text, wordsMax) });
};

/** What our own server says of a refused file operation; a foreign one has only words. */
const refusal = (path: string, { refusedFile, text }: ToolResult): FileError =>
  refusedFile === undefined ? new FileError({ path, reason: "Other", why: headOf(text, wordsMax) }) : new FileError({
    path: refusedFile.path,
    reason: Option.getOrElse(decodeReason(refusedFile.reason), () => "Other" as const),
    why: refusedFile.why,
  });

const handleOver = (tools: Tools, id: string): SandboxHandle => {
  const call = (name: string, args: Record<string, unknown>, onOutput?: ExecutionRequest["onOutput"]) =>
    Effect.mapError(
      tools.call(
        { id: makeId("call"), name, argumentsJson: JSON.stringify(args) },
        onOutput === undefined ? {} : { onOutput },
      ),
      toSandboxError,
    );

  const fileCall = (path: string, name: string, args: Record<string, unknown>) =>
    Effect.flatMap(
      call(name, args),
      (result): Effect.Effect<ToolResult, FileError> =>
        result.isError ? Effect.fail(refusal(path, result)) : Effect.succeed(result),
    );

  const execute = Effect.fnUntraced(function* (
    { command, timeoutMs, onOutput }: ExecutionRequest,
  ): Effect.fn.Return<ExecutionOutcome, SandboxError> {
    const result = yield* call("execute_bash", { command, timeout: Math.max(1, timeoutMs / 1000) }, onOutput);
    if (result.outcome !== undefined) return result.outcome;
    return yield* unavailable(`the tool server did not say what became of the command: ${headOf(result.text, 200)}`);
  });

  const helper = Effect.fnUntraced(function* (path: string, command: string) {
    const outcome = yield* execute({ command, timeoutMs: helperTimeoutMs });
    if (outcome.exitCode !== 0) return yield* shellFileError(path, outcome.stderr);
    return outcome.stdout;
  });

  return {
    id,
    execute,
    writeFile: Effect.fnUntraced(function* (path, content) {
      const target = quotedPath(path);
      const partial = quoted(`${path}.${makeId("part")}`);
      yield* helper(path, `mkdir -p -- "$(dirname -- ${target})" && : > ${partial}`);
      for (let at = 0; at < content.byteLength; at += writePieceBytes) {
        const piece = Buffer.from(content.subarray(at, at + writePieceBytes)).toString("base64");
        yield* helper(path, `base64 -d >> ${partial} <<< ${piece}`);
      }
      yield* helper(path, `mv -fT -- ${partial} ${target}`);
      return content.byteLength;
    }),
    readText: Effect.fnUntraced(function* (path, { lineCount, ...from }) {
      const lines = lineCount === undefined ? from : { ...from, line_count: lineCount };
      const result = yield* fileCall(path, "read_file", { file_path: path, ...lines });
      return yield* Effect.mapError(decodeOutput(result.structured), foreign);
    }),
    readBytes: (path, range) => {
      const end = range?.length === undefined ? Number.POSITIVE_INFINITY : range.offset + range.length;
      return Stream.paginate(
        range?.offset ?? 0,
        Effect.fnUntraced(function* (at: number) {
          const wanted = Math.min(readPieceBytes, end - at);
          const command = `set -o pipefail; tail -c +${at + 1} -- ${quotedPath(path)} | head -c ${wanted} | base64 -w0`;
          // tail is ended by head's early exit, which pipefail reports as SIGPIPE: no failure of the read.
          const text = yield* helper(path, `{ ${command}; } || [ $? = 141 ]`);
          const bytes = new Uint8Array(Buffer.from(text, "base64"));
          const next = at + bytes.byteLength;
          const isLast = bytes.byteLength < wanted || next >= end;
          return [bytes.byteLength === 0 ? [] : [bytes], isLast ? Option.none() : Option.some(next)] as const;
        }),
      );
    },
    readDocstring: Effect.fnUntraced(function* (path, name) {
      const result = yield* fileCall(path, "read_docstring", { file_path: path, function_name: name });
      return (yield* Effect.mapError(decodeDocstring(result.structured), foreign)).docstring;
    }),
    changedFiles: Effect.fnUntraced(function* (sinceMs, limit) {
      const since = (sinceMs / 1000).toFixed(3);
      const command =
        `folder=/workspace/.caisson/artifacts; [ "$(realpath $folder 2>/dev/null)" = $folder ] && artifacts=/artifacts/;` +
        ` find /workspace $artifacts -path '*/.*' -prune -o -type f -newerct @${since} -printf '%C@\\t%s\\t%p\\0' 2>/dev/null` +
        ` | sort -z -rn | head -z -n ${limit} | base64 -w0`;
      const outcome = yield* execute({ command, timeoutMs: helperTimeoutMs });
      return Buffer.from(outcome.stdout, "base64").toString().split("\0").flatMap((line) => {
        const [modified, size, ...path] = line.split("\t");
        return path.length === 0 ? [] : [{
          path: path.join("\t"),
          sizeBytes: Number(size),
          modifiedAtMs: Math.floor(Number(modified) * 1000),
        }];
      });
    }),
  };
};

/**
 * Sandboxes behind the tool server of the Toolbox port.
 *
 * *Details*: lifecycle, limits and hardening are that server's; `reset` empties the workspace with a
 * command, because no tool destroys a sandbox.
 */
export const layer: Layer.Layer<Sandbox, never, Toolbox> = Layer.effect(
  Sandbox,
  Effect.gen(function* () {
    const toolbox = yield* Toolbox;
    const open = Effect.fnUntraced(function* (owner: Owner) {
      const tools = yield* Effect.mapError(toolbox.open(owner), toSandboxError);
      const key = ownerKey(owner);
      // Tools start no sandbox by themselves; a caller of this port wants one that is there. The birth of
      // its first process tells one sandbox of an owner from the next.
      const birth = yield* handleOver(tools, key).execute({
        command: "cut -d ' ' -f 22 /proc/1/stat 2>/dev/null || true",
        timeoutMs: helperTimeoutMs,
      });
      return handleOver(tools, `remote-${key}-${birth.stdout.trim()}`);
    });
    return Sandbox.of({
      info: {
        kind: "remote",
        why: "MCP_SERVER_URL is set: the sandboxes are that server's",
        controls: [{
          name: "tool server",
          applied: true,
          detail: "limits and hardening are those of the tool server; its own /health and log have them",
        }],
        notes: [],
      },
      health: Effect.map(toolbox.serverConnected, (connected) => ({
        healthy: connected !== false,
        detail: connected === false ? "the tool server does not answer" : "behind the tool server",
        // How many there are is known where they are.
        open: 0,
      })),
      open,
      reset: (owner) =>
        Effect.scoped(Effect.gen(function* () {
          const handle = yield* open(owner);
          yield* handle.execute({
            command: "find /workspace -mindepth 1 -delete",
            timeoutMs: helperTimeoutMs,
          });
        })),
    });
  }),
);
