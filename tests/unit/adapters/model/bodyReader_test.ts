/**
 * The corner cases of server-sent events and of servers that do not keep to them: the same values in
 * every cutting of the same bytes.
 */
import assert from "node:assert/strict";
import { BodyReader } from "../../../../src/adapters/model/bodyReader.ts";
import { growsWithin } from "../../../support/timing.ts";

interface Read {
  readonly values: ReadonlyArray<unknown>;
  readonly why: string | undefined;
  readonly saidDone: boolean;
}

const read = (pieces: Iterable<string>): Read => {
  const reader = new BodyReader();
  for (const piece of pieces) reader.feed(piece);
  reader.end();
  const reason = reader.failure?.reason;
  return {
    values: reader.take(),
    why: reason?._tag === "BadOutput" ? reason.why : undefined,
    saidDone: reader.saidDone,
  };
};

const pieces = (text: string, size: number): ReadonlyArray<string> =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size));

const values = (...expected: ReadonlyArray<unknown>): Read => ({ values: expected, why: undefined, saidDone: false });

const bodies: ReadonlyArray<readonly [string, string, Read]> = [
  ["line feeds", 'data: {"a":1}\n\ndata: {"b":2}\n\n', values({ a: 1 }, { b: 2 })],
  ["carriage returns", 'data: {"a":1}\r\rdata: {"b":2}\r\r', values({ a: 1 }, { b: 2 })],
  ["both together", 'data: {"a":1}\r\n\r\ndata: {"b":2}\r\n\r\n', values({ a: 1 }, { b: 2 })],
  ["all three mixed", 'data: {"a":1}\r\n\ndata: {"b":2}\n\rdata: {"c":3}\r\r\n', values({ a: 1 }, { b: 2 }, { c: 3 })],
  ["a byte order mark", '\uFEFFdata: {"a":1}\n\n', values({ a: 1 })],
  ["blank lines first", '\n\r\n\n\ndata: {"a":1}\n\n', values({ a: 1 })],
  ["comments", ': hi\n\n: there\r\ndata: {"a":1}\n: again\n\n', values({ a: 1 })],
  ["comments only", ": one\n\n: two\n\n", values()],
  ["names, ids and retry times", 'retry: 10\nevent: x\nid: 7\ndata: {"a":1}\n\n', values({ a: 1 })],
  ["data in several lines", 'data: {"a":\ndata: 1}\n\n', values({ a: 1 })],
  ["no blank after the colon", 'data:{"a":1}\n\n', values({ a: 1 })],
  ["fields that only begin like data", 'datab: {"z":1}\ndata: {"a":1}\n\n', values({ a: 1 })],
  ["events that say nothing", 'data:\n\ndata: \n\ndata\n\ndata: {"a":1}\n\n', values({ a: 1 })],
  ["a last event without its blank line", 'data: {"a":1}\n\ndata: {"b":2}', values({ a: 1 }, { b: 2 })],
  ["a last event that was cut", 'data: {"a":1}\n\ndata: {"b":', values({ a: 1 })],
  ["the mark and what follows it", 'data: {"a":1}\n\ndata: [DONE]\n\ndata: {"b":2}\n\n', {
    ...values({ a: 1 }),
    saidDone: true,
  }],
  ["the mark without its blank line", 'data: {"a":1}\n\ndata: [DONE]', { ...values({ a: 1 }), saidDone: true }],
  ["one JSON document", ' {"a":\n\n1}', { ...values({ a: 1 }), saidDone: true }],
  ["a list of what would be events", '[{"a":1},\n\n{"b":2}]', { ...values({ a: 1 }, { b: 2 }), saidDone: true }],
  ["nothing", "", values()],
  ["a page", "\n<!doctype html><html>", { ...values(), why: "the response is an HTML page" }],
  ["a document that was cut", '{"a":', { ...values(), why: "the response is not a stream of JSON events" }],
  ["what is not JSON in between", 'data: {"a":1}\n\ndata: {no}\n\ndata: {"b":2}\n\n', {
    ...values({ a: 1 }),
    why: "the response is not a stream of JSON events",
  }],
];

for (const [what, body, expected] of bodies) {
  Deno.test(`BodyReader reads the same when a body with ${what} is cut anywhere`, () => {
    for (const size of [1, 2, 3, 7, 16, 10_000]) assert.deepEqual(read(pieces(body, size)), expected, `size ${size}`);
  });
}

Deno.test("BodyReader reads 1,000 events of one packet", () => {
  const body = Array.from({ length: 1000 }, (_, index) => `data: ${index}\n\n`).join("");
  assert.deepEqual(read([body]).values, Array.from({ length: 1000 }, (_, index) => index));
});

const megabyte = "x".repeat(1024 * 1024);
for (
  const [what, start] of [
    ["a line without an end", "data: "],
    ["data in lines without a blank one", "data: x\ndata: "],
    ["a document without an end", "{"],
  ]
) {
  Deno.test(`BodyReader keeps no more than a bound of ${what} and says so`, () => {
    const reader = new BodyReader();
    let fed = 0;
    reader.feed(String(start));
    for (; fed < 100 && !reader.isOver; fed++) {
      reader.feed(megabyte);
      if (what?.startsWith("data in")) reader.feed("\ndata: ");
    }
    assert.ok(fed <= 17, `took in ${fed} MiB`);
    const reason = reader.failure?.reason;
    assert.equal(reason?._tag === "BadOutput" ? reason.why : undefined, "an event is too large");
  });
}

Deno.test("BodyReader reads a large event in time that grows with its size when it comes byte by byte", () => {
  const reading = (length: number) => () => read(`data: "${"x".repeat(length)}"\n\n`);
  assert.ok(growsWithin(40, reading(50_000), reading(400_000)));
});
