/**
 * The Tracing port: what is done for a request, as spans. Nothing is traced unless it is provided.
 *
 * Spans are made by name, here and nowhere else, so that nothing leaves the process that nobody chose to tell.
 */
import { Channel, Clock, Context, Effect, type Exit, Stream } from "effect";
import { errorTypeOf } from "../domain/errorType.ts";
import { onClose } from "./onClose.ts";
import { readBy } from "./opening.ts";

/** Where a span stands: what another process is told, and what a child needs. */
export interface SpanContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** What a span may carry. */
export type AttributeValue = string | number | boolean | ReadonlyArray<string>;

/** Something that is being done. */
export interface Span extends SpanContext {
  readonly set: (name: string, value: AttributeValue) => void;
  /** Takes the span of the caller, which until then was only linked, as its parent. */
  readonly adopt: () => void;
  /** Ends it, with the closed word for what went wrong; a second end changes nothing. */
  readonly end: (errorType?: string) => void;
}

/** How a span begins. */
export interface SpanOptions {
  readonly kind?: "internal" | "client" | "server";
  readonly parent?: SpanContext | undefined;
  /** The span of a caller that is not trusted yet: linked, unless it is adopted before anything else is asked of it. */
  readonly caller?: SpanContext | undefined;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** Nothing is made of it where nothing else is traced: it explains something, and is nothing by itself. */
  readonly isPart?: boolean;
}

/** What tracing offers. */
export interface TracingService {
  readonly begin: (name: string, options: SpanOptions) => Span;
  /** Spans may repeat what users and models say. */
  readonly tellsContent: boolean;
  /** Whoever is let in may say which trace a request belongs to; false where everybody is. */
  readonly trustsCallers: boolean;
  /** Providers are told the span of their turn. */
  readonly tellsProviders: boolean;
}

/** The spans of this process; undefined unless somebody collects them. */
export const Tracing = Context.Reference<TracingService | undefined>("caisson/services/Tracing", {
  defaultValue: () => undefined,
});

/** What is being done now. */
export const CurrentSpan = Context.Reference<Span | undefined>("caisson/services/CurrentSpan", {
  defaultValue: () => undefined,
});

/** Makes a span of an effect; what it is told of its end comes before the end. Without tracing it is the effect. */
export const traced = <A, E, R>(
  name: string,
  options: SpanOptions,
  self: Effect.Effect<A, E, R>,
  ended?: (span: Span, exit: Exit.Exit<A, E>) => string | undefined | void,
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Tracing, (tracing) =>
    tracing === undefined ? self : Effect.flatMap(CurrentSpan, (current) => {
      if (current === undefined && options.isPart === true) return self;
      const span = tracing.begin(name, { parent: current, ...options });
      return Effect.onExit(
        Effect.provideService(self, CurrentSpan, span),
        (exit) => Effect.sync(() => span.end(ended?.(span, exit) ?? errorTypeOf(exit))),
      );
    }));

/** A stream that is looked at. */
export interface Watched<A, E, R> {
  readonly stream: Stream.Stream<A, E, R>;
  /** It does something new in the middle, which belongs to its span; otherwise only its beginning does. */
  readonly worksOn: boolean;
  readonly see: (events: ReadonlyArray<A>) => void;
  readonly ended: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>;
}

/**
 * Looks at a stream from its opening to its end, with a span where there is tracing.
 *
 * *Details*: one step for each array, because it stands on the path of every chunk.
 */
export const watchedStream = <A, E, R>(
  name: string,
  options: SpanOptions,
  watch: (span: Span | undefined, clock: Clock.Clock) => Watched<A, E, R>,
): Stream.Stream<A, E, R> =>
  readBy(Effect.gen(function* () {
    const tracing = yield* Tracing;
    const span = tracing?.begin(name, { parent: yield* CurrentSpan, ...options });
    const { stream, worksOn, see, ended } = watch(span, yield* Clock.Clock);
    yield* onClose((exit) => Effect.andThen(ended(exit), Effect.sync(() => span?.end(errorTypeOf(exit)))));
    const within = <B, E2, R2>(self: Effect.Effect<B, E2, R2>): Effect.Effect<B, E2, R2> =>
      span === undefined ? self : Effect.provideService(self, CurrentSpan, span);
    // `Stream.toPull` would serialize the pulls of many readers and merge a context for each; there is one reader.
    const pull = yield* within(Channel.toPullScoped(Stream.toChannel(stream), yield* Effect.scope));
    const seen = Effect.map(pull, (events) => {
      see(events);
      return events;
    });
    let isFirst = true;
    const first = Effect.suspend(() => {
      if (!isFirst) return seen;
      isFirst = false;
      return within(seen);
    });
    return span === undefined ? seen : worksOn ? within(seen) : first;
  }));

/** A span as the W3C's header says it. */
export const traceparentOf = ({ traceId, spanId, isSampled }: SpanContext): string =>
  `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;

const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Reads such a header; undefined for what is none. */
export const parseTraceparent = (text: unknown): SpanContext | undefined => {
  const [, traceId, spanId, flags = ""] = typeof text === "string" ? traceparent.exec(text) ?? [] : [];
  return traceId === undefined || spanId === undefined
    ? undefined
    : { traceId, spanId, isSampled: (parseInt(flags, 16) & 1) === 1 };
};
