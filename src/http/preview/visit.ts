/**
 * One visit of a preview: one request, its answer, and the end of the connection.
 *
 * Nothing of a visitor is kept waiting in memory beyond the window of its stream: each side is read as fast as the
 * other takes.
 */
import { Buffer } from "node:buffer";
import { Clock, Deferred, Duration, Effect, type Scope } from "effect";
import type { HttpBody } from "../../domain/httpBody.ts";
import { headEnd } from "../../domain/httpHead.ts";
import type { SandboxError, SandboxService, SandboxStream, StreamError } from "../../services/Sandbox.ts";
import { type PreviewOrigin, previewUrl } from "../../domain/PreviewOrigin.ts";
import { readLabel } from "./labels.ts";
import type { OwnerStreams } from "./OwnerStreams.ts";
import type { PreviewEntry, PreviewTable } from "./PreviewTable.ts";
import {
  answerOf,
  badRequest,
  bodyTooLarge,
  crowded,
  headTooLarge,
  linkRefusals,
  noAnswer,
  noHttp,
  tooSlow,
  unreachable,
  type VisitEnded,
} from "./refusals.ts";
import { readVisit, type VisitRequest } from "./requestHead.ts";
import { answerHeadEnd, readAnswer } from "./responseHead.ts";
import type { VisitCounts } from "./VisitCounts.ts";
import { type Visitor, VisitorGone } from "./Visitor.ts";

/** Longest head of a request, in bytes: cookies are the most of it. */
const requestHeadBytesMax = 32 * 1024;
/** Longest head of an answer, in bytes. */
const answerHeadBytesMax = 64 * 1024;
/** Interim answers before the real one: a program that sends more sends no answer. */
const interimMax = 16;
/** Bytes that a visitor may send behind its request before it is let go. */
const strayBytesMax = 64 * 1024;

/** How long a visit waits for what. */
export interface VisitWaits {
  /** For the head of the request to arrive as a whole. */
  readonly head: Duration.Duration;
  /** For a place among the streams of the owner. */
  readonly place: Duration.Duration;
  /** For more of a body that is on its way. */
  readonly body: Duration.Duration;
  /** For the head of an answer: programs may have to compute it. */
  readonly answer: Duration.Duration;
  /** For a visitor that does not read to read something. */
  readonly reading: Duration.Duration;
  /** For a visitor to close when it has everything, and for the other way when one way of a WebSocket has ended. */
  readonly closing: Duration.Duration;
}

/** The waits of a server. */
export const visitWaits: VisitWaits = {
  head: Duration.seconds(30),
  place: Duration.seconds(10),
  body: Duration.seconds(60),
  answer: Duration.minutes(10),
  reading: Duration.seconds(60),
  closing: Duration.seconds(2),
};

/** What all visits of a server share. */
export interface VisitContext {
  readonly key: Uint8Array;
  readonly table: PreviewTable;
  readonly streams: OwnerStreams;
  readonly counts: VisitCounts;
  readonly dial: NonNullable<SandboxService["dial"]>;
  readonly origin: PreviewOrigin;
  readonly bodyBytesMax: number;
  readonly waits: VisitWaits;
}

type Failure = VisitEnded | VisitorGone | StreamError | SandboxError;

const visitorGone = Effect.failSync(() => new VisitorGone());

/** Writes all bytes to a visitor, who must take some of them now and then. */
const writeTo = (visitor: Visitor, { reading }: VisitWaits) => (bytes: Uint8Array): Effect.Effect<void, VisitorGone> =>
  Effect.gen(function* () {
    for (let at = 0; at < bytes.length;) {
      at += yield* Effect.timeoutOrElse(visitor.writeSome(at === 0 ? bytes : bytes.subarray(at)), {
        duration: reading,
        orElse: () => visitorGone,
      });
    }
  });

/** Bytes up to the end of a head, and what came behind it. */
const readHead = <E>(
  read: Effect.Effect<Uint8Array | undefined, E>,
  first: Uint8Array,
  options: {
    readonly endOf: (bytes: Uint8Array) => number | undefined;
    readonly bytesMax: number;
    readonly cut: () => VisitEnded | VisitorGone;
    readonly tooLarge: () => VisitEnded;
  },
): Effect.Effect<{ readonly head: Uint8Array; readonly rest: Uint8Array }, E | VisitEnded | VisitorGone> =>
  Effect.gen(function* () {
    let bytes = first;
    for (;;) {
      const end = options.endOf(bytes);
      if (end !== undefined && end <= options.bytesMax) {
        return { head: bytes.subarray(0, end), rest: bytes.subarray(end) };
      }
      if (bytes.length > options.bytesMax) return yield* options.tooLarge();
      const piece = yield* read;
      if (piece === undefined) return yield* Effect.fail(options.cut());
      bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
    }
  });

/** Whose preview a label opens. */
const entryOf = Effect.fnUntraced(function* ({ key, table }: VisitContext, label: string) {
  const verdict = readLabel(key, label, yield* Clock.currentTimeMillis);
  if (verdict._tag !== "Valid") return yield* linkRefusals[verdict._tag]();
  const entry = table.find(verdict.id);
  return entry === undefined || entry.port !== verdict.port ? yield* linkRefusals.Revoked() : entry;
});

/** A stream to the port of a preview, among those that its owner may have. */
const connect = Effect.fnUntraced(function* (
  { streams, dial, waits }: VisitContext,
  { owner, key, port }: PreviewEntry,
): Effect.fn.Return<SandboxStream, VisitEnded, Scope.Scope> {
  const taken = yield* Effect.timeoutOrElse(streams.take(key), {
    duration: waits.place,
    orElse: () => Effect.succeed(false),
  });
  if (!taken) return yield* crowded();
  return yield* Effect.mapError(dial(owner, port), (error) => unreachable(port, error));
});

/** Sends the body of a request on; what a visitor sends behind it is no part of it. */
const sendBody = Effect.fnUntraced(function* (
  context: VisitContext,
  visitor: Visitor,
  stream: SandboxStream,
  body: HttpBody,
  first: Uint8Array,
) {
  let sent = 0;
  for (let piece = first;;) {
    const length = body.take(piece);
    if (length === undefined) return yield* badRequest(400, "the body of the request is malformed");
    sent += length;
    if (sent > context.bodyBytesMax) return yield* bodyTooLarge();
    if (length > 0) yield* stream.write(piece.subarray(0, length));
    if (body.isOver()) return;
    const next = yield* Effect.timeoutOrElse(visitor.read, {
      duration: context.waits.body,
      orElse: () => Effect.fail(tooSlow()),
    });
    if (next === undefined) return yield* visitorGone;
    piece = next;
  }
});

/** Reads on from a visitor whose request is here, only to see it leave. */
const untilItLeaves = (visitor: Visitor): Effect.Effect<never, VisitorGone> =>
  Effect.gen(function* () {
    let stray = 0;
    for (let piece = yield* visitor.read; piece !== undefined; piece = yield* visitor.read) {
      stray += piece.length;
      if (stray > strayBytesMax) break;
    }
    return yield* visitorGone;
  });

/** Carries what comes from the visitor after its request: nothing, until both have agreed to speak freely. */
const freely = Effect.fnUntraced(function* (
  visitor: Visitor,
  stream: SandboxStream,
  first: Uint8Array,
  switched: Deferred.Deferred<void>,
) {
  for (let piece: Uint8Array | undefined = first; piece !== undefined; piece = yield* visitor.read) {
    if (piece.length === 0) continue;
    yield* Deferred.await(switched);
    yield* stream.write(piece);
  }
  if (!(yield* Deferred.isDone(switched))) return yield* visitorGone;
  yield* stream.end;
});

/** Carries the body of an answer, to the end that its framing says or that the program makes. */
const carryBody = Effect.fnUntraced(function* (
  read: SandboxStream["read"],
  write: (bytes: Uint8Array) => Effect.Effect<void, VisitorGone>,
  body: HttpBody | undefined,
  first: Uint8Array,
) {
  for (let piece: Uint8Array | undefined = first; piece !== undefined; piece = yield* read) {
    const length = body?.take(piece) ?? (body === undefined ? piece.length : undefined);
    // The answer has begun: nothing can be said any more but that it ends too early.
    if (length === undefined) return yield* visitorGone;
    if (length > 0) yield* write(length === piece.length ? piece : piece.subarray(0, length));
    if (body?.isOver() === true) return;
  }
  if (body !== undefined) return yield* visitorGone;
});

/** What one visit knows of itself. */
interface Visiting {
  readonly context: VisitContext;
  readonly visitor: Visitor;
  readonly request: VisitRequest;
  readonly entry: PreviewEntry;
  /** The answer of the program is on its way: nothing of ours can be said any more. */
  hasBegun: boolean;
}

/** Carries the answer of the program. */
const answer = Effect.fnUntraced(function* (
  visiting: Visiting,
  stream: SandboxStream,
  switched: Deferred.Deferred<void>,
) {
  const { visitor, request, entry: { port }, context: { origin, waits } } = visiting;
  const write = writeTo(visitor, waits);
  const url = previewUrl(origin, request.label).slice(0, -1);
  const asked = { method: request.method, isUpgrade: request.isUpgrade, port, origin: url };
  let rest: Uint8Array = new Uint8Array(0);
  for (let heads = 0; heads <= interimMax; heads++) {
    const found = yield* readHead(stream.read, rest, {
      endOf: answerHeadEnd,
      bytesMax: answerHeadBytesMax,
      cut: () => noHttp(port),
      tooLarge: () => noHttp(port),
    }).pipe(Effect.timeoutOrElse({ duration: waits.answer, orElse: () => Effect.fail(noAnswer(port)) }));
    const read = readAnswer(found.head, asked);
    if (read === undefined) return yield* noHttp(port);
    rest = found.rest;
    if (read._tag === "Interim") continue;
    visiting.hasBegun = true;
    yield* write(read.head);
    if (read._tag === "Final") {
      return yield* carryBody(stream.read, write, read.body, rest);
    }
    yield* Deferred.succeed(switched, undefined);
    yield* carryBody(stream.read, write, undefined, rest);
    return yield* visitor.end;
  }
  return yield* noHttp(port);
});

const noBody: Uint8Array = new Uint8Array(0);
const continues = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n", "latin1");

/** Carries one request and its answer; `rest` is what came behind the head of the request. */
const carry = Effect.fnUntraced(function* (visiting: Visiting, rest: Uint8Array) {
  const { context, visitor, request, entry } = visiting;
  const { port } = entry;
  const stream = yield* connect(context, entry);
  const broken = (error: Failure) =>
    error._tag === "StreamError" || error._tag === "SandboxError" ? unreachable(port, error) : error;
  const switched = yield* Deferred.make<void>();
  const up: Effect.Effect<void, Failure> = Effect.gen(function* () {
    yield* stream.write(request.headFor(port));
    if (request.isUpgrade) return yield* freely(visitor, stream, rest, switched);
    if (request.awaitsContinue) yield* writeTo(visitor, context.waits)(continues);
    yield* sendBody(context, visitor, stream, request.body, rest);
    return yield* untilItLeaves(visitor);
  });
  // What the program says of a request that it did not take as a whole is read too.
  const upOrAnswer = Effect.catchTag(up, "StreamError", () => Effect.never);
  const down = answer(visiting, stream, switched);
  const isOpen = Deferred.isDone(switched);
  const lingers = Effect.flatMap(isOpen, (open) => open ? Effect.sleep(context.waits.closing) : Effect.never);
  const both = request.isUpgrade
    ? Effect.raceFirst(down, Effect.andThen(upOrAnswer, lingers))
    : Effect.raceFirst(down, upOrAnswer);
  yield* Effect.mapError(both, broken);
});

/** Ends a visit when its preview does: at its time, or when it is taken back. */
const untilItEnds = ({ table }: VisitContext, entry: PreviewEntry) =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    Effect.raceFirst(
      Effect.sleep(Math.max(0, entry.expiresSeconds * 1000 - nowMs)),
      Effect.callback<void>((resume) => {
        if (table.find(entry.id) !== entry) return resume(Effect.void);
        const told = () => resume(Effect.void);
        entry.onEnd.add(told);
        return Effect.sync(() => void entry.onEnd.delete(told));
      }),
    ));

/**
 * Serves one connection of a visitor to its end; it never fails.
 *
 * *Details*: a label that opens nothing, a port on which nothing listens, and a sandbox that does not run are told in
 * words; a sandbox is never started. An answer that has begun and cannot go on ends with the connection.
 */
export const visit = (context: VisitContext, visitor: Visitor): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { waits } = context;
    let visiting: Visiting | undefined;
    const work = Effect.gen(function* () {
      const { head, rest } = yield* readHead(visitor.read, noBody, {
        endOf: headEnd,
        bytesMax: requestHeadBytesMax,
        cut: () => new VisitorGone(),
        tooLarge: headTooLarge,
      }).pipe(Effect.timeoutOrElse({ duration: waits.head, orElse: () => Effect.fail(tooSlow()) }));
      const request = readVisit(head, context.origin.suffix, context.bodyBytesMax);
      if (request._tag === "Refused") return yield* badRequest(request.status, request.why);
      const entry = yield* entryOf(context, request.label);
      visiting = { context, visitor, request, entry, hasBegun: false };
      yield* Effect.raceFirst(Effect.scoped(carry(visiting, rest)), untilItEnds(context, entry));
    });
    const told = (ended: VisitEnded) => {
      if (visiting?.hasBegun === true) return visitorGone;
      context.counts.refuse(ended.name);
      return writeTo(visitor, waits)(answerOf(ended));
    };
    yield* Effect.catchTag(work, "VisitEnded", told);
    // Closing on bytes that nobody read would take the end of the answer away.
    yield* visitor.end;
    yield* Effect.timeoutOption(untilItLeaves(visitor), waits.closing);
  }).pipe(Effect.catchTag("VisitorGone", () => Effect.void));
