/**
 * File operations on a link, each a request that ends with one answer or a bounded stream.
 */
import { Buffer } from "node:buffer";
import { Effect, Schema, Stream } from "effect";
import { headOf } from "../../../domain/cutText.ts";
import { pathBytes } from "../../../domain/pathText.ts";
import {
  type FileContent,
  type FileEntry,
  FileError,
  type FileText,
  type ReadTextOptions,
  type SandboxError,
} from "../../../services/Sandbox.ts";
import { withLastDeadline } from "./execute.ts";
import { toFileError } from "./fileErrors.ts";
import * as Frames from "./frames.ts";
import { type LinkSession, piecesOf } from "./LinkSession.ts";

/** What the file operations of one link have in common. */
export interface FilesContext {
  readonly session: LinkSession;
  /** Bytes of text that one read may return. */
  readonly textBytesMax: number;
  /** Wait for an answer, and for each piece of a stream, before the sandbox counts as lost. */
  readonly answerTimeoutMs: number;
}

const { Ask, Tell } = Frames;

/** Longest path the kernel takes. */
const pathBytesMax = 4096;
/** Longest path that a frame carries: what lies deeper than the kernel's longest is reached step by step. */
export const deepPathBytesMax = 0xffff;
/** What a frame that only answers may weigh beside its payload bound. */
export const answerSlackBytes = 1024;

const badPath = (path: string, why: string) => new FileError({ path, reason: "InvalidPath", why });

/** Encodes a path as `pathText` makes it, for the wire. *Fails with* `FileError`, reason `InvalidPath`. */
export const encodePath = (path: string, bytesMax = pathBytesMax): Effect.Effect<Uint8Array, FileError> => {
  const bytes = pathBytes(path);
  if (bytes.length === 0) return Effect.fail(badPath(path, "the path is empty"));
  if (bytes.includes(0)) return Effect.fail(badPath(path, "the path holds a NUL character"));
  if (bytes.length > bytesMax) return Effect.fail(badPath(path, "the path is too long"));
  return Effect.succeed(bytes);
};

/** What a file operation is called in the error of a supervisor that does not answer. */
const operation = "a file operation";

/**
 * Sends a request and waits for its one answer; interrupted, or when its sending fails, it tells the
 * supervisor to give up.
 *
 * *Details*: the wait for the answer is bounded from when all is sent: the sandbox is not to blame for a
 * slow source.
 */
export const request = (
  context: FilesContext,
  path: string,
  answerBytesMax: number,
  send: (id: number) => void | Effect.Effect<void, SandboxError | FileError>,
): Effect.Effect<Uint8Array, SandboxError | FileError> =>
  Effect.suspend(() => {
    const { session } = context;
    if (session.failure !== undefined) return Effect.fail(session.failure);
    let id = 0;
    let settle: (result: Effect.Effect<Uint8Array, SandboxError | FileError>) => void = () => {};
    let settled: Effect.Effect<Uint8Array, SandboxError | FileError> | undefined;
    const done = (result: Effect.Effect<Uint8Array, SandboxError | FileError>) => {
      session.release(id);
      settled = result;
      settle(result);
    };
    id = session.register({
      allowance: answerBytesMax + answerSlackBytes,
      onLost: (error) => done(Effect.fail(error)),
      onFrame: (kind, payload) => {
        if (kind === Tell.ok) {
          done(Effect.succeed(payload));
          return true;
        }
        const error = kind === Tell.error ? Frames.decodeError(payload) : undefined;
        if (error === undefined) return false;
        done(Effect.fail(toFileError(path, error)));
        return true;
      },
    });
    const answer = Effect.callback<Uint8Array, SandboxError | FileError>((resume) => {
      if (settled !== undefined) return resume(settled);
      settle = resume;
    });
    const sending = send(id);
    const within = withLastDeadline(session, context.answerTimeoutMs, operation);
    const answered = sending === undefined
      ? within(answer)
      : Effect.raceFirst(answer, Effect.andThen(sending, within(Effect.never)));
    return answered.pipe(
      Effect.onError(() =>
        Effect.sync(() => {
          if (session.release(id)) session.send(Ask.cancel, id);
        })
      ),
    );
  });

/** Sends content in pieces, as fast as the transport takes them, as long as anybody waits for the answer. */
export const sendPieces = Effect.fnUntraced(
  function* ({ session, answerTimeoutMs }: FilesContext, id: number, content: Uint8Array) {
    const drained = Effect.callback<void>((resume) => {
      const stop = session.whenDrained(() => resume(Effect.void));
      return Effect.sync(stop);
    }).pipe(withLastDeadline(session, answerTimeoutMs, operation));
    for (const piece of piecesOf(content)) {
      if (!session.isPending(id)) return;
      if (!session.send(Ask.chunk, id, piece)) yield* drained;
    }
  },
);

/** Writes a file; content of more than a piece goes in several, and so does a stream. */
export const writeFile = (context: FilesContext) => (path: string, content: FileContent) =>
  Effect.gen(function* () {
    const { session } = context;
    const name = yield* encodePath(path);
    let sent = 0;
    const send = (id: number, piece: Uint8Array) => {
      sent += piece.length;
      return sendPieces(context, id, piece);
    };
    const answer = yield* request(context, path, 0, (id) => {
      if (content instanceof Uint8Array && content.length <= Frames.pieceBytes) {
        sent = content.length;
        return void session.send(Ask.write, id, ...Frames.encodeWrite(name, true), content);
      }
      session.send(Ask.write, id, ...Frames.encodeWrite(name, false));
      const pieces = content instanceof Uint8Array
        ? send(id, content)
        : Stream.runForEach(content, (piece) => send(id, piece));
      return Effect.andThen(pieces, Effect.sync(() => void session.send(Ask.commit, id)));
    });
    return Frames.decodeCount(answer) ?? sent;
  });

/** The nearest whole number from 0 to `most`. */
export const wholeNumber = (value: number, most: number): number => Math.min(Math.max(0, Math.floor(value) || 0), most);

/** Reads lines of a file or entries of a directory. */
export const readText = (context: FilesContext) => (path: string, options: ReadTextOptions) =>
  Effect.gen(function* () {
    const name = yield* encodePath(path);
    const offset = wholeNumber(options.offset, Number.MAX_SAFE_INTEGER);
    const column = wholeNumber(options.column ?? 0, Number.MAX_SAFE_INTEGER);
    const count = options.lineCount === undefined
      ? Frames.allLines
      : wholeNumber(options.lineCount, Frames.allLines - 1);
    const answer = yield* request(
      context,
      path,
      context.textBytesMax,
      (id) =>
        void context.session.send(
          Ask.readText,
          id,
          ...Frames.encodeReadText(name, { offset, column, count }, context.textBytesMax),
        ),
    );
    return pageOf(answer.subarray(1), answer[0] ?? 0, { offset, column });
  });

/** Characters of what the supervisor says of a page. */
const noteCharsMax = 200;
/** Words for text that is shown in another way than it was written. */
const foreignNote =
  "This file is not UTF-8; it is shown as Windows-1252 (Latin-1), which is a guess. `iconv -f WINDOWS-1252 -t UTF-8` converts it.";

/** The page that an answer holds, where to read on, and whether its letters are a guess. */
const pageOf = (
  bytes: Uint8Array,
  flags: number,
  from: { readonly offset: number; readonly column: number },
): FileText => {
  const decoded = decodeLetters(bytes);
  if ((flags & Frames.PageFlag.onlyNote) !== 0) {
    return { text: "", truncated: false, note: headOf(decoded.text, noteCharsMax) };
  }
  if ((flags & Frames.PageFlag.moreFollows) === 0) return { ...decoded, truncated: false };
  const next = (flags & Frames.PageFlag.cutInLine) === 0
    ? { offset: from.offset + linesIn(decoded.text) }
    : { offset: from.offset, column: from.column + bytes.length };
  return { ...decoded, truncated: true, next };
};

const linesIn = (text: string): number => text.split("\n").length - (text === "" || text.endsWith("\n") ? 1 : 0);

const decodeLetters = (bytes: Uint8Array): { readonly text: string; readonly note?: string } => {
  try {
    return { text: new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(bytes) };
  } catch {
    // Not UTF-8; every byte is a letter in this encoding.
    return { text: new TextDecoder("windows-1252").decode(bytes), note: foreignNote };
  }
};

/** Measures the workspace, counting entries no further than `entriesMax`. */
export const usage =
  (context: FilesContext, workspace: string, broken: (detail: string) => SandboxError) =>
  (entriesMax: number): Effect.Effect<Frames.Usage, SandboxError | FileError> =>
    Effect.flatMap(
      request(
        context,
        workspace,
        answerSlackBytes,
        (id) => void context.session.send(Ask.usage, id, Frames.encodeUsage(wholeNumber(entriesMax, 0xffff_ffff))),
      ),
      (answer) => {
        const found = Frames.decodeUsage(answer);
        return found === undefined
          ? Effect.fail(broken("the size of the workspace is malformed"))
          : Effect.succeed(found);
      },
    );

/** Longest docstring the supervisor returns. */
const docstringBytesMax = 256 * 1024;

/** Looks a docstring up; see the port's `readDocstring`. */
export const readDocstring = (context: FilesContext) => (path: string, name: string) =>
  Effect.gen(function* () {
    const encoded = yield* encodePath(path);
    const answer = yield* request(
      context,
      path,
      docstringBytesMax,
      (id) =>
        void context.session.send(Ask.docstring, id, ...Frames.encodeDocstring(encoded, Buffer.from(name, "utf8"))),
    );
    return new TextDecoder().decode(answer);
  });

const decodeEntries = Schema.decodeUnknownEffect(
  Schema.fromJsonString(
    Schema.Array(Schema.Struct({
      path: Schema.String,
      sizeBytes: Schema.Finite,
      modifiedAtMs: Schema.Finite,
    })),
  ),
);

/** Entries one search for changes may return. */
const changedMax = 10_000;

/** Lists what changed in the workspace; see the port's `changedFiles`. */
export const changedFiles =
  (context: FilesContext, workspace: string, broken: (detail: string) => SandboxError) =>
  (sinceMs: number, limit: number): Effect.Effect<ReadonlyArray<FileEntry>, SandboxError> =>
    request(
      context,
      workspace,
      Frames.payloadBytesMax,
      (id) =>
        void context.session.send(
          Ask.changed,
          id,
          Frames.encodeChanged(wholeNumber(sinceMs, Number.MAX_SAFE_INTEGER), wholeNumber(limit, changedMax)),
        ),
    ).pipe(
      Effect.flatMap((answer) => decodeEntries(new TextDecoder().decode(answer))),
      Effect.catchTags({
        FileError: (error) => Effect.fail(broken(error.message)),
        SchemaError: () => Effect.fail(broken("the list of changed files is malformed")),
      }),
    );
