/**
 * Reading the body of a request: bounded in size, in time, and in what all of them hold together.
 *
 * Both doors read here and nowhere else.
 */
import { ByteSize, Context, Duration, Effect, Layer, Result, Stream } from "effect";
import { HttpIncomingMessage, HttpServerError, type HttpServerRequest } from "effect/http";
import {
  type BodyError,
  BodyNotUtf8,
  BodyTimedOut,
  BodyTooLarge,
  BodyUnreadable,
  type JsonError,
  MalformedJson,
  TooManyBodies,
  UnsupportedEncoding,
  UnsupportedMediaType,
} from "./BodyError.ts";
import { JsonLook } from "./jsonBounds.ts";
import { loopTurn, stepLength } from "./loopTurn.ts";

type Request = HttpServerRequest.HttpServerRequest;

/** Bodies up to this size, in bytes, are read at once and counted nowhere: nearly all are. */
const smallBytesMax = 64 * 1024;
/** What larger bodies that are still arriving may hold together, in bytes: eight of the largest. */
const arrivingBytesMax = 256 * 1024 * 1024;
/** How often it is looked whether a large body still arrives, in milliseconds. */
const lookMs = 5_000;
/** Bytes that a large body must bring in a second, looked at every time; a modem's line has more. */
const bytesPerSecondMin = 4 * 1024;
/** Characters of a JSON text above which others get a turn between its reading, its check and its parsing. */
const longTextMin = 256 * 1024;

/** What a body is read as. */
export interface BodyOptions {
  readonly bytesMax: number;
  /** A body that does not say its type is refused: a page can send one without asking. */
  readonly typed?: boolean;
}

/** What reading bytes of any type fails with. */
export type BytesError = Exclude<BodyError, UnsupportedMediaType | BodyNotUtf8>;

/** Reads bodies within what all of them may hold together. */
export interface BodiesService {
  /**
   * Reads the bytes of a body.
   *
   * *Fails with* `BodyTooLarge`, `UnsupportedEncoding` for a compressed one, `BodyTimedOut` when it arrives too
   * slowly, `TooManyBodies` when too many large ones arrive at once, `BodyUnreadable` when it breaks off.
   */
  readonly bytes: (request: Request, options: BodyOptions) => Effect.Effect<Uint8Array<ArrayBuffer>, BytesError>;
  /**
   * The bytes of a body as they arrive, no faster than they are taken, so that none are held.
   *
   * *Details*: a body that declares too much is refused before it is read; one that sends too much ends with the
   * error. Time in which nobody takes anything is not the sender's.
   *
   * *Fails with* what {@link bytes} fails with but `TooManyBodies`.
   */
  readonly stream: (
    request: Request,
    options: BodyOptions,
  ) => Effect.Effect<Stream.Stream<Uint8Array, BytesError>, BytesError>;
  /** Reads the text of a JSON body. *Fails with* `UnsupportedMediaType` besides what {@link bytes} fails with. */
  readonly text: (request: Request, options: BodyOptions) => Effect.Effect<string, BodyError>;
}

const json = /^application\/(?:[\w.+-]{1,100}\+)?json[ \t]*(?:;|$)/i;

/** Whether a content type is JSON's. */
export const isJsonType = (contentType: string): boolean => json.test(contentType.trim());

const readError = (bytesMax: number) => (error: unknown): BytesError =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RequestParseError" &&
    error.reason.reason === "BodyTooLarge"
    ? new BodyTooLarge({ bytesMax })
    : new BodyUnreadable();

/** What the headers alone say of a body: its length where it is told. */
const declaredLength = Effect.fnUntraced(function* ({ headers }: Request, bytesMax: number) {
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "") return yield* new UnsupportedEncoding({ encoding });
  const length = headers["content-length"];
  if (length === undefined) return headers["transfer-encoding"] === undefined ? 0 : undefined;
  return Number(length) > bytesMax ? yield* new BodyTooLarge({ bytesMax }) : Number(length);
});

/** Bodies that are still arriving, and what they hold. */
class Arriving {
  #bytes = 0;

  /** Counts bytes that arrived; false when there is no room for them. */
  take(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes <= arrivingBytesMax;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** Bytes that a large body must bring between two looks. */
const bytesBetweenLooksMin = bytesPerSecondMin * lookMs / 1000;

/** Fails when fewer bytes arrive than a line must bring. */
const pace = (received: () => number): Effect.Effect<never, BodyTimedOut> =>
  Effect.gen(function* () {
    for (let before = 0;;) {
      yield* Effect.sleep(lookMs);
      const now = received();
      if (now - before < bytesBetweenLooksMin) return yield* new BodyTimedOut({ bytesPerSecondMin });
      before = now;
    }
  });

/** A body that passes through: nothing of it is kept, and only time in which somebody waits for it counts. */
const passing = (request: Request, bytesMax: number): Stream.Stream<Uint8Array, BytesError> =>
  Stream.transformPull(Stream.mapError(request.stream, readError(bytesMax)), (pull) =>
    Effect.sync(() => {
      let [received, receivedBefore, waitedMs] = [0, 0, 0];
      const late = () => new BodyTimedOut({ bytesPerSecondMin });
      /** What is wrong with the body after another batch of it. */
      const check = (batch: ReadonlyArray<Uint8Array>, waited: Duration.Duration): BytesError | undefined => {
        for (const piece of batch) received += piece.length;
        if (received > bytesMax) return new BodyTooLarge({ bytesMax });
        waitedMs += Duration.toMillis(waited);
        if (waitedMs < lookMs) return undefined;
        if (received - receivedBefore < bytesBetweenLooksMin) return late();
        [receivedBefore, waitedMs] = [received, 0];
        return undefined;
      };
      return Effect.gen(function* () {
        const awaited = Effect.timeoutOrElse(pull, { duration: lookMs, orElse: () => Effect.fail(late()) });
        const [waited, batch] = yield* Effect.timed(awaited);
        const wrong = check(batch, waited);
        return wrong === undefined ? batch : yield* wrong;
      });
    }));

const concat = ({ pieces, length }: Arrived): Uint8Array<ArrayBuffer> => {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
};

/** A body in the pieces that it arrived in. */
interface Arrived {
  readonly pieces: ReadonlyArray<Uint8Array>;
  readonly length: number;
}

/** Reads a body of which nobody knows how long it takes. */
const readLarge = (arriving: Arriving, request: Request, bytesMax: number): Effect.Effect<Arrived, BytesError> =>
  Effect.suspend(() => {
    const pieces: Array<Uint8Array> = [];
    let received = 0;
    const keep = (batch: ReadonlyArray<Uint8Array>): Effect.Effect<void, BytesError> => {
      for (const piece of batch) {
        received += piece.length;
        if (received > bytesMax) return Effect.fail(new BodyTooLarge({ bytesMax }));
        pieces.push(piece);
        if (!arriving.take(piece.length)) return Effect.fail(new TooManyBodies());
      }
      return Effect.void;
    };
    const read = request.stream.pipe(
      Stream.mapError(readError(bytesMax)),
      Stream.runForEachArray(keep),
      Effect.map(() => ({ pieces, length: received })),
    );
    return Effect.raceFirst(read, pace(() => received)).pipe(
      Effect.ensuring(Effect.sync(() => arriving.release(pieces.reduce((sum, piece) => sum + piece.length, 0)))),
    );
  });

/** Reads bodies. */
export class Bodies extends Context.Service<Bodies, BodiesService>()("caisson/web/Bodies") {
  /** One count for everything that is read through it. */
  static readonly layer: Layer.Layer<Bodies> = Layer.sync(Bodies, () => {
    const arriving = new Arriving();

    const bytes = Effect.fnUntraced(function* (request: Request, { bytesMax }: BodyOptions) {
      const length = yield* declaredLength(request, bytesMax);
      if (length === undefined || length > smallBytesMax) return concat(yield* readLarge(arriving, request, bytesMax));
      const buffer = yield* bounded(request.arrayBuffer, bytesMax);
      return new Uint8Array(buffer);
    });

    const stream = Effect.fnUntraced(function* (request: Request, { bytesMax }: BodyOptions) {
      yield* declaredLength(request, bytesMax);
      return passing(request, bytesMax);
    });

    const text = Effect.fnUntraced(function* (request: Request, { bytesMax, typed = false }: BodyOptions) {
      const contentType = request.headers["content-type"] ?? "";
      if (!isJsonType(contentType) && (typed || contentType !== "")) {
        return yield* new UnsupportedMediaType({ contentType });
      }
      const length = yield* declaredLength(request, bytesMax);
      const isSmall = length !== undefined && length <= smallBytesMax;
      if (!isSmall) return yield* decodeInSteps(yield* readLarge(arriving, request, bytesMax));
      const all = new Uint8Array(yield* bounded(request.arrayBuffer, bytesMax));
      return yield* Result.match(decodeUtf8(all), { onSuccess: Effect.succeed, onFailure: notUtf8 });
    });

    return { bytes, stream, text };
  });
}

/** One for all: it keeps nothing between two texts. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

const decodeUtf8 = (bytes: Uint8Array): Result.Result<string, unknown> => Result.try(() => utf8.decode(bytes));

const notUtf8 = (): Effect.Effect<never, BodyNotUtf8> => Effect.fail(new BodyNotUtf8());

/** Decodes a large body, a bounded part of it at a time. */
const decodeInSteps = Effect.fnUntraced(function* ({ pieces }: Arrived): Effect.fn.Return<string, BodyNotUtf8> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let ofStep = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += stepLength) {
      const part = piece.subarray(at, at + stepLength);
      ofStep += part.length;
      if (ofStep > stepLength) {
        ofStep = part.length;
        yield* loopTurn;
      }
      const decoded = Result.try(() => decoder.decode(part, { stream: true }));
      if (Result.isFailure(decoded)) return yield* notUtf8();
      text += decoded.success;
    }
  }
  const rest = Result.try(() => decoder.decode());
  return Result.isSuccess(rest) ? text + rest.success : yield* notUtf8();
});

const bounded = <A, E>(read: Effect.Effect<A, E>, bytesMax: number): Effect.Effect<A, BytesError> =>
  Effect.mapError(
    Effect.provideService(read, HttpIncomingMessage.MaxBodySize, ByteSize.bytes(bytesMax)),
    readError(bytesMax),
  );

/** The engine's own parser alone: a schema around it would make ten times its work of a small body. */
const parse = (text: string): Result.Result<unknown, unknown> => Result.try((): unknown => JSON.parse(text));

/**
 * Parses the text of a JSON body.
 *
 * *Details*: its structure is bounded before anything is made of it; others get a turn between the steps
 * of a long one.
 *
 * *Fails with* `JsonTooComplex`, `MalformedJson`.
 */
export const parseJson = Effect.fnUntraced(function* (text: string): Effect.fn.Return<unknown, JsonError> {
  const isLong = text.length > longTextMin;
  // A timer's millisecond is worth it only where steps are many.
  const turn = text.length > stepLength ? loopTurn : Effect.yieldNow;
  const look = new JsonLook(text);
  do {
    if (isLong) yield* turn;
    look.step(stepLength);
  } while (!look.isOver);
  if (look.passed !== undefined) return yield* look.passed;
  if (isLong) yield* turn;
  const parsed = parse(text);
  if (Result.isFailure(parsed)) return yield* new MalformedJson();
  if (isLong) yield* turn;
  return parsed.success;
});
