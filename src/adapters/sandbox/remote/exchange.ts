/**
 * One private request to the tool server and its answer, over HTTP.
 */
import { type Duration, Effect, type Option, type Redacted, Schema, Stream } from "effect";
import { type HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http";
import type { Owner } from "../../../domain/Owner.ts";
import type { FilePart } from "../../../domain/WorkspaceTree.ts";
import {
  type FileContent,
  FileError,
  NoCapacity,
  RuntimeUnavailable,
  SandboxError,
  SandboxLost,
} from "../../../services/Sandbox.ts";
import {
  encodeFrame,
  encodeJsonFrame,
  type Frame,
  framesMediaType,
  framesOf,
} from "../../../services/sandboxFrames.ts";
import { SandboxFailure, type SandboxMethodName, sandboxProtocol } from "../../../services/sandboxProtocol.ts";
import { askingOwner, callerHeaders } from "../../../services/toolServerCaller.ts";

/** Everything a request fails with. */
export type ExchangeError = SandboxError | FileError;

/** Where requests go, and with which credential. */
export interface Exchange {
  readonly client: HttpClient.HttpClient;
  /** For bodies that go on under their answer: no piece of one waits for what was sent before to be acknowledged. */
  readonly duplex: HttpClient.HttpClient;
  /** The address of the MCP server; the requests stand beside it. */
  readonly mcpUrl: string;
  readonly key: Option.Option<Redacted.Redacted<string>>;
}

/** Makes the error of a server that cannot be worked with. */
export const unavailable = (detail: string, cause?: unknown): SandboxError =>
  new SandboxError({ reason: new RuntimeUnavailable(), detail, ...(cause !== undefined && { cause }) });

const lost = (detail: string, cause?: unknown): SandboxError =>
  new SandboxError({ reason: new SandboxLost(), detail, ...(cause !== undefined && { cause }) });

const failedAt = ({ reason }: HttpClientError.HttpClientError) =>
  reason._tag === "TransportError"
    ? unavailable("the tool server cannot be reached", reason)
    : lost("the tool server was lost under a request", reason);

/** Bytes of a file in one frame. */
const pieceBytes = 64 * 1024;

/** What follows the arguments of a request: the content of a file, or the parts that one is put together from. */
export type Sent = FileContent | Stream.Stream<FilePart, ExchangeError>;

const piecesOf = (content: Sent): Stream.Stream<FilePart, ExchangeError> =>
  content instanceof Uint8Array
    ? Stream.fromIterable(Array.from(
      { length: Math.ceil(content.length / pieceBytes) },
      (_, n) => content.subarray(n * pieceBytes, (n + 1) * pieceBytes),
    ))
    : content;

const endFrame = encodeJsonFrame("end", {});

/** The body of a request with a file in it; `failed` hears of a content that broke, which HTTP cannot carry. */
const fileBody = (args: Uint8Array, content: Sent, failed: (error: ExchangeError) => void) =>
  Stream.make(args).pipe(
    Stream.concat(Stream.map(piecesOf(content), (piece) =>
      piece instanceof Uint8Array ? encodeFrame("bytes", piece) : encodeJsonFrame("message", piece))),
    Stream.concat(Stream.make(endFrame)),
    Stream.tapError((error) =>
      Effect.sync(() => failed(error))
    ),
  );

/** A status that is no answer in frames, as an error. */
const refusal = ({ status }: HttpClientResponse.HttpClientResponse): SandboxError => {
  switch (status) {
    case 401:
    case 403:
      return unavailable(`the tool server refuses this process: status ${status}; CAISSON_MCP_API_KEY is its key`);
    case 429:
      return new SandboxError({
        reason: new NoCapacity({ scope: "principal", limit: 0 }),
        detail: "the tool server's rate limit for this process is reached",
      });
    default:
      return unavailable(`the tool server answered a private request with status ${status}`);
  }
};

type WithBody = (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest;

/** The frames of the answer to a request in an owner's name. */
const asked = Effect.fnUntraced(function* (
  { mcpUrl, key }: Exchange,
  client: HttpClient.HttpClient,
  owner: Owner,
  name: SandboxMethodName,
  withBody: WithBody,
): Effect.fn.Return<Stream.Stream<Frame, SandboxError>, HttpClientError.HttpClientError | SandboxError> {
  const { path, version } = sandboxProtocol;
  const request = HttpClientRequest.post(new URL(`${path}/v${version}/${name}`, mcpUrl)).pipe(
    HttpClientRequest.setHeaders(callerHeaders(askingOwner(owner), key)),
    withBody,
  );
  const response = yield* client.execute(request);
  if (response.status !== 200) return yield* refusal(response);
  return Stream.mapError(framesOf(response.stream), (error) => lost("an answer broke off", error.reason));
});

const streamed = <E>(body: Stream.Stream<Uint8Array, E>): WithBody =>
  HttpClientRequest.bodyStream(body, { contentType: framesMediaType });

/** The frames of an answer, from one request in an owner's name. */
export const send = (
  exchange: Exchange,
  owner: Owner,
  name: SandboxMethodName,
  args: unknown,
  content?: Sent,
): Effect.Effect<Stream.Stream<Frame, SandboxError>, ExchangeError> => {
  const head = encodeJsonFrame("message", args);
  let broken: ExchangeError | undefined;
  const withBody = content === undefined
    ? HttpClientRequest.bodyUint8Array(head, framesMediaType)
    : streamed(fileBody(head, content, (error) => {
      broken = error;
    }));
  return Effect.catchTag(
    asked(exchange, exchange.client, owner, name, withBody),
    "HttpClientError",
    (error) => Effect.fail(broken ?? failedAt(error)),
  );
};

/** The same with frames of the caller's own behind the arguments; the answer may begin before they end. */
export const sendFrames = (
  exchange: Exchange,
  owner: Owner,
  name: SandboxMethodName,
  args: unknown,
  frames: Stream.Stream<Uint8Array>,
): Effect.Effect<Stream.Stream<Frame, SandboxError>, SandboxError> =>
  Effect.catchTag(
    asked(
      exchange,
      exchange.duplex,
      owner,
      name,
      streamed(Stream.concat(Stream.make(encodeJsonFrame("message", args)), frames)),
    ),
    "HttpClientError",
    (error) => Effect.fail(failedAt(error)),
  );

const decodeFailure = Schema.decodeUnknownEffect(Schema.fromJsonString(SandboxFailure));

const failureIn = (payload: Uint8Array): Effect.Effect<never, ExchangeError> =>
  decodeFailure(new TextDecoder().decode(payload)).pipe(
    Effect.mapError((error) => unavailable("the tool server's failure is not in its own form", error)),
    Effect.flatMap((failure) =>
      Effect.fail(
        failure._tag === "FileError"
          ? new FileError(failure)
          : new SandboxError({ reason: failure.reason, detail: "the sandbox of the tool server failed" }),
      )
    ),
  );

/** Decodes the payload of a frame. */
export const decoderOf = <S extends Schema.ConstraintCodec<unknown, unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(schema));
  return (payload: Uint8Array): Effect.Effect<S["Type"], SandboxError, S["DecodingServices"]> =>
    Effect.mapError(
      decode(new TextDecoder().decode(payload)),
      (error) => unavailable("the tool server's answer is not in its own form", error),
    );
};

/**
 * The frames of an answer up to its result, which is the last; a failure in it becomes the stream's.
 *
 * *Details*: each frame must come within `silenceMax` of the one before.
 */
export const answered = (
  frames: Stream.Stream<Frame, SandboxError>,
  silenceMax: Duration.Input,
): Stream.Stream<Frame, ExchangeError> => {
  let isWhole = false;
  return frames.pipe(
    Stream.timeoutOrElse({
      duration: silenceMax,
      orElse: () => Stream.fail(lost("the tool server fell silent under a request")),
    }),
    Stream.takeUntil(({ kind }) => kind === "end"),
    Stream.mapEffect((frame): Effect.Effect<Frame, ExchangeError> => {
      if (frame.kind === "failure") return failureIn(frame.payload);
      if (frame.kind === "malformed") return Effect.fail(unavailable("the tool server's answer cannot be read"));
      isWhole = frame.kind === "end";
      return Effect.succeed(frame);
    }),
    Stream.concat(Stream.suspend(() => isWhole ? Stream.empty : Stream.fail(lost("an answer ended too early")))),
  );
};
