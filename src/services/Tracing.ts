/**
 * The Tracing port: what is done for a request, as spans. Nothing is traced unless it is provided.
 *
 * Spans are made by name, here and nowhere else, so that nothing leaves the process that nobody chose to tell.
 */
import { Context, Effect, type Exit, Stream } from "effect";
import { errorTypeOf } from "../domain/errorType.ts";

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

/** Makes a span of a stream, from its first pull to its end. Without tracing it is the stream. */
export const spannedStream = <A, E, R>(
  name: string,
  options: SpanOptions,
  use: (span: Span | undefined) => Stream.Stream<A, E, R>,
): Stream.Stream<A, E, R> =>
  Stream.unwrap(Effect.gen(function* () {
    const tracing = yield* Tracing;
    if (tracing === undefined) return use(undefined);
    const span = tracing.begin(name, { parent: yield* CurrentSpan, ...options });
    return use(span).pipe(
      Stream.provideService(CurrentSpan, span),
      Stream.onExit((exit) => Effect.sync(() => span.end(errorTypeOf(exit)))),
    );
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
