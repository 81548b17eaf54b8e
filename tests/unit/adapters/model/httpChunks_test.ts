import assert from "node:assert/strict";
import { Effect, Result, Stream } from "effect";
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http";
import { TestClock } from "effect/testing";
import { fault } from "../../../../src/adapters/model/fault.ts";
import { httpChunks, type HttpFailure } from "../../../../src/adapters/model/httpChunks.ts";
import { ConnectionLost } from "../../../../src/services/Model.ts";
import { it } from "../../../support/it.ts";

/** Opens an answer as if a server had given it. */
const open = Effect.fnUntraced(function* (body: string | ReadableStream<Uint8Array>, init: ResponseInit) {
  const client = HttpClient.make((request) =>
    Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body, init)))
  );
  const failures: Array<HttpFailure> = [];
  const result = yield* Stream.unwrap(
    httpChunks(client, HttpClientRequest.get("http://upstream.test/"), (failure) => {
      failures.push(failure);
      return fault(new ConnectionLost(), "told");
    }),
  ).pipe(Stream.runCollect, Effect.result);
  return { result, failure: failures[0] };
});

const events = { headers: { "content-type": "text/event-stream" } };

it.effect("httpChunks gives the data of events and skips comments, blanks, names and retry lines", () =>
  Effect.gen(function* () {
    const body =
      ': hi\n\nretry: 10\nevent: x\ndata: {"a":1}\n\ndata:\n\ndata: {"b":\ndata: 2}\n\ndata: [DONE]\n\ndata: {"c":3}\n\n';
    assert.deepEqual((yield* open(body, events)).result, Result.succeed([{ a: 1 }, { b: 2 }]));
  }));

it.effect("httpChunks takes an answer that is one JSON document as one chunk", () =>
  Effect.gen(function* () {
    const { result } = yield* open('{"a":1}', { headers: { "content-type": "application/json; charset=utf-8" } });
    assert.deepEqual(result, Result.succeed([{ a: 1 }]));
  }));

it.effect("httpChunks reads an error page only so far", () =>
  Effect.gen(function* () {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(16 * 1024).fill(120));
      },
    });
    const { failure } = yield* open(endless, { status: 500 });
    assert.equal(failure?.text.length, 64 * 1024);
    assert.ok(pulled < 10, `read ${pulled} pieces`);
  }));

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
  it.effect(`httpChunks reads a wait of ${expected} ms from ${JSON.stringify(headers)}`, () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(10_000);
      const { failure } = yield* open("slow down", { status: 429, headers });
      assert.deepEqual(failure, { status: 429, text: "slow down", retryAfterMs: expected });
    }));
}
