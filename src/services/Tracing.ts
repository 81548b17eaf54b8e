/**
 * The Tracing port: what is done for a request, as spans. Nothing is traced unless it is provided.
 *
 * Spans are made by name, here and nowhere else, so that nothing leaves the process that nobody chose to tell.
 */
import { Channel, Clock, Context, Effect, type Exit, Scope, Stream } from "effect";
import { errorTypeOf } from "../domain/errorType.ts";
import type { Pulling } from "./opening.ts";

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
  Effect.withFiber((fiber) => {
    const tracing = fiber.getRef(Tracing);
    if (tracing === undefined) return self;
    const current = fiber.getRef(CurrentSpan);
    if (current === undefined && options.isPart === true) return self;
    const span = tracing.begin(name, { parent: current, ...options });
    return Effect.onExit(Effect.provideService(self, CurrentSpan, span), (exit) => {
      span.end(ended?.(span, exit) ?? errorTypeOf(exit));
      return Effect.void;
    });
  });

/** A stream that is looked at. */
export interface Watched<A, E, R> {
  readonly stream: Stream.Stream<A, E, R>;
  /** It does something new in the middle, which belongs to its span; otherwise only its beginning does. */
  readonly worksOn: boolean;
  readonly see: (events: ReadonlyArray<A>) => void;
  readonly ended: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>;
}

/** How a stream will be looked at once it is opened, with a span of this name where there is tracing. */
export interface Watch<A, E, R> {
  readonly name: string;
  readonly options: SpanOptions;
  readonly begin: (span: Span | undefined, clock: Clock.Clock) => Watched<A, E, R>;
}

/** How the stream is read: what it says is seen on its way, within its span. */
const seeing = <A, E, R>(
  { see, worksOn }: Watched<A, E, R>,
  span: Span | undefined,
  pull: Pulling<A, E, R>,
): Pulling<A, E, R> => {
  const seen = Effect.map(pull, (events) => {
    see(events);
    return events;
  });
  if (span === undefined) return seen;
  const within = Effect.provideService(seen, CurrentSpan, span);
  if (worksOn) return within;
  let isFirst = true;
  return Effect.suspend(() => {
    if (!isFirst) return seen;
    isFirst = false;
    return within;
  });
};

/** Begins to look; when the scope closes, everybody is told and the span ends, wherever it was interrupted. */
const begun = <A, E, R>({ name, options, begin }: Watch<A, E, R>, scope: Scope.Scope) =>
  Effect.withFiber((fiber) => {
    const { context } = fiber;
    let span: Span | undefined;
    let watched: Watched<A, E, R> | undefined;
    const closed = Scope.addFinalizerExit(scope, (exit) =>
      watched === undefined
        ? Effect.void
        : Effect.map(Effect.setContext(watched.ended(exit), context), () =>
          span?.end(errorTypeOf(exit))));
    // Nothing begins before its end is sure: a fiber may be interrupted between two steps.
    const opened = Effect.suspend(() => {
      span = fiber.getRef(Tracing)?.begin(name, { parent: fiber.getRef(CurrentSpan), ...options });
      const now = begin(span, fiber.getRef(Clock.Clock));
      watched = now;
      // `Stream.toPull` would serialize the pulls of many readers and merge a context for each; there is one reader.
      const pulling = Channel.toPullScoped(Stream.toChannel(now.stream), scope);
      return Effect.map(
        span === undefined ? pulling : Effect.provideService(pulling, CurrentSpan, span),
        (pull) =>
          seeing(now, span, pull),
      );
    });
    return Effect.flatMap(closed, () => opened);
  });

/**
 * Looks at a stream from its opening, which the effect gives the way of, to its end.
 *
 * *Details*: one step for each array, because it stands on the path of every chunk.
 *
 * *Fails with* what the effect fails with, when the stream is first read.
 */
export const watchedStream = <A, E, R, E2, R2>(
  watch: Effect.Effect<Watch<A, E, R>, E2, R2>,
): Stream.Stream<A, E | E2, R | R2> =>
  Stream.fromChannel(Channel.fromTransform((_, scope) => Effect.flatMap(watch, (found) => begun(found, scope))));

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
