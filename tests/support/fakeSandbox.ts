/**
 * A sandbox without an engine for tests above the port: files in memory, commands from a table.
 */
import { Buffer } from "node:buffer";
import { Effect, Layer, Option, Stream } from "effect";
import { cellNotRun, type CellOutcome, type CellRequest } from "../../src/domain/Cell.ts";
import type { ExecutionOutcome, ExecutionRequest } from "../../src/domain/Execution.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import type { FilePart } from "../../src/domain/WorkspaceTree.ts";
import {
  type FileContent,
  FileError,
  noStreams,
  Sandbox,
  type SandboxHandle,
  type SandboxJobs,
  type SandboxLook,
  type SandboxUse,
  type WorkspaceTree,
} from "../../src/services/Sandbox.ts";

/** The end of a command that printed something. */
export const outcome = (stdout: string, exitCode = 0): ExecutionOutcome => ({
  exitCode,
  stdout,
  stderr: "",
  timedOut: false,
  truncated: false,
  oomKilled: false,
  durationMs: 1,
  stdoutBytes: stdout.length,
  stderrBytes: 0,
});

/** The bytes of a file's content, whichever way they come. */
export const contentOf = (content: FileContent) =>
  content instanceof Uint8Array
    ? Effect.succeed(content)
    : Effect.map(Stream.runCollect(content), (pieces) => new Uint8Array(Buffer.concat(pieces)));

/** What happened in a fake sandbox. */
export interface FakeSandbox {
  readonly opened: Array<Owner>;
  readonly executed: Array<string>;
  /** Files of all owners, as `ownerKey:path`. */
  readonly files: Map<string, Uint8Array>;
  /** Those of the files that are listed and cannot be read, as after `chmod 0`. */
  readonly closed: Set<string>;
  readonly layer: Layer.Layer<Sandbox>;
}

/** When every file of a fake sandbox was last changed: after any run began. */
const changedAtMs = Date.UTC(2100, 0, 1);

/** What makes two contents of a fake file different: that they were written at another time. */
const versions = new WeakMap<Uint8Array, string>();
let written = 0;
const versionOf = (bytes: Uint8Array): string => {
  const version = versions.get(bytes) ?? `${bytes.length} ${++written} 0 0`;
  versions.set(bytes, version);
  return version;
};

/** The workspace of an owner as a whole: regular files only. */
const treeOf = (files: Map<string, Uint8Array>, owner: string): WorkspaceTree => {
  const prefix = `${owner}:/workspace/`;
  return {
    list: (entriesMax) =>
      Effect.sync(() => {
        const own = [...files].filter(([name]) => name.startsWith(prefix) && !name.startsWith(`${prefix}.caisson`));
        const entries = own.slice(0, entriesMax).map(([name, bytes]) => ({
          path: name.slice(prefix.length),
          kind: "file" as const,
          mode: 0o644,
          sizeBytes: bytes.length,
          modifiedNs: "0",
          version: versionOf(bytes),
        }));
        return { entries, unlisted: [], isWhole: own.length <= entriesMax };
      }),
    room: Effect.succeed(Number.MAX_SAFE_INTEGER),
    assemble: (path, parts) =>
      Effect.gen(function* () {
        const at = (name: string) => `${prefix}${name.replace(/^\/workspace\//, "")}`;
        const given = parts instanceof Uint8Array ? Stream.make<[FilePart]>(parts) : parts;
        const pieces = yield* Stream.runCollect(Stream.mapEffect(given, (part) => {
          if (part instanceof Uint8Array) return Effect.succeed(part);
          const bytes = files.get(at(part.path));
          return bytes === undefined || versionOf(bytes) !== part.version
            ? Effect.fail(new FileError({ path: part.path, reason: "Changed", why: "it was changed meanwhile" }))
            : Effect.succeed(bytes.slice(part.offset, part.offset + part.length));
        }));
        const whole = yield* contentOf(Stream.fromIterable(pieces));
        files.set(at(path), whole);
        return whole.length;
      }),
    putBack: (step) =>
      Effect.suspend(() => {
        const at = `${prefix}${step.path}`;
        const bytes = files.get(at);
        const expected = step._tag === "Directory" ? undefined : step.expected;
        const found = bytes === undefined ? undefined : versionOf(bytes);
        if (found !== (expected?._tag === "Version" ? expected.version : undefined)) {
          return Effect.fail(new FileError({ path: step.path, reason: "Changed", why: "it was changed meanwhile" }));
        }
        const source = step._tag === "File" ? files.get(`${prefix}${step.source}`) : undefined;
        if (source === undefined) files.delete(at);
        else files.set(at, source.slice());
        return Effect.void;
      }),
  };
};

/** Makes a fake sandbox; commands echo themselves unless `execute` says otherwise. */
export const fakeSandbox = (
  execute: (request: ExecutionRequest) => Effect.Effect<ExecutionOutcome> = ({ command }) =>
    Effect.succeed(outcome(`ran: ${command}\n`)),
  runCell: (request: CellRequest) => Effect.Effect<CellOutcome> = () =>
    Effect.succeed(cellNotRun("there is no Python here")),
  seen: Partial<Pick<SandboxLook, "commands" | "jobs">> & { readonly use?: SandboxUse; readonly ofJobs?: SandboxJobs } =
    {},
): FakeSandbox => {
  const opened: Array<Owner> = [];
  const executed: Array<string> = [];
  const files = new Map<string, Uint8Array>();
  const closed = new Set<string>();
  const handleFor = (owner: Owner): SandboxHandle => {
    const at = (path: string) => `${ownerKey(owner)}:${path.startsWith("/") ? path : `/workspace/${path}`}`;
    const refused = (path: string) =>
      Effect.fail(new FileError({ path, reason: "PermissionDenied", why: "permission denied" }));
    const read = (path: string) =>
      closed.has(at(path)) ? refused(path) : Option.match(Option.fromUndefinedOr(files.get(at(path))), {
        onNone: () => Effect.fail(new FileError({ path, reason: "NotFound", why: "no such file" })),
        onSome: Effect.succeed,
      });
    return {
      id: "fake",
      execute: (request) => {
        executed.push(request.command);
        return execute(request);
      },
      runCell,
      writeFile: (path, content) =>
        Effect.map(closed.has(at(path)) ? refused(path) : contentOf(content), (bytes) => {
          files.set(at(path), bytes);
          return bytes.length;
        }),
      readText: (path) =>
        Effect.map(read(path), (bytes) => ({ text: new TextDecoder().decode(bytes), truncated: false })),
      readBytes: (path, range = { offset: 0 }) =>
        Stream.fromEffect(
          Effect.map(
            read(path),
            (bytes) => bytes.slice(range.offset, range.length === undefined ? undefined : range.offset + range.length),
          ),
        ),
      readDocstring: () => Effect.succeed(""),
      changedFiles: (sinceMs, limit) =>
        Effect.sync(() =>
          [...files]
            .filter(([name]) => name.startsWith(at("")) && sinceMs <= changedAtMs)
            .map(([name, bytes]) => ({
              path: name.slice(name.indexOf(":") + 1),
              sizeBytes: bytes.length,
              modifiedAtMs: changedAtMs,
            }))
            .slice(0, limit)
        ),
      tree: treeOf(files, ownerKey(owner)),
      dial: noStreams,
      ...(seen.ofJobs !== undefined && { jobs: seen.ofJobs }),
    };
  };
  const layer = Layer.succeed(
    Sandbox,
    Sandbox.of({
      info: {
        kind: "scripted",
        why: "a test asked for it",
        controls: [
          { name: "network", applied: true, detail: "there is none" },
          { name: "memory limit", applied: false, detail: "nothing runs here" },
        ],
        notes: [],
      },
      health: Effect.sync(() => ({ healthy: true, detail: "fake", open: opened.length })),
      open: (owner) =>
        Effect.sync(() => {
          opened.push(owner);
          return handleFor(owner);
        }),
      look: (owner) =>
        Effect.sync(() => ({
          state: opened.some((one) => ownerKey(one) === ownerKey(owner)) ? "idle" : "none",
          commands: seen.commands ?? [],
          jobs: seen.jobs ?? [],
        })),
      use: () => Effect.succeed(seen.use),
      stop: (owner) =>
        Effect.sync(() =>
          void opened.splice(0, opened.length, ...opened.filter((one) => ownerKey(one) !== ownerKey(owner)))
        ),
      reset: (owner) =>
        Effect.sync(() => {
          for (const key of files.keys()) if (key.startsWith(`${ownerKey(owner)}:`)) files.delete(key);
        }),
    }),
  );
  return { opened, executed, files, closed, layer };
};
