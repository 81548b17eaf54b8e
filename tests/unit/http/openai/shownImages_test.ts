/**
 * Images of a cell: which stand in the response with their bytes, and how they are written.
 */
import assert from "node:assert/strict";
import { Effect, Option, Stream } from "effect";
import { dataUrlOf, fitting } from "../../../../src/http/openai/responses/shownImages.ts";
import { FileError } from "../../../../src/services/Sandbox.ts";
import { it } from "../../../support/it.ts";

const mebibyte = 1024 * 1024;
const image = (id: string, sizeBytes: number) => ({
  id,
  path: `/workspace/${id}.png`,
  clientPath: `/mnt/data/${id}.png`,
  sizeBytes,
  modifiedAtMs: 0,
  source: "assistant" as const,
});

Deno.test("fitting keeps images of at most a mebibyte, and of at most four together", () => {
  assert.deepEqual([...fitting([image("empty", 0), image("whole", mebibyte), image("large", mebibyte + 1)])], [
    "whole",
  ]);
  const many = Array.from({ length: 6 }, (_, index) => image(`i${index}`, mebibyte));
  assert.deepEqual([...fitting(many)], ["i0", "i1", "i2", "i3"]);
});

it.effect("dataUrlOf writes the bytes of all pieces, and none of an image that has gone", () =>
  Effect.gen(function* () {
    const pieces = Stream.make(new Uint8Array([1, 2]), new Uint8Array([3]));
    const written = yield* dataUrlOf({ readBytes: () => pieces }, image("a", 3));
    assert.equal(Option.getOrUndefined(written), "data:image/png;base64,AQID");
    const gone = Stream.fail(new FileError({ path: "/workspace/a.png", reason: "NotFound", why: "gone" }));
    assert.deepEqual(yield* dataUrlOf({ readBytes: () => gone }, image("a", 3)), Option.none());
  }));
