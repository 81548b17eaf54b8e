/**
 * What opens a provider's circuit and what does not, at every provider and over real sockets: a client's mistake, our
 * own lag and a slow reader are no outage; errors of the server, silence and broken connections are.
 */
import assert from "node:assert/strict";
import { Deferred, Effect, Option, Redacted, Result, Stream } from "effect";
import * as Configured from "../../../../src/adapters/model/Configured.ts";
import { resilient } from "../../../../src/adapters/model/resilience.ts";
import { Settings, type SettingsService } from "../../../../src/config.ts";
import { user } from "../../../../src/domain/Message.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import { Model, ModelError, type ModelEvent, TimedOut } from "../../../../src/services/Model.ts";
import * as anthropic from "../../../support/anthropicWire.ts";
import * as gemini from "../../../support/geminiWire.ts";
import { it } from "../../../support/it.ts";
import * as openai from "../../../support/openaiWire.ts";
import { cut, type Reply, serveWire, stall } from "../../../support/wireServer.ts";

/** Failures in a row that open a circuit, as `Configured.ts` has it. */
const breakerFailures = 5;

const key = Option.some(Redacted.make("k"));
const providers: Readonly<
  Record<
    string,
    { readonly model: string; readonly at: (url: string) => Partial<SettingsService>; readonly good: Reply }
  >
> = {
  gemini: {
    model: "gemini-x",
    at: (url) => ({ geminiApiKey: key, geminiBaseUrl: Option.some(url) }),
    good: gemini.turn(gemini.chunk(gemini.text("Hello")), gemini.finish()),
  },
  anthropic: {
    model: "claude-x",
    at: (url) => ({ anthropicApiKey: key, anthropicBaseUrl: Option.some(url) }),
    good: anthropic.turn(...anthropic.text(0, "Hello"), ...anthropic.stop()),
  },
  openai: {
    model: "m",
    at: (url) => ({ openaiApiKey: key, openaiBaseUrl: Option.some(`${url}/v1`) }),
    good: openai.turn(openai.text("Hello"), openai.finish()),
  },
};

const answered = (status: number): Reply => ({
  status,
  headers: { "content-type": "application/json" },
  body: [JSON.stringify({ error: { message: "no", type: "error", code: status, status: "X" } })],
});

const causes: ReadonlyArray<readonly [string, Reply, isOutage: boolean]> = [
  ...[400, 401, 403, 404, 413, 422, 429].map((status) => [`status ${status}`, answered(status), false] as const),
  ["an answer that is not its format", { body: ["data: {not json}\n\n"] }, false],
  ["a redirect", { status: 307, headers: { location: "http://127.0.0.1:1/" }, body: [] }, false],
  ...[500, 502, 503, 504, 529].map((status) => [`status ${status}`, answered(status), true] as const),
  ["no headers within the wait", { body: [], silent: true }, true],
  ["no event within the wait", { body: [": alive\n\n", stall] }, true],
  ["a broken connection", { body: [cut] }, true],
];

for (const [provider, { model, at, good }] of Object.entries(providers)) {
  for (const [cause, reply, isOutage] of causes) {
    it.live(`${provider}: ${cause} ${isOutage ? "opens" : "does not open"} the circuit`, () =>
      Effect.gen(function* () {
        const server = yield* serveWire((_request, index) => index < breakerFailures ? reply : good, {
          turnsOnly: true,
        });
        const last = yield* Effect.gen(function* () {
          const { stream } = yield* Model;
          const ask = Effect.result(Stream.runDrain(
            stream({ model, system: "", messages: [user("hi")], tools: [], parameters: {} }),
          ));
          for (let turns = 0; turns < breakerFailures; turns++) yield* ask;
          return yield* ask;
        }).pipe(
          Effect.provide(Configured.layer),
          Effect.provide(Settings.layerWith({
            ...at(server.url),
            modelAttemptsMax: 1,
            modelConnectSeconds: 0.2,
            modelFirstEventSeconds: 0.2,
            modelSilenceSeconds: 0.5,
          })),
        );
        assert.equal(server.received.length, isOutage ? breakerFailures : breakerFailures + 1);
        assert.equal(Result.isSuccess(last), !isOutage, JSON.stringify(last));
      }));
  }
}

const finished: ModelEvent = { _tag: "Finished", reason: "Stop", usage: zero };
const policy = { attemptsMax: 1, backoffMs: 1, retryAfterMsMax: 1, breakerFailures, breakerOpenMs: 60_000 };

it.effect("our own lag does not open the circuit", () =>
  Effect.gen(function* () {
    let asked = 0;
    const reason = new TimedOut({ phase: "connect", limitMs: 1, isOwnLag: true });
    const sturdy = yield* resilient({
      name: "p",
      list: Effect.succeed([]),
      find: () => Effect.succeed(Option.none()),
      stream: () =>
        Stream.suspend(() =>
          asked++ < 3 * breakerFailures
            ? Stream.fail(new ModelError({ provider: "p", model: "m", reason, detail: "" }))
            : Stream.make(finished)
        ),
    }, policy);
    const request = { model: "m", system: "", messages: [], tools: [], parameters: {} };
    for (let turns = 0; turns < 3 * breakerFailures; turns++) {
      yield* Effect.result(Stream.runDrain(sturdy.stream(request)));
    }
    assert.deepEqual(yield* Stream.runCollect(sturdy.stream(request)), [finished]);
  }));

it.live("a reader that stops, and a body that is paused for it, opens no circuit and loses nothing", () =>
  Effect.gen(function* () {
    // More than a paused body lets in: the upstream's connection is held up, too.
    const chunks = Array.from({ length: 5_000 }, (_, n) => openai.text(`word ${n} `));
    const server = yield* serveWire(() => openai.turn(...chunks, openai.finish()), { turnsOnly: true });
    yield* Effect.gen(function* () {
      const { stream } = yield* Model;
      for (let turns = 0; turns <= breakerFailures; turns++) {
        const read = yield* Deferred.make<void>();
        let [words, isFirst] = [0, true];
        yield* Stream.runForEach(
          stream({ model: "m", system: "", messages: [user("hi")], tools: [], parameters: {} }),
          (event) => {
            if (event._tag === "TextDelta") words += event.text.split("word ").length - 1;
            if (!isFirst) return Effect.void;
            isFirst = false;
            // Longer than any wait for the provider: the reader's time is not the provider's.
            return Effect.andThen(Deferred.succeed(read, undefined), Effect.sleep(800));
          },
        );
        assert.equal(words, chunks.length);
      }
    }).pipe(
      Effect.provide(Configured.layer),
      Effect.provide(Settings.layerWith({
        openaiBaseUrl: Option.some(`${server.url}/v1`),
        modelAttemptsMax: 1,
        modelSilenceSeconds: 0.5,
      })),
    );
    assert.equal(server.received.length, breakerFailures + 1);
  }));
