/**
 * The contract of a model provider, run against a loopback upstream that speaks its wire format.
 *
 * A dialect says how its provider is made and how its upstream says each thing; what must come of it
 * is the same for all.
 */
import assert from "node:assert/strict";
import { Duration, Effect, Fiber, Result, Stream } from "effect";
import type { Provider } from "../../src/adapters/model/Provider.ts";
import type { Deadlines } from "../../src/adapters/model/upstream.ts";
import { user } from "../../src/domain/Message.ts";
import type { ToolDeclaration } from "../../src/domain/Tool.ts";
import type { ModelError, ModelEvent, ModelNotFound, ModelRequest } from "../../src/services/Model.ts";
import { it } from "../support/it.ts";
import { isPrompt } from "../support/timing.ts";
import { type Reply, serveWire } from "../support/wireServer.ts";

/** How an upstream says what the contract is about. */
export interface Dialect {
  readonly provider: (url: string, deadlines: Deadlines) => Effect.Effect<Provider>;
  readonly model: string;
  /** "Hello" and " world", finish: stop, usage 20 (5 cached) in, 10 (3 reasoning) out. */
  readonly text: Reply;
  /** The same text around deltas that say nothing. */
  readonly emptyDeltas: Reply;
  /** The thought "Hm", then "Hello world". */
  readonly reasoning: Reply;
  /** `write_file({"file_path":"a.txt","content":"é"})` and `execute_bash({"command":"cat a.txt"})` at once. */
  readonly twoCalls: Reply;
  /** The same two calls with arguments in fragments, or split bytes where arguments come whole. */
  readonly splitCalls: Reply;
  /** "Hello world", cut by the model's token limit. */
  readonly outputLimit: Reply;
  /** "Hello world" with a finish reason that does not exist. */
  readonly unknownFinish: Reply;
  /** 429, with a wait of 2 seconds. */
  readonly rateLimited: Reply;
  /** A refused key. */
  readonly badKey: Reply;
  /** A conversation longer than the context window. */
  readonly tooLong: Reply;
  /** No such model. */
  readonly unknownModel: Reply;
  /** 503 as the provider says it. */
  readonly unavailable: Reply;
  /** "Hello", then the provider's own report that it is overloaded. */
  readonly errorAfterText: Reply;
  /** "Hello", then the connection breaks. */
  readonly cutAfterText: Reply;
  /** "Hello", then the stream ends without a finish. */
  readonly truncated: Reply;
  /** "Hello", then what is not JSON. */
  readonly garbage: Reply;
  /** "Hello", then silence. */
  readonly stallAfterText: Reply;
}

const patient: Deadlines = { connectMs: 60_000, firstEventMs: 60_000, silenceMs: 60_000 };
/** Real time is needed against a socket; this is the shortest wait that a busy machine does not exceed by itself. */
const impatient: Deadlines = { connectMs: 60_000, firstEventMs: 60_000, silenceMs: 1_000 };
/** What must happen fails the test when it has not by then. */
const soon = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.timeout(effect, "60 seconds");
/** The promise made for a client that leaves. */
const departureMsMax = 100;

const tool = (name: string): ToolDeclaration => ({
  name,
  description: name,
  parameters: { type: "object", properties: {}, additionalProperties: true },
});

const htmlPage: Reply = {
  status: 502,
  headers: { "content-type": "text/html" },
  body: ["<html><body><h1>502 Bad Gateway</h1></body></html>"],
};

interface Outcome {
  readonly events: ReadonlyArray<ModelEvent>;
  readonly failure: ModelError | ModelNotFound | undefined;
}

/** Runs a turn to its end, keeping what came before a failure. */
const outcome = Effect.fnUntraced(function* (provider: Provider, request: ModelRequest) {
  const events: Array<ModelEvent> = [];
  const result = yield* provider.stream(request).pipe(
    Stream.runForEach((event) => Effect.sync(() => void events.push(event))),
    Effect.result,
  );
  const done: Outcome = { events, failure: Result.isFailure(result) ? result.failure : undefined };
  return done;
});

const textOf = (events: ReadonlyArray<ModelEvent>) =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("");
const callsOf = (events: ReadonlyArray<ModelEvent>) =>
  events.flatMap((event) => (event._tag === "ToolCall" ? [event.call] : []));
const reasonOf = ({ failure }: Outcome) => failure?._tag === "ModelError" ? failure.reason : undefined;
const finishOf = (events: ReadonlyArray<ModelEvent>) => {
  const finishes = events.filter((event) => event._tag === "Finished");
  assert.equal(finishes.length, 1);
  assert.equal(events.at(-1), finishes[0]);
  return finishes[0];
};

/** Runs the contract of a provider: for its first request, and for one after an answer, which may go another way. */
export const modelSuite = (name: string, dialect: Dialect): void => {
  contract(name, dialect, false);
  contract(`${name}, once it has answered,`, dialect, true);
};

const contract = (name: string, dialect: Dialect, hasAnswered: boolean): void => {
  const request: ModelRequest = {
    model: dialect.model,
    system: "Be brief.",
    messages: [user("Say hello")],
    tools: [tool("write_file"), tool("execute_bash")],
    parameters: {},
  };

  const against = (reply: Reply, deadlines = patient) =>
    Effect.gen(function* () {
      const before = hasAnswered ? 1 : 0;
      const server = yield* serveWire((_, index) => index < before ? dialect.text : reply);
      const provider = yield* dialect.provider(server.url, deadlines);
      if (hasAnswered) yield* outcome(provider, request);
      return { server, provider, received: () => server.received.slice(before) };
    });
  const run = (reply: Reply, deadlines = patient) =>
    Effect.flatMap(against(reply, deadlines), ({ provider }) => outcome(provider, request));

  for (const [what, reply] of [["text", dialect.text], ["deltas that say nothing", dialect.emptyDeltas]] as const) {
    it.live(`${name} streams text when the upstream sends ${what}`, () =>
      Effect.gen(function* () {
        const { events, failure } = yield* run(reply);
        assert.equal(failure, undefined);
        assert.equal(textOf(events), "Hello world");
        assert.deepEqual(finishOf(events), {
          _tag: "Finished",
          reason: "Stop",
          usage: { inputTokens: 20, cachedInputTokens: 5, outputTokens: 10, reasoningTokens: 3 },
        });
      }));
  }

  it.live(`${name} tells reasoning from text when the model thinks`, () =>
    Effect.gen(function* () {
      const { events, failure } = yield* run(dialect.reasoning);
      assert.equal(failure, undefined);
      assert.equal(
        events.map((event) => (event._tag === "ReasoningDelta" ? event.text : "")).join(""),
        "Hm",
      );
      assert.equal(textOf(events), "Hello world");
    }));

  for (const [what, reply] of [["whole", dialect.twoCalls], ["in fragments", dialect.splitCalls]] as const) {
    it.live(`${name} gives two complete calls in order when they come ${what}`, () =>
      Effect.gen(function* () {
        const { events, failure } = yield* run(reply);
        assert.equal(failure, undefined);
        const calls = callsOf(events);
        assert.deepEqual(calls.map((call) => [call.name, JSON.parse(call.argumentsJson)]), [
          ["write_file", { file_path: "a.txt", content: "é" }],
          ["execute_bash", { command: "cat a.txt" }],
        ]);
        assert.equal(new Set(calls.map((call) => call.id)).size, 2);
        assert.ok(calls.every((call) => call.id !== ""));
        assert.equal(finishOf(events)?.reason, "ToolCalls");
      }));
  }

  it.live(`${name} accepts its own calls and their results when the next turn returns them`, () =>
    Effect.gen(function* () {
      const { received, provider } = yield* against(dialect.twoCalls);
      const calls = callsOf((yield* outcome(provider, request)).events);
      const again = yield* outcome(provider, {
        ...request,
        messages: [
          ...request.messages,
          { role: "assistant", parts: calls.map((call) => ({ _tag: "ToolCall", call })) },
          ...calls.map((call) => ({
            role: "tool" as const,
            callId: call.id,
            name: call.name,
            content: `result of ${call.name}`,
            isError: false,
          })),
        ],
      });
      assert.equal(again.failure, undefined);
      const sent = JSON.stringify(received()[1]?.body);
      for (const expected of ["result of write_file", "result of execute_bash", "cat a.txt"]) {
        assert.ok(sent.includes(expected), `${expected} is not in ${sent}`);
      }
    }));

  it.live(`${name} finishes with OutputLimit when the model's token limit cuts it`, () =>
    Effect.gen(function* () {
      const { events } = yield* run(dialect.outputLimit);
      assert.equal(finishOf(events)?.reason, "OutputLimit");
    }));

  it.live(`${name} does not take an answer for whole when the finish reason is unknown`, () =>
    Effect.gen(function* () {
      const { events, failure } = yield* run(dialect.unknownFinish);
      assert.equal(failure, undefined);
      assert.equal(textOf(events), "Hello world");
      assert.equal(finishOf(events)?.reason, "OutputLimit");
    }));

  it.live(`${name} fails with RateLimited and the wait when the upstream answers 429`, () =>
    Effect.gen(function* () {
      const { received, provider } = yield* against(dialect.rateLimited);
      const result = yield* outcome(provider, request);
      assert.deepEqual(result.events, []);
      const reason = reasonOf(result);
      assert.equal(reason?._tag, "RateLimited");
      assert.equal(reason?._tag === "RateLimited" ? reason.retryAfterMs : undefined, 2000);
      assert.equal(received().length, 1, "the adapter itself does not retry");
    }));

  const failing = [
    ["BadCredentials", "the key is refused", dialect.badKey],
    ["ContextTooLong", "the conversation is too long", dialect.tooLong],
    ["Unavailable", "the upstream answers 503", dialect.unavailable],
    ["Unavailable", "a proxy answers with an HTML page", htmlPage],
  ] as const;
  for (const [tag, what, reply] of failing) {
    it.live(`${name} fails with ${tag} when ${what}`, () =>
      Effect.gen(function* () {
        const result = yield* run(reply);
        assert.deepEqual(result.events, []);
        assert.equal(reasonOf(result)?._tag, tag);
      }));
  }

  it.live(`${name} fails with BadOutput when the upstream answers 200 with an HTML page`, () =>
    Effect.gen(function* () {
      const result = yield* run({ ...htmlPage, status: 200 });
      assert.deepEqual(result.events, []);
      assert.equal(reasonOf(result)?._tag, "BadOutput");
    }));

  it.live(`${name} fails with ModelNotFound when the upstream has no such model`, () =>
    Effect.gen(function* () {
      const { failure } = yield* run(dialect.unknownModel);
      assert.equal(failure?._tag, "ModelNotFound");
    }));

  const breaking = [
    ["Unavailable", "the upstream reports an error", dialect.errorAfterText],
    ["ConnectionLost", "the connection breaks", dialect.cutAfterText],
    ["ConnectionLost", "the stream ends early", dialect.truncated],
    ["BadOutput", "the upstream sends what is not JSON", dialect.garbage],
  ] as const;
  for (const [tag, what, reply] of breaking) {
    it.live(`${name} keeps the text and fails with ${tag} when ${what} mid-stream`, () =>
      Effect.gen(function* () {
        const result = yield* run(reply);
        assert.equal(textOf(result.events), "Hello");
        assert.equal(reasonOf(result)?._tag, tag);
      }));
  }

  it.live(`${name} fails with ConnectionLost when nothing listens`, () =>
    Effect.gen(function* () {
      const { provider } = yield* Effect.scoped(against(dialect.text));
      const result = yield* outcome(provider, request);
      assert.equal(reasonOf(result)?._tag, "ConnectionLost");
    }));

  it.live(`${name} fails with TimedOut and lets go of the upstream when it falls silent`, () =>
    Effect.gen(function* () {
      const { server, provider } = yield* against(dialect.stallAfterText, impatient);
      const result = yield* outcome(provider, request);
      assert.equal(textOf(result.events), "Hello");
      const reason = reasonOf(result);
      assert.equal(reason?._tag === "TimedOut" ? reason.phase : undefined, "between-events");
      yield* soon(server.departure);
      assert.equal(server.openCount(), 0);
    }));

  it.live(`${name} fails with TimedOut when the upstream never answers`, () =>
    Effect.gen(function* () {
      const { server, provider } = yield* against({ body: [], silent: true }, { ...patient, connectMs: 300 });
      const result = yield* outcome(provider, request);
      const reason = reasonOf(result);
      assert.equal(reason?._tag === "TimedOut" ? reason.phase : undefined, "connect");
      yield* soon(server.departure);
    }));

  const leaving: ReadonlyArray<readonly [string, Reply]> = [
    ["before the first byte", { body: [], silent: true }],
    ["in the middle of a turn", dialect.stallAfterText],
  ];
  for (const [when, reply] of leaving) {
    it.live(`${name} cancels the upstream request within ${departureMsMax} ms when interrupted ${when}`, () =>
      isPrompt(
        departureMsMax,
        Effect.scoped(Effect.gen(function* () {
          const { server, provider } = yield* against(reply);
          const fiber = yield* Effect.forkChild(outcome(provider, request));
          yield* soon(server.stalled);
          const [took] = yield* soon(Effect.timed(Effect.andThen(Fiber.interrupt(fiber), server.departure)));
          assert.equal(server.openCount(), 0);
          return Duration.toMillis(took);
        })),
      ));
  }

  it.live(`${name} cancels the upstream request when the reader has had enough`, () =>
    isPrompt(
      departureMsMax,
      Effect.scoped(Effect.gen(function* () {
        const { server, provider } = yield* against(dialect.stallAfterText);
        const taken = yield* provider.stream(request).pipe(Stream.take(1), Stream.runCollect);
        assert.equal(textOf(taken), "Hello");
        const [took] = yield* soon(Effect.timed(server.departure));
        assert.equal(server.openCount(), 0);
        return Duration.toMillis(took);
      })),
    ));
};
