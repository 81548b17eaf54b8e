/**
 * The workspace as a whole over a link; see the port's `WorkspaceTree`.
 */
import { Buffer } from "node:buffer";
import { Effect, type Scope, Stream } from "effect";
import { pathBytes, pathText } from "../../../domain/pathText.ts";
import type { CopiedRange, Expected, PutBack, Tree, TreeEntry } from "../../../domain/WorkspaceTree.ts";
import type { FileError, SandboxError, WorkspaceTree } from "../../../services/Sandbox.ts";
import {
  deepPathBytesMax,
  encodePath,
  type FilesContext,
  request,
  sendPieces,
  usage,
  wholeNumber,
  writeFile,
} from "./files.ts";
import { Ask, decodeCount, encodeWrite } from "./frames.ts";
import { lost } from "./LinkSession.ts";
import { streamOf } from "./readBytes.ts";

/** Bytes of a list of a workspace, on both sides: a hundred thousand names of ordinary length. */
const listBytesMax = 16 * 1024 * 1024;

/** Kind, mode, size, two times, inode, two lengths. */
const recordBytes = 41;
const kinds: ReadonlyMap<number, TreeEntry["kind"]> = new Map([
  [1, "file"],
  [2, "link"],
  [3, "directory"],
  [4, "other"],
]);
/** Told by its name only: its path is longer than a record can tell. */
const unlistedRecord = 5;
const lastRecord = 255;

/** Decodes a list; undefined when it is malformed. */
export const decodeTree = (bytes: Uint8Array): Tree | undefined => {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Array<TreeEntry> = [];
  const unlisted: Array<string> = [];
  for (let at = 0; at + recordBytes <= body.length;) {
    const code = body.readUInt8(at);
    const mode = body.readUInt32BE(at + 1);
    if (code === lastRecord) {
      return at + recordBytes === body.length ? { entries, unlisted, isWhole: mode === 1 } : undefined;
    }
    const kind = kinds.get(code);
    const pathAt = at + recordBytes;
    const targetAt = pathAt + body.readUInt16BE(at + 37);
    const end = targetAt + body.readUInt16BE(at + 39);
    if (end > body.length) return undefined;
    const path = pathText(body.subarray(pathAt, targetAt));
    if (kind !== undefined) {
      const modifiedNs = body.readBigInt64BE(at + 13).toString();
      const sizeBytes = Number(body.readBigUInt64BE(at + 5));
      entries.push({
        path,
        kind,
        mode,
        sizeBytes,
        modifiedNs,
        version: `${sizeBytes} ${modifiedNs} ${body.readBigInt64BE(at + 21)} ${body.readBigUInt64BE(at + 29)}`,
        ...(kind === "link" && { target: pathText(body.subarray(targetAt, end)) }),
      });
    } else if (code === unlistedRecord) unlisted.push(path);
    else return undefined;
    at = end;
  }
  return undefined;
};

const encodeBounds = (entriesMax: number): Uint8Array => {
  const body = Buffer.allocUnsafe(8);
  body.writeUInt32BE(entriesMax, 0);
  body.writeUInt32BE(listBytesMax, 4);
  return body;
};

const stepCodes = { File: 1, Link: 2, Directory: 3, Remove: 4 } as const;
const expectedCodes = { Nothing: 0, Version: 1, Directory: 2 } as const;

const expectedOf = (step: PutBack): Expected => step._tag === "Directory" ? { _tag: "Nothing" } : step.expected;

const otherOf = (step: PutBack): string => step._tag === "File" ? step.source : step._tag === "Link" ? step.target : "";

/** Encodes a step as the supervisor takes it. */
const encodePutBack = (step: PutBack, path: Uint8Array): ReadonlyArray<Uint8Array> => {
  const expected = expectedOf(step);
  const other = pathBytes(otherOf(step));
  const [size = "0", modified = "0", changed = "0", inode = "0"] = expected._tag === "Version"
    ? expected.version.split(" ")
    : [];
  const head = Buffer.alloc(50);
  head[0] = stepCodes[step._tag];
  head[1] = expectedCodes[expected._tag];
  head.writeUInt32BE("mode" in step ? step.mode : 0, 2);
  head.writeBigInt64BE(step._tag === "File" ? BigInt(step.modifiedNs) : 0n, 6);
  head.writeBigUInt64BE(BigInt(size), 14);
  head.writeBigInt64BE(BigInt(modified), 22);
  head.writeBigInt64BE(BigInt(changed), 30);
  head.writeBigUInt64BE(BigInt(inode), 38);
  head.writeUInt16BE(path.length, 46);
  head.writeUInt16BE(other.length, 48);
  return [head, path, other];
};

/** Encodes a range to be copied to the write of an id. */
const encodeCopy = (write: number, { version, offset, length }: CopiedRange): Uint8Array => {
  const [size = "0", modified = "0", changed = "0", inode = "0"] = version.split(" ");
  const head = Buffer.allocUnsafe(52);
  head.writeUInt32BE(write, 0);
  head.writeBigUInt64BE(BigInt(offset), 4);
  head.writeBigUInt64BE(BigInt(length), 12);
  head.writeBigUInt64BE(BigInt(size), 20);
  head.writeBigInt64BE(BigInt(modified), 28);
  head.writeBigInt64BE(BigInt(changed), 36);
  head.writeBigUInt64BE(BigInt(inode), 44);
  return head;
};

/** Copies a range to the end of a write, and waits for that: what comes next must stand behind it. */
const copyRange = (context: FilesContext, write: number, range: CopiedRange) =>
  Effect.flatMap(
    encodePath(range.path, deepPathBytesMax),
    (path) =>
      request(
        context,
        range.path,
        0,
        (id) => void context.session.send(Ask.copy, id, encodeCopy(write, range), path),
      ),
  );

/** Puts a file together; see the port's `assemble`. */
const assemble = (context: FilesContext): WorkspaceTree["assemble"] => (path, parts) =>
  parts instanceof Uint8Array ? writeFile(context)(path, parts) : Effect.gen(function* () {
    const { session } = context;
    const name = yield* encodePath(path);
    const answer = yield* request(context, path, 0, (id) => {
      session.send(Ask.write, id, ...encodeWrite(name, false));
      const sent = Stream.runForEach(parts, (part): Effect.Effect<unknown, SandboxError | FileError> => {
        // A write that failed is answered already; what would follow has no place.
        if (!session.isPending(id)) return Effect.void;
        return part instanceof Uint8Array ? sendPieces(context, id, part) : copyRange(context, id, part);
      });
      return Effect.andThen(sent, Effect.sync(() => void session.send(Ask.commit, id)));
    });
    return decodeCount(answer) ?? 0;
  });

/** What a link offers of the whole workspace. */
export const workspaceTree = (context: FilesContext, workspace: string): WorkspaceTree => ({
  list: (entriesMax) =>
    Effect.scoped(Effect.gen(function* (): Effect.gen.Return<Tree, SandboxError | FileError, Scope.Scope> {
      const asked = encodeBounds(wholeNumber(entriesMax, 0xffff_ffff));
      const pieces = yield* streamOf(context, workspace, Ask.tree, [asked]);
      const collected: Array<Uint8Array> = [];
      let size = 0;
      yield* Stream.runForEach(pieces, (piece) => {
        size += piece.length;
        // The supervisor bounds it; what says more is not ours.
        if (size > 2 * listBytesMax) return Effect.fail(lost("the list of the workspace does not end"));
        return Effect.sync(() => void collected.push(piece));
      });
      return decodeTree(Buffer.concat(collected)) ?? (yield* lost("the list of the workspace is malformed"));
    })),
  room: Effect.map(usage(context, workspace, lost)(0), ({ freeBytes }) => freeBytes),
  assemble: assemble(context),
  putBack: (step) =>
    Effect.flatMap(
      encodePath(step.path, deepPathBytesMax),
      (path) =>
        Effect.asVoid(
          request(
            context,
            step.path,
            0,
            (id) => void context.session.send(Ask.putBack, id, ...encodePutBack(step, path)),
          ),
        ),
    ),
});
