/**
 * Spans as they are collected: ids and sampling.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "effect";
import type { AttributeValue, Span, SpanContext, SpanOptions, TracingService } from "../services/Tracing.ts";
import { Attributes } from "./Attributes.ts";
import { key } from "./names.ts";

/** A span that has ended, as its writers read it. */
export interface EndedSpan {
  readonly name: string;
  readonly kind: NonNullable<SpanOptions["kind"]>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: SpanContext | undefined;
  readonly link: SpanContext | undefined;
  readonly startNanos: bigint;
  readonly endNanos: bigint;
  readonly attributes: Attributes;
  readonly hasFailed: boolean;
}

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

/** A span: open until it has ended, then what is written of it. */
class CollectedSpan implements Span, EndedSpan {
  readonly spanId: string;
  readonly kind: EndedSpan["kind"];
  readonly startNanos: bigint;
  readonly attributes = new Attributes();
  endNanos = 0n;
  hasFailed = false;
  parent: SpanContext | undefined;
  link: SpanContext | undefined;
  #traceId: string | undefined;
  #isSampled: boolean | undefined;
  #hasEnded = false;

  constructor(
    readonly name: string,
    { kind = "internal", parent, caller, attributes = {} }: SpanOptions,
    readonly from: SpanSource,
  ) {
    this.spanId = from.ids.make(16);
    this.startNanos = from.clock.currentTimeNanosUnsafe();
    this.kind = kind;
    this.parent = parent;
    if (parent === undefined) this.link = caller;
    for (const name of Object.keys(attributes)) this.#put(name, attributes[name]);
  }

  get traceId(): string {
    return this.#traceId ??= this.parent?.traceId ?? this.from.ids.make(32);
  }

  get isSampled(): boolean {
    return this.#isSampled ??= this.#decided();
  }

  adopt(): void {
    if (this.#traceId !== undefined || this.link === undefined) return;
    this.parent = this.link;
    this.link = undefined;
  }

  set(name: string, value: AttributeValue): void {
    if (!this.#hasEnded) this.#put(name, value);
  }

  end(errorType?: string): void {
    if (this.#hasEnded) return;
    if (errorType !== undefined) this.set(key.errorType, errorType);
    this.#hasEnded = true;
    if (!this.isSampled) return;
    this.hasFailed = errorType !== undefined;
    this.endNanos = this.from.clock.currentTimeNanosUnsafe();
    this.from.collect(this);
  }

  #put(name: string, value: AttributeValue | undefined): void {
    if (value !== undefined && this.attributes.size < attributesMax) this.attributes.set(name, bounded(value));
  }

  /** Asked for the trace first: from then on no other parent is adopted. */
  #decided(): boolean {
    const { traceId, parent, from: { sampler } } = this;
    return sampler.followsParent && parent !== undefined ? parent.isSampled : isWithin(traceId, sampler.ratio);
  }
}

/** What spans are made with. */
interface SpanSource {
  readonly ids: RandomIds;
  readonly sampler: Sampler;
  readonly clock: Clock.Clock;
  readonly collect: (span: EndedSpan) => void;
}

/** Makes spans that are handed to `collect` when they have ended. */
export const makeTracing = (
  parts: Omit<SpanSource, "ids"> & Pick<TracingService, "tellsContent" | "trustsCallers" | "tellsProviders">,
): TracingService => {
  const { sampler, clock, collect, tellsContent, trustsCallers, tellsProviders } = parts;
  const from: SpanSource = { ids: new RandomIds(), sampler, clock, collect };
  return {
    tellsContent,
    trustsCallers,
    tellsProviders,
    begin: (name, options) => new CollectedSpan(name, options, from),
  };
};
