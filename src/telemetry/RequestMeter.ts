/**
 * The requests of a door, measured.
 */
import process from "node:process";
import { Effect } from "effect";
import { version } from "../domain/version.ts";
import type { Meter } from "./Meter.ts";
import { instruments, key, type Labels, methodName } from "./names.ts";

/** How a request ended. */
export interface Ended {
  readonly status: number;
  /** The name of its failure, before or after the first byte; absent where there was none. */
  readonly errorType?: string | undefined;
  /** The words of its access line: sent, disconnected, or a failure after the first byte. */
  readonly outcome: string;
  readonly durationMs: number;
  /** Until the head of the answer; absent when there was none. */
  readonly headMs?: number | undefined;
}

/** Measures the requests of one door. */
export class RequestMeter {
  #active = 0;

  constructor(
    readonly meter: Meter,
    /** The pattern of a path, undefined for what is not there: paths themselves have no bound. */
    readonly routeOf: (path: string) => string | undefined,
  ) {
    meter.gauge(instruments.activeRequests, {}, Effect.sync(() => this.#active));
    meter.gauge(instruments.memory, {}, Effect.sync(() => process.memoryUsage().rss));
    meter.gauge(instruments.build, { [key.version]: version }, Effect.succeed(1));
  }

  /** Notes a request; the returned function is called once, when its last byte was sent. */
  begin(method: string, path: string): (ended: Ended) => void {
    this.#active++;
    return ({ status, errorType = "", durationMs, headMs }) => {
      this.#active--;
      const route = this.routeOf(path) ?? "";
      const labels: Labels = { [key.method]: methodName(method), [key.route]: route };
      const code = { [key.status]: String(status) };
      this.meter.record(
        instruments.requestDuration,
        { ...labels, ...code, [key.errorType]: errorType },
        durationMs / 1000,
      );
      if (headMs !== undefined) this.meter.record(instruments.firstByte, labels, headMs / 1000);
      if (errorType !== "") {
        this.meter.record(instruments.errors, { [key.route]: route, [key.errorType]: errorType }, 1);
      }
    };
  }
}
