import assert from "node:assert/strict";
import { request } from "node:http";
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { served } from "../support/served.ts";
import { contentOf, readStream } from "../support/sse.ts";

const body = (stream: boolean) => JSON.stringify({ stream, user: "u", messages: [{ role: "user", content: "hi" }] });

const post = (base: string, stream: boolean, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  Effect.promise(() =>
    fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: body(stream),
      ...(signal === undefined ? {} : { signal }),
    })
  );

/** A sandbox whose command never ends, and the moments it started and was interrupted. */
const hangingSandbox = Effect.gen(function* () {
  const started = yield* Deferred.make<void>();
  const interrupted = yield* Deferred.make<void>();
  const sandbox = fakeSandbox(() =>
    Deferred.succeed(started, undefined).pipe(
      Effect.andThen(Effect.never),
      Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined)),
      Effect.as(outcome("")),
    )
  );
  return { started, interrupted, sandbox };
});

const callThenAnswer = [
  Scripted.calls(Scripted.toolCall("c1", "execute_bash", { command: "sleep 1000" })),
  Scripted.answers("done"),
];

for (const stream of [true, false]) {
  it.live(`server cancels the run and its command when a ${stream ? "streaming" : "waiting"} client goes away`, () =>
    Effect.gen(function* () {
      const { started, interrupted, sandbox } = yield* hangingSandbox;
      const base = yield* served({ steps: callThenAnswer, sandbox });
      const client = request(`${base}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
      });
      client.on("error", () => {});
      client.end(body(stream));
      yield* Deferred.await(started);
      client.destroy();
      yield* Deferred.await(interrupted);
    }));
}

it.live("server drains running requests when it shuts down", () =>
  Effect.gen(function* () {
    const release = yield* Deferred.make<void>();
    const reached = yield* Deferred.make<void>();
    const scope = yield* Scope.make();
    const base = yield* served({
      steps: [() =>
        Stream.concat(
          Stream.make(Scripted.text("first ")),
          Stream.unwrap(
            Deferred.succeed(reached, undefined).pipe(
              Effect.andThen(Deferred.await(release)),
              Effect.as(Stream.make(Scripted.text("second"), Scripted.finished())),
            ),
          ),
        )],
    }).pipe(Effect.provideService(Scope.Scope, scope));
    const response = yield* post(base, true);
    yield* Deferred.await(reached);
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void));
    yield* Effect.yieldNow;
    yield* Deferred.succeed(release, undefined);
    const read = readStream(yield* Effect.promise(() => response.text()));
    assert.equal(contentOf(read), "first second");
    assert.ok(read.done);
    yield* Fiber.join(closing);
  }));
