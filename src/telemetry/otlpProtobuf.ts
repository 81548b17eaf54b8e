/**
 * Spans and lines of the log as OpenTelemetry's protobuf.
 *
 * *Details*: these are written for every request, straight from what was collected. Effect's own writer wants an
 * object for each value, and makes memory for each field of each message. What it writes is the same, byte for byte.
 * Measurements leave once a minute, and it writes them.
 *
 * *Source*: opentelemetry-proto 1.9, `trace/v1`, `logs/v1`, `common/v1`, `resource/v1`.
 */
import { HttpBody } from "effect/http";
import { OtlpResource } from "effect/observability";
import type { Attributes, KeptValue } from "./Attributes.ts";
import { spanKinds, spanStatus } from "./otlpData.ts";
import { type LoggedLine, severities } from "./otlpLogs.ts";
import { ProtobufWriter } from "./ProtobufWriter.ts";
import type { EndedSpan } from "./Spans.ts";

const nanosOfMs = 1_000_000n;

/** Writes values of a list, each as a message of its own; the last one first, as everything is. */
const writeAll = <A>(
  to: ProtobufWriter,
  field: number,
  all: ReadonlyArray<A>,
  write: (to: ProtobufWriter, one: A) => void,
): void => {
  for (let index = all.length - 1; index >= 0; index--) {
    const one = all[index];
    if (one === undefined) continue;
    const before = to.length;
    write(to, one);
    to.message(field, before);
  }
};

const writeAny = (to: ProtobufWriter, value: OtlpResource.AnyValue): void => {
  if (typeof value.stringValue === "string") return to.text(1, value.stringValue);
  if (typeof value.boolValue === "boolean") return to.varint(2, value.boolValue ? 1 : 0);
  const { intValue, doubleValue, arrayValue, kvlistValue } = value;
  if (intValue !== undefined && intValue !== null) {
    return to.varint(3, Number.isSafeInteger(Number(intValue)) ? Number(intValue) : BigInt(intValue));
  }
  if (typeof doubleValue === "number") return to.double(4, doubleValue);
  if (value.bytesValue !== undefined) return to.bytes(7, value.bytesValue);
  const before = to.length;
  if (arrayValue !== undefined) {
    writeAll(to, 1, arrayValue.values, writeAny);
    to.message(5, before);
  } else if (kvlistValue !== undefined) {
    writeAll(to, 1, kvlistValue.values, writePair);
    to.message(6, before);
  }
};

const writePair = (to: ProtobufWriter, { key, value }: OtlpResource.KeyValue): void => {
  const before = to.length;
  writeAny(to, value);
  to.message(2, before);
  to.text(1, key);
};

const writeValue = (to: ProtobufWriter, value: KeptValue): void => {
  if (typeof value === "string") return to.text(1, value);
  if (typeof value === "boolean") return to.varint(2, value ? 1 : 0);
  if (Number.isSafeInteger(value)) return to.varint(3, Number(value));
  writeAny(to, typeof value === "number" ? OtlpResource.unknownToAttributeValue(value) : value);
};

const writeAttributes = (to: ProtobufWriter, field: number, { names, values }: Attributes): void => {
  for (let index = names.length - 1; index >= 0; index--) {
    const [name, value] = [names[index], values[index]];
    if (name === undefined || value === undefined) continue;
    const before = to.length;
    writeValue(to, value);
    to.message(2, before);
    to.text(1, name);
    to.message(field, before);
  }
};

const writeSpan = (to: ProtobufWriter, span: EndedSpan): void => {
  const { link, parent } = span;
  let before = to.length;
  to.varint(3, span.hasFailed ? spanStatus.error : spanStatus.unset);
  to.message(15, before);
  if (link !== undefined) {
    before = to.length;
    to.hex(2, link.spanId);
    to.hex(1, link.traceId);
    to.message(13, before);
  }
  writeAttributes(to, 9, span.attributes);
  to.fixed64(8, span.endNanos);
  to.fixed64(7, span.startNanos);
  to.varint(6, spanKinds[span.kind]);
  to.text(5, span.name);
  if (parent !== undefined) to.hex(4, parent.spanId);
  to.hex(2, span.spanId);
  to.hex(1, span.traceId);
};

const writeLine = (to: ProtobufWriter, { timeMs, level, words, attributes, traceId, spanId }: LoggedLine): void => {
  const nanos = BigInt(timeMs) * nanosOfMs;
  to.fixed64(11, nanos);
  if (spanId !== undefined) to.hex(10, spanId);
  if (traceId !== undefined) to.hex(9, traceId);
  writeAttributes(to, 6, attributes);
  const before = to.length;
  to.text(1, words);
  to.message(5, before);
  to.textIfAny(3, level);
  to.varint(2, severities[level]);
  to.fixed64(1, nanos);
};

/** Writes what was collected in one scope of one resource; spans and lines stand in fields of the same numbers. */
const bodyOf = <A>(write: (to: ProtobufWriter, one: A) => void) =>
(
  resource: OtlpResource.Resource,
  scope: { readonly name: string; readonly version: string },
  all: ReadonlyArray<A>,
): HttpBody.HttpBody => {
  const to = new ProtobufWriter();
  writeAll(to, 2, all, write);
  let before = to.length;
  to.textIfAny(2, scope.version);
  to.text(1, scope.name);
  to.message(1, before);
  to.message(2, 0);
  before = to.length;
  to.count(2, resource.droppedAttributesCount);
  writeAll(to, 1, resource.attributes, writePair);
  to.message(1, before);
  to.message(1, 0);
  return HttpBody.uint8Array(to.written, "application/x-protobuf");
};

/** Writes spans. */
export const traces = bodyOf<EndedSpan>(writeSpan);

/** Writes lines of the log. */
export const logs = bodyOf<LoggedLine>(writeLine);
