/**
 * The sandbox of machines that have only Deno: a simulated bash and a WebAssembly Python in one
 * permissionless process per owner.
 *
 * A handle outlives its processes: one that was killed for a timeout, ran out of memory or wore out
 * is replaced before the next request, and the workspace stays.
 */
import { Clock, Effect, Exit, Option, Schema, Scope, Semaphore, Stream } from "effect";
import type { SettingsService } from "../../../config.ts";
import type { ExecutionOutcome } from "../../../domain/Execution.ts";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import { makeId } from "../../../domain/ids.ts";
import { FileError, SandboxError, type SandboxHandle, SandboxLost, StartFailed } from "../../../services/Sandbox.ts";
import { type AnswerDecoder, answerOf, type Guest, type GuestGone, startGuest } from "./Guest.ts";
import { noteFor } from "./notes.ts";
import type { Prepared } from "./prepared.ts";
import { type GuestOptions, type GuestRequest, pieceBytes } from "./wire.ts";
import type { Workspaces } from "../local/workspaces.ts";

/** The guest ends commands itself; one that cannot, in the midst of a long native call, is killed this much later. */
const graceMs = 4_000;
/** File work is bounded by sizes, so a guest that is still busy after this is stuck. */
const fileTimeout = "60 seconds";
const bytesPerMb = 1024 * 1024;
/** What a shell reports for a program that was killed. */
const killedExitCode = 137;
const timeoutExitCode = 124;

const executed = answerOf(Schema.Struct({
  exitCode: Schema.Int,
  stdout: Schema.String,
  stderr: Schema.String,
  timedOut: Schema.Boolean,
  truncated: Schema.Boolean,
  durationMs: Schema.Number,
  stdoutBytes: Schema.Number,
  stderrBytes: Schema.Number,
  outputPath: Schema.optionalKey(Schema.String),
  worn: Schema.Boolean,
}));
const written = answerOf(Schema.Struct({ bytes: Schema.Int }));
const text = answerOf(Schema.Struct({ text: Schema.String, truncated: Schema.Boolean }));
const piece = answerOf(Schema.Struct({}));
const docstring = answerOf(Schema.Struct({ text: Schema.String }));
const changed = answerOf(Schema.Struct({
  files: Schema.Array(Schema.Struct({
    path: Schema.String,
    sizeBytes: Schema.Number,
    modifiedAtMs: Schema.Number,
  })),
}));

/** What every owner's sandbox shares. */
export interface WasmShared {
  readonly settings: SettingsService;
  readonly prepare: Effect.Effect<Prepared, SandboxError>;
  readonly workspaces: Workspaces;
  readonly tools: string | undefined;
  readonly skills: string | undefined;
}

const cut = (outcome: Partial<ExecutionOutcome> & Pick<ExecutionOutcome, "exitCode" | "durationMs" | "note">) => ({
  stdout: "",
  stderr: "",
  timedOut: false,
  truncated: false,
  oomKilled: false,
  stdoutBytes: 0,
  stderrBytes: 0,
  ...outcome,
});

/** Starts an owner's sandbox: its directories and a first process. */
export const startWasm = Effect.fnUntraced(
  function* (
    shared: WasmShared,
    owner: Owner,
    key: OwnerKey,
  ): Effect.fn.Return<SandboxHandle, SandboxError, Scope.Scope> {
    const { settings } = shared;
    const [prepared, workspace, temporary] = yield* Effect.all([
      shared.prepare,
      shared.workspaces.open(owner, key),
      shared.workspaces.temporary,
    ]);
    const options: GuestOptions = {
      workspace,
      temporary,
      ...(shared.tools === undefined ? {} : { tools: shared.tools }),
      ...(shared.skills === undefined ? {} : { skills: shared.skills }),
      snapshot: prepared.snapshot,
      outputBytesMax: settings.sandboxOutputBytesMax,
      fileBytesMax: settings.sandboxFileMb * bytesPerMb,
      workspaceBytesMax: settings.sandboxWorkspaceMb * bytesPerMb,
    };
    const scope = yield* Effect.scope;
    const turn = yield* Semaphore.make(1);
    let current: { readonly guest: Guest; readonly scope: Scope.Closeable } | undefined;

    const discard = Effect.suspend(() => {
      const old = current;
      current = undefined;
      return old === undefined ? Effect.void : Scope.close(old.scope, Exit.void);
    });
    /** The process, started when there is none; call it only in turn. */
    const guest = Effect.gen(function* () {
      if (current !== undefined && !current.guest.isGone()) return current.guest;
      yield* discard;
      const own = yield* Scope.fork(scope);
      const started = yield* startGuest(prepared, options, settings.sandboxMemoryMb).pipe(
        Scope.provide(own),
        Effect.onError(() => Scope.close(own, Exit.void)),
        Effect.mapError((gone) =>
          new SandboxError({ reason: new StartFailed(), detail: gone.detail, cause: gone.cause })
        ),
      );
      current = { guest: started, scope: own };
      return started;
    });
    const replace = Effect.andThen(discard, Effect.forkIn(Effect.ignore(Semaphore.withPermit(turn, guest)), scope));

    /** Asks in turn; whatever cuts the request short takes the process with it, for its answer would be the next one's. */
    const inTurn = <A, E>(use: (guest: Guest) => Effect.Effect<A, E>): Effect.Effect<A, E | SandboxError> =>
      Semaphore.withPermit(
        turn,
        Effect.flatMap(guest, (running) => use(running).pipe(Effect.onInterrupt(() => replace))),
      );

    const lost = (gone: GuestGone) =>
      Effect.andThen(replace, new SandboxError({ reason: new SandboxLost(), detail: gone.detail, cause: gone.cause }));

    const execute: SandboxHandle["execute"] = (request) =>
      inTurn((running) =>
        Effect.gen(function* () {
          const started = yield* Clock.currentTimeMillis;
          const sent: GuestRequest = { op: "execute", command: request.command, timeoutMs: request.timeoutMs };
          const elapsed = Effect.map(Clock.currentTimeMillis, (now) => now - started);
          return yield* running.ask(executed, sent).pipe(
            Effect.flatMap(({ head: { worn, ...outcome } }) => {
              request.onOutput?.("stdout", outcome.stdout);
              request.onOutput?.("stderr", outcome.stderr);
              const note = noteFor(outcome.stderr);
              const whole: ExecutionOutcome = { ...outcome, oomKilled: false, ...(note === undefined ? {} : { note }) };
              return Effect.as(worn ? replace : Effect.void, whole);
            }),
            Effect.timeout(request.timeoutMs + graceMs),
            Effect.catchTags({
              TimeoutError: () =>
                Effect.andThen(
                  replace,
                  Effect.map(elapsed, (durationMs) =>
                    cut({
                      exitCode: timeoutExitCode,
                      timedOut: true,
                      durationMs,
                      note:
                        "The command could not be interrupted and its process was killed; its output is lost, files are kept.",
                    })),
                ),
              GuestGone: (gone) =>
                gone.outOfMemory
                  ? Effect.andThen(
                    replace,
                    Effect.map(elapsed, (durationMs) =>
                      cut({
                        exitCode: killedExitCode,
                        oomKilled: true,
                        durationMs,
                        note: "The command used more memory than its process may; its output is lost, files are kept.",
                      })),
                  )
                  : lost(gone),
              GuestRefused: (refused) =>
                new SandboxError({ reason: new SandboxLost(), detail: `execute was refused: ${refused.why}` }),
            }),
          );
        })
      );

    const file = <A, B>(
      path: string,
      decode: AnswerDecoder<A>,
      request: GuestRequest,
      pick: (answer: { readonly head: A; readonly body: Uint8Array }) => B,
      body?: Uint8Array,
    ): Effect.Effect<B, SandboxError | FileError> =>
      inTurn((running) =>
        running.ask(decode, request, body).pipe(
          Effect.map(pick),
          Effect.timeout(fileTimeout),
          Effect.catchTags({
            TimeoutError: () =>
              Effect.andThen(
                replace,
                new SandboxError({
                  reason: new SandboxLost(),
                  detail: `${request.op} took longer than ${fileTimeout}`,
                }),
              ),
            GuestGone: lost,
            GuestRefused: ({ reason, why }) => new FileError({ path, reason, why }),
          }),
        )
      );

    const readPiece = (path: string, offset: number, length: number) =>
      file(path, piece, { op: "bytes", path, offset, length }, ({ body }) => body);

    const handle: SandboxHandle = {
      id: makeId("wasm"),
      execute,
      writeFile: (path, content) => file(path, written, { op: "write", path }, ({ head }) => head.bytes, content),
      readText: (path, { offset, lineCount }) =>
        file(path, text, { op: "text", path, offset, lineCount: lineCount ?? null }, ({ head }) => head),
      readBytes: (path, range) => {
        const end = range?.length === undefined ? Number.POSITIVE_INFINITY : range.offset + range.length;
        return Stream.paginate(range?.offset ?? 0, (offset) => {
          const wanted = Math.min(pieceBytes, end - offset);
          return Effect.map(readPiece(path, offset, wanted), (bytes) => {
            const next = offset + bytes.length;
            return [[bytes], bytes.length < wanted || next >= end ? Option.none() : Option.some(next)] as const;
          });
        });
      },
      readDocstring: (path, name) => file(path, docstring, { op: "docstring", path, name }, ({ head }) => head.text),
      changedFiles: (sinceMs, limit) =>
        file("/workspace", changed, { op: "changed", sinceMs, limit }, ({ head }) => head.files).pipe(
          Effect.catchTag(
            "FileError",
            (error) => new SandboxError({ reason: new SandboxLost(), detail: error.message }),
          ),
        ),
    };
    yield* Semaphore.withPermit(turn, guest);
    return handle;
  },
);
