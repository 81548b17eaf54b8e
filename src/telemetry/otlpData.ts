/**
 * Spans and lines of the log as objects of OTLP, for the form in JSON.
 *
 * *Source*: OTLP 1.9, `trace/v1` and `logs/v1`.
 */
import { type OtlpLogger, OtlpResource, type OtlpTracer } from "effect/observability";
import type { Attributes, KeptValue } from "./Attributes.ts";
import { type LoggedLine, severities } from "./otlpLogs.ts";
import type { EndedSpan } from "./Spans.ts";

type Span = OtlpTracer.ScopeSpan["spans"][number];
type Line = NonNullable<OtlpLogger.LogsData["resourceLogs"][number]["scopeLogs"][number]["logRecords"]>[number];

/** OpenTelemetry's numbers of our kinds of spans. */
export const spanKinds: Readonly<Record<EndedSpan["kind"], number>> = { internal: 1, server: 2, client: 3 };

/** OpenTelemetry's numbers of how spans came out. */
export const spanStatus = { unset: 0, error: 2 } as const;

const valueOf = (value: KeptValue | undefined): OtlpResource.AnyValue =>
  typeof value === "object" ? value : OtlpResource.unknownToAttributeValue(value);

const attributesOf = ({ names, values }: Attributes): Array<OtlpResource.KeyValue> =>
  names.map((name, at) => ({ key: name, value: valueOf(values[at]) }));

/** A span in OTLP. */
export const spanData = (span: EndedSpan): Span => ({
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parent?.spanId,
  name: span.name,
  kind: spanKinds[span.kind],
  startTimeUnixNano: String(span.startNanos),
  endTimeUnixNano: String(span.endNanos),
  attributes: attributesOf(span.attributes),
  droppedAttributesCount: 0,
  events: [],
  droppedEventsCount: 0,
  status: { code: span.hasFailed ? spanStatus.error : spanStatus.unset },
  links: span.link === undefined
    ? []
    : [{ traceId: span.link.traceId, spanId: span.link.spanId, attributes: [], droppedAttributesCount: 0 }],
  droppedLinksCount: 0,
});

/** A line of the log in OTLP. */
export const lineData = ({ timeMs, level, words, attributes, traceId, spanId }: LoggedLine): Line => {
  const time = `${timeMs}000000`;
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: severities[level],
    severityText: level,
    body: { stringValue: words },
    attributes: attributesOf(attributes),
    droppedAttributesCount: 0,
    ...(traceId !== undefined && { traceId }),
    ...(spanId !== undefined && { spanId }),
  };
};
