/**
 * Spans as they are collected: ids, sampling, and the form in which they leave.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "effect";
import { OtlpResource, type OtlpTracer } from "effect/observability";
import type { AttributeValue, Span, SpanContext, SpanOptions, TracingService } from "../services/Tracing.ts";
import { key } from "./names.ts";

/** A span in OTLP. */
export type OtlpSpan = OtlpTracer.TraceData["resourceSpans"][number]["scopeSpans"][number]["spans"][number];

/** Which traces are kept. */
export interface Sampler {
  /** A span with a parent is kept when its parent is. */
  readonly followsParent: boolean;
  /** The share of traces that is kept otherwise, from 0 to 1. */
  readonly ratio: number;
}

/** Bytes of a text in a span: content can be long, and a batch has many spans. */
const textMax = 16_384;
/** Attributes of a span; ours have far fewer. */
const attributesMax = 64;

const kinds = { internal: 1, server: 2, client: 3 } as const;
const statusUnset = 0;
const statusError = 2;

/** Whether a trace belongs to the share that is kept, told by its id alone so that every process decides alike. */
const isWithin = (traceId: string, ratio: number): boolean => parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;

const bounded = (value: AttributeValue): AttributeValue =>
  typeof value === "string" && value.length > textMax ? `${value.slice(0, textMax).toWellFormed()}…` : value;

/** Random bytes that the system is asked for at once: asking costs more than an id. */
const randomBytesAtOnce = 4_096;

/** Random ids in hexadecimal digits. */
class RandomIds {
  #digits = "";
  #used = 0;

  make(count: 16 | 32): string {
    if (this.#used + count > this.#digits.length) {
      this.#digits = randomBytes(randomBytesAtOnce).toString("hex");
      this.#used = 0;
    }
    this.#used += count;
    return this.#digits.slice(this.#used - count, this.#used);
  }
}

/** A span until it has ended. */
class CollectedSpan implements Span {
  readonly spanId: string;
  readonly #startNanos: bigint;
  readonly #attributes = new Map<string, AttributeValue>();
  #parent: SpanContext | undefined;
  #link: SpanContext | undefined;
  #traceId: string | undefined;
  #hasEnded = false;

  constructor(
    readonly name: string,
    readonly options: SpanOptions,
    readonly ids: RandomIds,
    readonly sampler: Sampler,
    readonly clock: Clock.Clock,
    readonly collect: (span: OtlpSpan) => void,
  ) {
    this.spanId = ids.make(16);
    this.#startNanos = clock.currentTimeNanosUnsafe();
    this.#parent = options.parent;
    if (options.parent === undefined) this.#link = options.caller;
    for (const [name, value] of Object.entries(options.attributes ?? {})) this.set(name, value);
  }

  get traceId(): string {
    return this.#traceId ??= this.#parent?.traceId ?? this.ids.make(32);
  }

  get isSampled(): boolean {
    const { followsParent, ratio } = this.sampler;
    const { traceId } = this;
    return followsParent && this.#parent !== undefined ? this.#parent.isSampled : isWithin(traceId, ratio);
  }

  readonly adopt = (): void => {
    if (this.#traceId !== undefined || this.#link === undefined) return;
    this.#parent = this.#link;
    this.#link = undefined;
  };

  readonly set = (name: string, value: AttributeValue): void => {
    if (!this.#hasEnded && this.#attributes.size < attributesMax) this.#attributes.set(name, bounded(value));
  };

  readonly end = (errorType?: string): void => {
    if (this.#hasEnded) return;
    if (errorType !== undefined) this.set(key.errorType, errorType);
    this.#hasEnded = true;
    if (this.isSampled) this.collect(this.#told(errorType !== undefined));
  };

  #told(hasFailed: boolean): OtlpSpan {
    const link = this.#link;
    return {
      traceId: this.traceId,
      spanId: this.spanId,
      parentSpanId: this.#parent?.spanId,
      name: this.name,
      kind: kinds[this.options.kind ?? "internal"],
      startTimeUnixNano: String(this.#startNanos),
      endTimeUnixNano: String(this.clock.currentTimeNanosUnsafe()),
      attributes: OtlpResource.entriesToAttributes(this.#attributes),
      droppedAttributesCount: 0,
      events: [],
      droppedEventsCount: 0,
      status: { code: hasFailed ? statusError : statusUnset },
      links: link === undefined
        ? []
        : [{ traceId: link.traceId, spanId: link.spanId, attributes: [], droppedAttributesCount: 0 }],
      droppedLinksCount: 0,
    };
  }
}

/** Makes spans that are handed to `collect` when they have ended. */
export const makeTracing = (
  parts: {
    readonly sampler: Sampler;
    readonly clock: Clock.Clock;
    readonly collect: (span: OtlpSpan) => void;
  } & Pick<TracingService, "tellsContent" | "trustsCallers" | "tellsProviders">,
): TracingService => {
  const { sampler, clock, collect, tellsContent, trustsCallers, tellsProviders } = parts;
  const ids = new RandomIds();
  return {
    tellsContent,
    trustsCallers,
    tellsProviders,
    begin: (name, options) => new CollectedSpan(name, options, ids, sampler, clock, collect),
  };
};
