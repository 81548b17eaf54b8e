/**
 * A connection to a port of a sandbox behind the tool server: one request whose body goes to the program, and whose
 * answer comes from it.
 *
 * HTTP's own flow control bounds both ways: beside what lies in sockets, one frame of each is held here.
 */
import { Cause, Deferred, Duration, Effect, Fiber, Queue, type Scope, Stream } from "effect";
import type { Owner } from "../../../domain/Owner.ts";
import { type SandboxError, type SandboxStream, StreamError } from "../../../services/Sandbox.ts";
import { encodeFrame, encodeJsonFrame, type Frame } from "../../../services/sandboxFrames.ts";
import { sandboxMethods, silenceMax } from "../../../services/sandboxProtocol.ts";
import { answered, decoderOf, type Exchange, type ExchangeError, sendFrames, unavailable } from "./exchange.ts";

/** Bytes of one frame. */
const pieceBytes = 64 * 1024;
/** How often the body of a request says that it is alive. */
const aliveEvery = Duration.seconds(30);
/** Wait for the word that the connection is free, when it is given up. */
const givingUpMax = Duration.seconds(5);

const { dial } = sandboxMethods;
const decodeMessage = decoderOf(dial.message);
const decodeResult = decoderOf(dial.result);

const reset = (why: string) => new StreamError({ reason: "Reset", why });
const givenUp = () => reset("the stream was given up");
const ended = () => reset("the stream was ended before this write");
const broken = () => reset("the connection was lost");
const notInTime = () => new StreamError({ reason: "Refused", why: "the port did not answer in time" });

type Failure = StreamError | SandboxError;

const failureOf = (error: ExchangeError): SandboxError =>
  error._tag === "SandboxError" ? error : unavailable("a connection that names no file was refused", error);

const misspoken = () => unavailable("the tool server's connection does not keep to its protocol");

const endFrame = encodeJsonFrame("end", {});

/** One connection: *asked for*, then *connected*, each way until its end; over when the answer is. */
class Connection {
  readonly connected = Deferred.makeUnsafe<void, Failure>();
  private state: "asked" | "connected" | "ended" | "over" = "asked";
  private failure: Failure | undefined;
  private weEnded = false;

  constructor(
    private readonly upward: Queue.Queue<Uint8Array, Cause.Done>,
    private readonly downward: Queue.Queue<Uint8Array, Failure | Cause.Done>,
  ) {}

  /** What goes behind the arguments; it ends without its end when the connection is given up. */
  get body(): Stream.Stream<Uint8Array> {
    return Stream.fromQueue(this.upward).pipe(
      Stream.concat(
        Stream.suspend(() => this.weEnded && this.failure === undefined ? Stream.make(endFrame) : Stream.empty),
      ),
      // Nobody takes it any more, perhaps before the answer says why.
      Stream.ensuring(Effect.sync(() => this.close())),
    );
  }

  /** Says that the request is alive, as long as it lasts. */
  readonly pulse = Effect.gen({ self: this }, function* () {
    do yield* Effect.sleep(aliveEvery); while (yield* Queue.offer(this.upward, encodeFrame("alive")));
  });

  /** Takes a frame of the answer. */
  readonly onFrame = ({ kind, payload }: Frame): Effect.Effect<void, Failure> => {
    switch (kind) {
      case "bytes":
        if (this.state === "connected") return Effect.asVoid(Queue.offer(this.downward, payload));
        return this.failure === undefined ? Effect.failSync(misspoken) : Effect.void;
      case "message":
        return Effect.flatMap(decodeMessage(payload), ({ state }) => this.onState(state));
      case "end":
        return Effect.flatMap(decodeResult(payload), ({ failed }): Effect.Effect<void, Failure> => {
          if (failed !== undefined) return Effect.fail(new StreamError(failed));
          if (this.state !== "ended") return Effect.failSync(misspoken);
          this.state = "over";
          return Effect.void;
        });
      default:
        return Effect.void;
    }
  };

  /** Ends both ways for a reason. */
  fail(why: Failure): void {
    if (this.failure !== undefined || this.state === "over") return;
    this.failure = why;
    Deferred.doneUnsafe(this.connected, Effect.fail(why));
    this.close();
    // What came before its end can still be read.
    if (this.state === "ended") return;
    Queue.failCauseUnsafe(this.downward, Cause.fail(why));
    Queue.shutdownUnsafe(this.downward);
  }

  readonly read: SandboxStream["read"] = Effect.suspend(() =>
    Effect.catchIf(Queue.take(this.downward), Cause.isDone, () => Effect.undefined)
  );

  readonly write: SandboxStream["write"] = (bytes) =>
    Effect.gen({ self: this }, function* () {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const isTaken = yield* Queue.offer(this.upward, encodeFrame("bytes", bytes.subarray(at, at + pieceBytes)));
        if (!isTaken) return yield* Effect.fail(this.failure ?? (this.weEnded ? ended() : broken()));
      }
    });

  readonly end = Effect.sync(() => {
    this.weEnded = true;
    Queue.endUnsafe(this.upward);
  });

  /** Lets nothing more go out. */
  private close(): void {
    Queue.endUnsafe(this.upward);
    Queue.shutdownUnsafe(this.upward);
  }

  private onState(state: "connected" | "ended"): Effect.Effect<void, Failure> {
    if (this.failure !== undefined) return Effect.void;
    if (this.state !== (state === "connected" ? "asked" : "connected")) return Effect.failSync(misspoken);
    this.state = state;
    return state === "connected"
      ? Deferred.succeed(this.connected, undefined)
      : Effect.asVoid(Queue.end(this.downward));
  }
}

/**
 * Connects to a port of an owner's sandbox, of one that runs or of one that is opened for it.
 *
 * *Details*: closing the scope waits until the connection is free again, or five seconds.
 *
 * *Fails with* what `SandboxHandle.dial` fails with.
 */
export const dialPort = (
  exchange: Exchange,
  owner: Owner,
  port: number,
  { isOpening }: { readonly isOpening: boolean },
): Effect.Effect<SandboxStream, Failure, Scope.Scope> =>
  Effect.gen(function* () {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      return yield* new StreamError({ reason: "Refused", why: `${port} is no port` });
    }
    const connection = new Connection(
      yield* Queue.bounded<Uint8Array, Cause.Done>(1),
      yield* Queue.bounded<Uint8Array, Failure | Cause.Done>(1),
    );
    const answer = Effect.gen(function* () {
      const frames = yield* sendFrames(exchange, owner, "dial", { port, isOpening }, connection.body);
      yield* Stream.runForEach(Stream.mapError(answered(frames, silenceMax), failureOf), connection.onFrame);
    }).pipe(Effect.catch((failure) => Effect.sync(() => connection.fail(failure))));
    const answering = yield* Effect.forkScoped(answer);
    yield* Effect.forkScoped(connection.pulse);
    const giveUp = Effect.andThen(
      Effect.sync(() => connection.fail(givenUp())),
      Effect.ignore(Effect.timeoutOption(Fiber.await(answering), givingUpMax)),
    );
    yield* Effect.addFinalizer(() => giveUp);
    yield* Effect.timeoutOrElse(Deferred.await(connection.connected), {
      duration: silenceMax,
      orElse: () => Effect.failSync(notInTime),
    });
    return { read: connection.read, write: connection.write, end: connection.end, reset: giveUp };
  });
