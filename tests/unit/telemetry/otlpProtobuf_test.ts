import assert from "node:assert/strict";
import { Context, Effect, Layer } from "effect";
import type { HttpBody } from "effect/http";
import { OtlpResource, OtlpSerialization } from "effect/observability";
import { Attributes } from "../../../src/telemetry/Attributes.ts";
import { lineData, spanData } from "../../../src/telemetry/otlpData.ts";
import type { LoggedLine } from "../../../src/telemetry/otlpLogs.ts";
import * as OtlpProtobuf from "../../../src/telemetry/otlpProtobuf.ts";
import type { EndedSpan } from "../../../src/telemetry/Spans.ts";
import { makeRandom } from "../adapters/sandbox/supervisor/random.ts";
import { it } from "../../support/it.ts";

const { below } = makeRandom(7);
const chance = () => below(2) === 0;
const some = <A>(most: number, make: () => A): Array<A> => Array.from({ length: below(most + 1) }, make);

const texts = ["", "ok", "plain words", "é", "日本語", "😀", "\ud800", "x".repeat(63) + "é", "y".repeat(70_000)];
const text = () => `${texts[below(texts.length)]}${below(1000)}`;
const numbers = [0, 1, 127, 128, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 53, -1, -(2 ** 40), 0.5, -1e300, NaN, Infinity];
const hex = (bytes: number) => Array.from({ length: bytes }, () => below(256).toString(16).padStart(2, "0")).join("");

const values: ReadonlyArray<() => unknown> = [
  text,
  () => numbers[below(numbers.length)],
  () => chance(),
  () => 9_223_372_036_854_775_807n - BigInt(below(10)),
  () => some(4, text),
  () => some(2, () => some(2, () => below(300))),
];
const entries = () => some(8, (): [string, unknown] => [text(), values[below(values.length)]?.()]);
const attributes = () => {
  const all = new Attributes();
  for (const [name, value] of entries()) all.set(name, value);
  return all;
};
const nanos = () => BigInt(`17${String(below(10 ** 8)).padStart(17, "0")}`);
const context = () => ({ traceId: hex(16), spanId: hex(8), isSampled: true });
const kinds = ["internal", "server", "client"] as const;

const span = (): EndedSpan => ({
  traceId: hex(16),
  spanId: hex(8),
  parent: chance() ? context() : undefined,
  link: chance() ? context() : undefined,
  name: text(),
  kind: kinds[below(kinds.length)] ?? "internal",
  startNanos: nanos(),
  endNanos: nanos(),
  attributes: attributes(),
  hasFailed: chance(),
});

const levels = ["All", "Trace", "Debug", "Info", "Warn", "Error", "Fatal", "None"] as const;

const line = (): LoggedLine => ({
  timeMs: 1_700_000_000_000 + below(10 ** 8),
  level: levels[below(levels.length)] ?? "Info",
  words: text(),
  attributes: attributes(),
  ...(chance() ? { traceId: hex(16), spanId: hex(8) } : { traceId: undefined, spanId: undefined }),
});

const resource = () =>
  OtlpResource.make({ serviceName: text(), serviceVersion: "1", attributes: Object.fromEntries(entries()) });
const scope = { name: "caisson", version: "1.2.3" };

const bytesOf = (body: HttpBody.HttpBody): Uint8Array => {
  assert(body._tag === "Uint8Array");
  assert.equal(body.contentType, "application/x-protobuf");
  return body.body;
};

it.effect("spans and lines are written as Effect writes them, byte for byte", () =>
  Effect.gen(function* () {
    const effects = Context.get(
      yield* Layer.build(OtlpSerialization.layerProtobuf),
      OtlpSerialization.OtlpSerialization,
    );
    for (let batch = 0; batch < 60; batch++) {
      const of = resource();
      const spans = some(40, span);
      const traces = effects.traces({
        resourceSpans: [{ resource: of, scopeSpans: [{ scope, spans: spans.map(spanData) }] }],
      });
      assert.deepEqual(bytesOf(OtlpProtobuf.traces(of, scope, spans)), bytesOf(traces));
      const lines = some(40, line);
      const logs = effects.logs({
        resourceLogs: [{ resource: of, scopeLogs: [{ scope, logRecords: lines.map(lineData) }] }],
      });
      assert.deepEqual(bytesOf(OtlpProtobuf.logs(of, scope, lines)), bytesOf(logs));
    }
  }));

it.effect("a value that comes again replaces the first, and what could change is kept as it was", () =>
  Effect.sync(() => {
    const attributes = new Attributes();
    const reasons = ["stop"];
    attributes.set("reasons", reasons);
    attributes.set("turns", 1);
    attributes.set("turns", 2);
    reasons.push("length");
    assert.deepEqual(attributes.names, ["reasons", "turns"]);
    assert.deepEqual(attributes.values, [{ arrayValue: { values: [{ stringValue: "stop" }] } }, 2]);
  }));
