/**
 * The server's end of a guest process: one request at a time, whatever it says decoded and bounded.
 */
import { Data, Effect, Schema, type Scope } from "effect";
import { guestProgram } from "../../../root.ts";
import { FileError } from "../../../services/Sandbox.ts";
import { type Child, spawn } from "../local/childProcess.ts";
import { flagPaths, type Prepared } from "./prepared.ts";
import { encodeMessage, type GuestOptions, type GuestRequest, type RawMessage, readMessages } from "./wire.ts";

const guest = guestProgram("main");
/** A guest that has not said hello by then never will; a busy machine needs about a second. */
const helloTimeout = "20 seconds";
/** Pages of WebAssembly memory in a MiB. */
const pagesPerMb = 16;
/** JavaScript's part of a sandbox's memory: the shell and the files its commands hold. */
const heapShare = 0.25;
/** The least heap in which the shell starts, and the least memory in which Python does. */
const leastMb = 64;

/** The guest process is gone, or what it said cannot be understood. */
export class GuestGone extends Data.TaggedError("GuestGone")<{
  /** Its end looks like that of a process that ran out of memory. */
  readonly outOfMemory: boolean;
  readonly detail: string;
  readonly cause?: unknown;
}> {}

/** A request that the guest refused, in the words of FileError. */
export class GuestRefused extends Data.TaggedError("GuestRefused")<{
  readonly reason: FileError["reason"];
  readonly why: string;
}> {}

const decodeVerdict = Schema.decodeEffect(Schema.fromJsonString(Schema.Union([
  Schema.Struct({ ok: Schema.Literal(true) }),
  Schema.Struct({ ok: Schema.Literal(false), reason: FileError.fields.reason, why: Schema.String }),
])));

/** Reads the head of an answer of one kind. */
export type AnswerDecoder<A> = (head: string) => Effect.Effect<A, Schema.SchemaError | GuestRefused>;

/** Makes the decoder of the answers that carry a shape. */
export const answerOf = <A>(shape: Schema.Codec<A, unknown>): AnswerDecoder<A> => {
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(shape));
  return (head) =>
    Effect.flatMap(
      decodeVerdict(head),
      (verdict): Effect.Effect<A, Schema.SchemaError | GuestRefused> =>
        verdict.ok ? decode(head) : Effect.fail(new GuestRefused(verdict)),
    );
};

const hello = answerOf(Schema.Struct({}));

/** A running guest. Requests must not overlap, and an interrupted one leaves only `kill`. */
export interface Guest {
  readonly ask: <A>(
    decode: AnswerDecoder<A>,
    request: GuestRequest,
    body?: Uint8Array,
  ) => Effect.Effect<{ readonly head: A; readonly body: Uint8Array }, GuestGone | GuestRefused>;
  readonly isGone: () => boolean;
  readonly kill: Effect.Effect<void>;
}

/** Exit codes and signals of a process that V8 ended for want of memory, or the kernel did. */
const looksOutOfMemory = (status: Deno.CommandStatus, lastWords: string): boolean =>
  /out of memory|heap limit|allocation failed/i.test(lastWords) || status.signal === "SIGKILL";

/** The process of a guest, with the permissions and the memory that it may have. */
const spawnGuest = (
  prepared: Prepared,
  options: GuestOptions,
  memoryMb: number,
): Effect.Effect<Child, GuestGone, Scope.Scope> => {
  const writable = [options.workspace, options.temporary];
  const readable = [...writable, options.tools, options.skills, prepared.snapshot, prepared.pyodide]
    .filter((path) => path !== undefined);
  const heapMb = Math.max(leastMb, Math.floor(memoryMb * heapShare));
  const pages = Math.max(leastMb, memoryMb - heapMb) * pagesPerMb;
  return spawn(Deno.execPath(), {
    // Nothing of the server's environment, where keys live; Deno finds its package cache by this one.
    clearEnv: true,
    env: { DENO_DIR: prepared.denoDir },
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      // The lock file names the very packages that `prepare.ts` fetched; without it a cold cache cannot resolve them.
      "--cached-only",
      ...guest.flags,
      "--no-remote",
      "--deny-import",
      // The shell's globbing reads this variable and fails when it may not.
      "--allow-env=__MINIMATCH_TESTING_PLATFORM__",
      "--allow-sys=uid,gid",
      `--allow-read=${flagPaths(readable)}`,
      `--allow-write=${flagPaths(writable)}`,
      // Even an object of JavaScript that a program gets hold of cannot make a function from a text.
      `--v8-flags=--disallow-code-generation-from-strings,--max-old-space-size=${heapMb},--wasm-max-mem-pages=${pages}`,
      guest.entry,
      JSON.stringify(options),
    ],
  }).pipe(Effect.mapError((cause) => new GuestGone({ outOfMemory: false, detail: "deno cannot be run", cause })));
};

/** A conversation with a guest's process: *talking* until it goes or says what cannot be understood, then *gone*. */
class Conversation {
  private gone = false;
  private readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  private readonly messages: AsyncGenerator<RawMessage, void>;

  constructor(private readonly child: Child) {
    child.ended.then(() => this.gone = true);
    this.writer = child.process.stdin.getWriter();
    this.messages = readMessages(child.process.stdout);
  }

  get isGone(): boolean {
    return this.gone;
  }

  /** *talking → gone*, by force. */
  readonly kill: Effect.Effect<void> = Effect.suspend(() => {
    this.gone = true;
    return this.child.kill;
  });

  /** *talking → gone*, telling why: the cause when there is one, else how the process ended. */
  lost(cause?: unknown): Effect.Effect<never, GuestGone> {
    return Effect.gen({ self: this }, function* () {
      yield* this.kill;
      const status = yield* Effect.promise(() => this.child.ended);
      const lastWords = this.child.lastWords();
      return yield* new GuestGone({
        outOfMemory: cause === undefined && looksOutOfMemory(status, lastWords),
        detail: `exit ${status.signal ?? status.code}: ${lastWords.trim()}`,
        cause,
      });
    });
  }

  send(request: GuestRequest, body: Uint8Array | undefined): Effect.Effect<void, GuestGone> {
    return Effect.tryPromise({
      try: async () => {
        for (const part of encodeMessage(request, body)) await this.writer.write(part);
      },
      catch: (cause) => cause,
    }).pipe(Effect.catch(() => this.lost()));
  }

  receive<A>(
    decode: AnswerDecoder<A>,
  ): Effect.Effect<{ readonly head: A; readonly body: Uint8Array }, GuestGone | GuestRefused> {
    return Effect.tryPromise({ try: () => this.messages.next(), catch: (cause) => cause }).pipe(
      Effect.catch((cause) => this.lost(cause)),
      Effect.flatMap((message) =>
        message.done === true ? Effect.andThen(this.child.settle, this.lost()) : Effect.succeed(message.value)
      ),
      Effect.flatMap((message) =>
        decode(message.head).pipe(
          Effect.map((head) => ({ head, body: message.body })),
          Effect.catchTag("SchemaError", (cause) => this.lost(cause)),
        )
      ),
    );
  }
}

/** Starts a guest and waits for its hello; closing the scope kills it. */
export const startGuest = Effect.fnUntraced(
  function* (
    prepared: Prepared,
    options: GuestOptions,
    memoryMb: number,
  ): Effect.fn.Return<Guest, GuestGone, Scope.Scope> {
    const conversation = new Conversation(yield* spawnGuest(prepared, options, memoryMb));
    yield* conversation.receive(hello).pipe(
      Effect.timeout(helloTimeout),
      Effect.catchTags({
        TimeoutError: () => conversation.lost(new Error("no hello in time")),
        GuestRefused: (refused) => conversation.lost(refused),
      }),
    );
    return {
      ask: (decode, request, body) => Effect.andThen(conversation.send(request, body), conversation.receive(decode)),
      isGone: () => conversation.isGone,
      kill: conversation.kill,
    };
  },
);
