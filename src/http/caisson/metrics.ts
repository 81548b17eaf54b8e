/**
 * `GET /metrics` of the agent API, and the gauges that only it can read.
 */
import { Effect } from "effect";
import { HttpRouter, HttpServerRequest } from "effect/http";
import { Settings } from "../../config.ts";
import { Runs } from "../../runs/Runs.ts";
import { Identity } from "../../services/Identity.ts";
import { CurrentMeter } from "../../telemetry/Meter.ts";
import { instruments } from "../../telemetry/names.ts";
import { LoopWatch } from "../../web/LoopWatch.ts";
import { makeScrape, metricsPath } from "../../web/metrics.ts";
import { refused } from "../frame/respond.ts";

/** The route, which is there only where measurements are asked for. */
export const layer = HttpRouter.use(Effect.fnUntraced(function* (router) {
  const meter = yield* CurrentMeter;
  if (meter === undefined) return;
  const runs = yield* Runs;
  const watch = yield* LoopWatch;
  meter.gauge(instruments.activeRuns, {}, runs.running);
  meter.gauge(instruments.loopLag, {}, Effect.map(watch.lag, ({ worstMs }) => worstMs / 1000));
  const settings = yield* Settings;
  if (!settings.metrics) return;
  const scrape = makeScrape(settings, yield* Identity, meter);
  yield* router.add(
    "GET",
    metricsPath,
    Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      (request) => Effect.catch(scrape(request), (error) => refused(error)),
    ),
  );
}));
