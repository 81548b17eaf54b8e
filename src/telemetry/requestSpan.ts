/**
 * The span of a request to one of the doors.
 */
import type { HttpServerRequest } from "effect/http";
import { parseTraceparent, type Span, type TracingService } from "../services/Tracing.ts";
import { key, methodName } from "./names.ts";

/** Begins the span of a request; undefined where nobody collects it. */
export type BeginSpan = (request: HttpServerRequest.HttpServerRequest, path: string) => Span | undefined;

/** Paths that machines ask all day: what they do is nobody's trace. */
const isProbe = (path: string): boolean => path.startsWith("/health") || path === "/metrics" || path === "/mcp";

/**
 * Makes what begins spans: named after the pattern of their path, never the path itself.
 *
 * *Details*: the span that a caller sends is only linked until the caller is known, and then adopted.
 */
export const beginRequestSpan = (
  tracing: TracingService | undefined,
  routeOf: (path: string) => string | undefined,
): BeginSpan => {
  if (tracing === undefined) return () => undefined;
  return (request, path) => {
    if (isProbe(path)) return undefined;
    const method = methodName(request.method);
    const route = routeOf(path);
    return tracing.begin(route === undefined ? method : `${method} ${route}`, {
      kind: "server",
      caller: parseTraceparent(request.headers["traceparent"]),
      attributes: { [key.method]: method, ...(route !== undefined && { [key.route]: route }) },
    });
  };
};

/** Ends such a span; only what went wrong on this side is an error of it. */
export const endRequestSpan = (
  span: Span | undefined,
  status: number,
  errorType: string | undefined,
  outcome: string,
): void => {
  if (span === undefined) return;
  span.set(key.status, status);
  span.end(status >= 500 ? errorType ?? String(status) : outcome === "sent" ? undefined : errorType ?? outcome);
};
