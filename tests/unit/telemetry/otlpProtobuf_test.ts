import assert from "node:assert/strict";
import { Context, Effect, Layer } from "effect";
import type { HttpBody } from "effect/http";
import { OtlpResource, OtlpSerialization } from "effect/observability";
import * as OtlpProtobuf from "../../../src/telemetry/otlpProtobuf.ts";
import type { OtlpLine } from "../../../src/telemetry/otlpLogs.ts";
import type { OtlpSpan } from "../../../src/telemetry/Spans.ts";
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
const attributes = () => OtlpResource.entriesToAttributes(some(8, () => [text(), values[below(values.length)]?.()]));
const time = () => `17${String(below(10 ** 8)).padStart(17, "0")}`;

const span = (): OtlpSpan => ({
  traceId: hex(16),
  spanId: hex(8),
  parentSpanId: chance() ? hex(8) : undefined,
  name: text(),
  kind: below(5),
  startTimeUnixNano: time(),
  endTimeUnixNano: time(),
  attributes: attributes(),
  droppedAttributesCount: below(3),
  events: some(2, () => ({
    timeUnixNano: time(),
    name: text(),
    attributes: attributes(),
    droppedAttributesCount: below(2),
  })),
  droppedEventsCount: below(2),
  status: chance() ? { code: 0 } : { code: 2, message: text() },
  links: some(2, () => ({
    traceId: hex(16),
    spanId: hex(8),
    attributes: attributes(),
    droppedAttributesCount: below(2),
  })),
  droppedLinksCount: below(200),
});

const line = (): OtlpLine => ({
  timeUnixNano: time(),
  observedTimeUnixNano: time(),
  severityNumber: 9,
  severityText: chance() ? "Info" : "",
  body: { stringValue: text() },
  attributes: attributes(),
  droppedAttributesCount: below(2),
  ...(chance() && { traceId: hex(16), spanId: hex(8) }),
});

const resource = () => OtlpResource.make({ serviceName: text(), serviceVersion: "1", attributes: { at: text() } });
const scope = { name: "caisson", version: "1.2.3" };

const serializationOf = (layer: Layer.Layer<OtlpSerialization.OtlpSerialization>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, OtlpSerialization.OtlpSerialization));

const bytesOf = (body: HttpBody.HttpBody): Uint8Array => {
  assert(body._tag === "Uint8Array");
  assert.equal(body.contentType, "application/x-protobuf");
  return body.body;
};

it.effect("spans and lines are written as Effect writes them, byte for byte", () =>
  Effect.gen(function* () {
    const ours = yield* serializationOf(OtlpProtobuf.layer);
    const effects = yield* serializationOf(OtlpSerialization.layerProtobuf);
    for (let batch = 0; batch < 60; batch++) {
      const traces = { resourceSpans: [{ resource: resource(), scopeSpans: [{ scope, spans: some(40, span) }] }] };
      assert.deepEqual(bytesOf(ours.traces(traces)), bytesOf(effects.traces(traces)));
      const logs = { resourceLogs: [{ resource: resource(), scopeLogs: [{ scope, logRecords: some(40, line) }] }] };
      assert.deepEqual(bytesOf(ours.logs(logs)), bytesOf(effects.logs(logs)));
    }
  }));

it.effect("measurements are written too", () =>
  Effect.gen(function* () {
    const ours = yield* serializationOf(OtlpProtobuf.layer);
    const metrics = { resourceMetrics: [{ resource: resource(), scopeMetrics: [{ scope, metrics: [] }] }] };
    assert(bytesOf(ours.metrics(metrics)).length > 0);
  }));
