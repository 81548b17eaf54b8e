import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { Deferred, Effect, Fiber } from "effect";
import OpenAI from "npm:openai@7.57.0";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { served } from "../support/served.ts";

/** A TCP proxy that cuts its first connection when told to and lets every later one through. */
const cuttingProxy = (target: string) =>
  Effect.gen(function* () {
    const { hostname, port } = new URL(target);
    const clients: Array<Socket> = [];
    const server = createServer((client) => {
      const upstream = connect(Number(port), hostname);
      client.on("error", () => {});
      upstream.on("error", () => {});
      client.on("close", () => upstream.destroy());
      upstream.on("close", () => client.destroy());
      client.pipe(upstream).pipe(client);
      clients.push(client);
    });
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void));
      }),
      () => Effect.sync(() => server.close()),
    );
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    return {
      url: `http://127.0.0.1:${address.port}`,
      connections: () => clients.length,
      cut: Effect.sync(() => clients[0]?.destroy()),
    };
  });

/** A sandbox that counts its commands; the first waits until it is let go. */
const countingSandbox = Effect.gen(function* () {
  const started = yield* Deferred.make<void>();
  const go = yield* Deferred.make<void>();
  const sandbox = fakeSandbox(() =>
    Deferred.succeed(started, undefined).pipe(
      Effect.andThen(Deferred.await(go)),
      Effect.as(outcome("1\n")),
    )
  );
  return { started, go, sandbox };
});

const steps = [
  Scripted.calls(Scripted.toolCall("c", "execute_bash", { command: "echo >> counter; wc -l < counter" })),
  Scripted.answers("counted"),
  Scripted.answers("a second run"),
];

it.live("a stock client whose connection is cut mid-tool retries and gets the run it started", () =>
  Effect.gen(function* () {
    const { started, go, sandbox } = yield* countingSandbox;
    const proxy = yield* cuttingProxy(yield* served({ steps, sandbox }));
    const client = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: "any" });
    const answering = client.chat.completions.create({
      model: "scripted:none",
      user: "u",
      messages: [{ role: "user", content: "count" }],
    });
    yield* Deferred.await(started);
    yield* proxy.cut;
    const answered = yield* Effect.forkChild(Effect.promise(() => answering));
    yield* Deferred.succeed(go, undefined);
    const completion = yield* Fiber.join(answered);
    assert.equal(completion.choices[0]?.message.content, "counted");
    assert.equal(proxy.connections(), 2);
    assert.deepEqual(sandbox.executed.length, 1);
  }));

it.live("an Idempotency-Key gives the same response twice and runs once", () =>
  Effect.gen(function* () {
    const { go, sandbox } = yield* countingSandbox;
    yield* Deferred.succeed(go, undefined);
    const base = yield* served({ steps, sandbox });
    const send = (text: string) =>
      Effect.promise(() =>
        fetch(`${base}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json", "idempotency-key": "k" },
          body: JSON.stringify({ user: "u", messages: [{ role: "user", content: text }] }),
        })
      );
    const [first, second, other] = [yield* send("count"), yield* send("count"), yield* send("something else")];
    assert.deepEqual(yield* Effect.promise(() => first.json()), yield* Effect.promise(() => second.json()));
    assert.equal(sandbox.executed.length, 1);
    assert.equal(other.status, 422);
    assert.equal((yield* Effect.promise(() => other.json())).error.code, "idempotency_key_reused");
  }));
