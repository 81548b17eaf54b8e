import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { Deferred, Effect, Exit, Option, Redacted, Result, Stream } from "effect";
import { FetchHttpClient } from "effect/http";
import { TestClock } from "effect/testing";
import * as Anthropic from "../../../../src/adapters/model/Anthropic.ts";
import { Cut } from "../../../../src/adapters/model/Cut.ts";
import { type Agents, agentsOver } from "../../../../src/adapters/model/connection.ts";
import { exchange, type HttpFailure } from "../../../../src/adapters/model/exchange.ts";
import { fault } from "../../../../src/adapters/model/fault.ts";
import * as Gemini from "../../../../src/adapters/model/Gemini.ts";
import * as OpenAiCompatible from "../../../../src/adapters/model/OpenAiCompatible.ts";
import type { Provider } from "../../../../src/adapters/model/Provider.ts";
import { user } from "../../../../src/domain/Message.ts";
import { ConnectionLost } from "../../../../src/services/Model.ts";
import * as anthropicWire from "../../../support/anthropicWire.ts";
import * as geminiWire from "../../../support/geminiWire.ts";
import { it } from "../../../support/it.ts";
import * as openaiWire from "../../../support/openaiWire.ts";
import { type Reply, serveWire, stall } from "../../../support/wireServer.ts";

/** A server that counts turns and the connections over which they came. */
const serveKept = Effect.fnUntraced(function* (answer: (response: ServerResponse, index: number) => void) {
  let turns = 0;
  let connections = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      answer(response, turns++);
    });
  });
  server.on("connection", () => connections++);
  const listening = yield* Deferred.make<void>();
  yield* Effect.acquireRelease(
    Effect.sync(() => server.listen(0, "127.0.0.1", () => Deferred.doneUnsafe(listening, Effect.void))),
    () => Effect.sync(() => server.close().closeAllConnections()),
  );
  yield* Deferred.await(listening);
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { url: `http://127.0.0.1:${address.port}`, turns: () => turns, connections: () => connections };
});

const pieces = ({ body }: Reply): ReadonlyArray<string> => body.filter((piece) => typeof piece === "string");

/** Opens an answer as a server gives it; what `explain` was told of a failure. */
const failureOf = Effect.fnUntraced(function* (reply: Reply) {
  const server = yield* serveWire(() => reply);
  const failures: Array<HttpFailure> = [];
  yield* exchange({ url: `${server.url}/v1`, headers: {}, body: "{}" }, (failure) => {
    failures.push(failure);
    return fault(new ConnectionLost(), "told");
  }, new Cut()).pipe(Effect.scoped, Effect.result);
  return failures[0];
});

const waits: ReadonlyArray<readonly [Record<string, string>, number | undefined]> = [
  [{ "retry-after-ms": "1500", "retry-after": "9" }, 1500],
  [{ "retry-after": "2" }, 2000],
  [{ "retry-after": "Thu, 01 Jan 1970 00:00:30 GMT" }, 20_000],
  [{ "retry-after": "Thu, 01 Jan 1970 00:00:01 GMT" }, 0],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after": "-1" }, undefined],
  [{}, undefined],
];
for (const [headers, expected] of waits) {
  it.effect(`exchange reads a wait of ${expected} ms from ${JSON.stringify(headers)}`, () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(10_000);
      assert.deepEqual(yield* failureOf({ status: 429, headers, body: ["slow down"] }), {
        status: 429,
        text: "slow down",
        retryAfterMs: expected,
      });
    }));
}

it.live("exchange reads an error page only so far", () =>
  Effect.gen(function* () {
    const body = Array.from({ length: 100 }, () => "x".repeat(16 * 1024));
    assert.equal((yield* failureOf({ status: 500, body }))?.text.length, 64 * 1024);
  }));

const deadlines = { connectMs: 20_000, firstEventMs: 20_000, silenceMs: 20_000 };
const apiKey = Redacted.make("test-key");
const providers: ReadonlyArray<readonly [string, (url: string, agents?: Agents) => Effect.Effect<Provider>]> = [
  [
    "gemini-flash-latest",
    (url, agents = agentsOver({})) =>
      Gemini.make({ apiKey, baseUrl: Option.some(url), apiVersion: "v1beta", vertex: false, deadlines, agents }),
  ],
  [
    "claude-sonnet-5",
    (url, agents = agentsOver({})) => Anthropic.make({ apiKey, baseUrl: Option.some(url), deadlines, agents }),
  ],
  [
    "gpt-test",
    (url, agents = agentsOver({})) =>
      OpenAiCompatible.make({ name: "openai", baseUrl: `${url}/v1`, apiKey: Option.some(apiKey), deadlines, agents })
        .pipe(
          Effect.provide(FetchHttpClient.layer),
        ),
  ],
];

for (const [model, make] of providers) {
  it.live(`the provider of ${model} follows no redirect and sends nothing to another place, its list included`, () =>
    Effect.gen(function* () {
      const elsewhere = yield* serveWire(() => ({ body: [] }));
      const server = yield* serveWire(() => ({ status: 307, headers: { location: `${elsewhere.url}/x` }, body: [] }));
      const provider = yield* make(server.url);
      const turn = yield* Stream.runDrain(
        provider.stream({ model, system: "", messages: [user("Hello")], tools: [], parameters: {} }),
      ).pipe(Effect.result);
      const reason = Result.isFailure(turn) && turn.failure._tag === "ModelError" ? turn.failure.reason : undefined;
      assert.deepEqual(reason?._tag === "BadOutput" ? reason.why : reason, "the response is a redirect");
      yield* provider.list;
      assert.ok(server.received.length >= 2, "the turn and the list were asked for");
      assert.equal(elsewhere.received.length, 0);
    }));

  it.live(`the provider of ${model} tells nothing of our own tracing`, () =>
    Effect.gen(function* () {
      const server = yield* serveWire(() => ({ status: 404, body: ["{}"] }));
      const provider = yield* make(server.url);
      yield* Stream.runDrain(
        provider.stream({ model, system: "", messages: [user("Hello")], tools: [], parameters: {} }),
      ).pipe(Effect.ignore);
      yield* provider.list;
      for (const { headers } of server.received) {
        for (const name of ["traceparent", "b3", "x-b3-traceid"]) assert.equal(headers[name], undefined, name);
      }
    }));
}

/** A good answer of each provider, in pieces. */
const answers: Readonly<Record<string, ReadonlyArray<string>>> = {
  "gemini-flash-latest": pieces(geminiWire.turn(geminiWire.chunk(geminiWire.text("fine")), geminiWire.finish())),
  "claude-sonnet-5": pieces(anthropicWire.turn(...anthropicWire.text(0, "fine"), ...anthropicWire.stop())),
  "gpt-test": pieces(openaiWire.turn(openaiWire.text("fine"), openaiWire.finish())),
};

for (const [model, make] of providers) {
  for (const behind of ["at once", "later"] as const) {
    it.live(`the provider of ${model} keeps its connection for the next turn when an answer ends ${behind}`, () =>
      Effect.gen(function* () {
        const agents = agentsOver({});
        yield* Effect.addFinalizer(() => Effect.sync(() => agents.http.destroy()));
        const server = yield* serveKept((response) => {
          const answer = answers[model] ?? [];
          if (behind === "at once") return response.end(answer.join(""));
          response.write(answer.join(""), () => setImmediate(() => response.end()));
        });
        const provider = yield* make(server.url, agents);
        for (let index = 0; index < 5; index++) {
          const free = Promise.withResolvers<void>();
          agents.http.once("free", () => free.resolve());
          yield* Stream.runDrain(
            provider.stream({ model, system: "", messages: [user("Hello")], tools: [], parameters: {} }),
          );
          yield* Effect.timeout(Effect.promise(() => free.promise), "60 seconds");
        }
        assert.deepEqual([server.turns(), server.connections()], [5, 1]);
      }));
  }
}

const behindDone: Readonly<Record<string, string>> = { "nothing, and no end": "", "much": "x".repeat(64 * 1024) };
for (const [what, behind] of Object.entries(behindDone)) {
  it.live(`exchange lets the provider go when ${what} comes behind the last word`, () =>
    Effect.gen(function* () {
      const server = yield* serveWire(() => ({ body: ["data: {}\n\ndata: [DONE]\n\n", behind, stall] }));
      yield* Effect.scoped(Effect.flatMap(
        exchange({ url: server.url, headers: {}, body: "{}" }, () => fault(new ConnectionLost(), "told"), new Cut()),
        (arrivals) => Effect.andThen(arrivals.read, Effect.exit(arrivals.read)),
      ));
      yield* Effect.timeout(server.departure, "60 seconds");
      assert.equal(server.openCount(), 0);
    }));
}

it.live("exchange asks once when a kept connection breaks in the middle of an answer", () =>
  Effect.gen(function* () {
    const agents = agentsOver({});
    yield* Effect.addFinalizer(() => Effect.sync(() => agents.http.destroy()));
    const server = yield* serveKept((response, index) => {
      if (index === 0) return response.end("data: {}\n\n");
      response.write("data: {}\n\n", () => setImmediate(() => response.socket?.resetAndDestroy()));
    });
    const read = Effect.scoped(Effect.flatMap(
      exchange(
        { url: server.url, headers: {}, body: "{}" },
        ({ text }) => fault(new ConnectionLost(), text),
        new Cut(),
        agents,
      ),
      (arrivals) => Effect.andThen(arrivals.read, Effect.exit(arrivals.read)),
    ));
    const free = Promise.withResolvers<void>();
    agents.http.once("free", () => free.resolve());
    yield* read;
    yield* Effect.promise(() => free.promise);
    assert.ok(Exit.isFailure(yield* read));
    assert.deepEqual([server.turns(), server.connections()], [2, 1]);
  }));

const hostileNames = [
  "gemini-x?key=1",
  "gemini-../../x",
  "gemini-2.0-flash:countTokens#",
  "gemini-2.0-flash:countTokens",
  "gemini-x/y",
  "claude-x?y",
  "claude-..",
  "gpt x",
  "gpt-\n",
  `gpt-${"x".repeat(300)}`,
];
for (const [model, make] of providers) {
  it.live(`the provider of ${model} knows no model by a name that could lead elsewhere`, () =>
    Effect.gen(function* () {
      const server = yield* serveWire(() => ({ status: 404, body: ["{}"] }));
      const provider = yield* make(server.url);
      for (const name of hostileNames) assert.ok(Option.isNone(yield* provider.find(name)), name);
      assert.ok(Option.isSome(yield* provider.find(model)));
    }));
}

it.live("exchange is not lost when every kept connection has been closed by the other side", () =>
  Effect.gen(function* () {
    const agents = agentsOver({});
    let isGone = false;
    const asked: Array<boolean> = [];
    const listener = createServer((request, response) => {
      asked.push(isGone);
      // A connection of before is broken by the first request that comes over it.
      if (isGone && old.has(request.socket)) request.socket.destroy();
      else response.end("data: {}\n\n");
    });
    const old = new Set<unknown>();
    listener.on("connection", (socket) => {
      if (!isGone) old.add(socket);
    });
    const listening = Promise.withResolvers<void>();
    listener.listen(0, "127.0.0.1", () => listening.resolve());
    yield* Effect.promise(() => listening.promise);
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        agents.http.destroy();
        listener.closeAllConnections();
        listener.close();
      })
    );
    const address = listener.address();
    assert.ok(address !== null && typeof address === "object");
    const read = Effect.scoped(Effect.flatMap(
      exchange(
        { url: `http://127.0.0.1:${address.port}/`, headers: {}, body: "{}" },
        ({ text }) => fault(new ConnectionLost(), text),
        new Cut(),
        agents,
      ),
      (arrivals) => Effect.andThen(arrivals.read, Effect.exit(arrivals.read)),
    ));
    yield* Effect.all(Array.from({ length: 5 }, () => read), { concurrency: 5 });
    isGone = true;
    yield* read;
    assert.ok(asked.filter((wasGone) => wasGone).length >= 2);
  }).pipe(Effect.scoped));
