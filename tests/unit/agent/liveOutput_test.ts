import assert from "node:assert/strict";
import { LiveOutput } from "../../../src/agent/liveOutput.ts";
import { growsWithin } from "../../support/timing.ts";

const told = (output: LiveOutput) => output.look().map(({ stream, text, omitted }) => [stream, text, omitted]);
const sizeOf = (events: ReturnType<typeof told>) => events.reduce((sum, [, text]) => sum + String(text).length, 0);

Deno.test("LiveOutput.look tells what was printed since, in order, streams apart", () => {
  const output = new LiveOutput("c");
  assert.deepEqual(told(output), []);
  output.take("stdout", "a");
  output.take("stdout", "b");
  output.take("stderr", "!");
  output.take("stdout", "c");
  assert.deepEqual(told(output), [["stdout", "ab", undefined], ["stderr", "!", undefined], ["stdout", "c", undefined]]);
  assert.deepEqual(told(output), []);
});

Deno.test("LiveOutput keeps the first and the last of too much and counts what is between", () => {
  for (const piece of [1, 7, 1_000, 100_000]) {
    const output = new LiveOutput("c");
    const text = "0123456789".repeat(1_000_000 / 10);
    for (let at = 0; at < text.length; at += piece) output.take("stdout", text.slice(at, at + piece));
    const events = output.look();
    const [head, tail] = [events[0]?.text ?? "", events.at(-1)?.text ?? ""];
    assert.equal(head, text.slice(0, 2_048));
    assert.equal(tail, text.slice(-2_048));
    assert.equal(events.at(-1)?.omitted, text.length - 4_096);
  }
});

Deno.test("LiveOutput tells no more than its bound of a flood, and never half a character", () => {
  const output = new LiveOutput("c");
  let sum = 0;
  for (let look = 0; look < 100; look++) {
    output.take(look % 2 === 0 ? "stdout" : "stderr", "x" + "\u{1F30D}".repeat(5_000));
    const events = told(output);
    sum += sizeOf(events);
    for (const [, text] of events) assert.ok(String(text).isWellFormed());
  }
  assert.ok(sum <= 64 * 1024 && sum > 60 * 1024, `${sum} characters`);
  assert.deepEqual(told(output), []);
});

Deno.test("LiveOutput takes a program that prints byte by byte in linear time", () => {
  const printing = (count: number) => () => {
    const output = new LiveOutput("c");
    for (let n = 0; n < count; n++) output.take("stdout", "x");
    output.look();
  };
  assert.ok(growsWithin(40, printing(100_000), printing(800_000)));
});
