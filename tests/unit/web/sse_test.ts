import assert from "node:assert/strict";
import { Effect, Stream } from "effect";
import { dataFrame, doneFrame, sse } from "../../../src/web/sse.ts";
import { it } from "../../support/it.ts";

it.effect("sse writes frames that are ready together as one buffer", () =>
  Effect.gen(function* () {
    const response = sse(Stream.fromIterable([dataFrame("1"), "", dataFrame("2"), doneFrame]));
    assert.ok(response.body._tag === "Stream");
    const written = yield* Stream.runCollect(response.body.stream);
    assert.deepEqual(written.map((chunk) => new TextDecoder().decode(chunk)), [
      "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n",
    ]);
    assert.equal(response.headers["content-type"], "text/event-stream");
    assert.equal(response.headers["cache-control"], "no-cache");
  }));
