/**
 * `GET /metrics`: what is measured, for Prometheus, behind the same answer to who may read it at both doors.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Effect, Option, Redacted } from "effect";
import { type HttpServerRequest, HttpServerResponse } from "effect/http";
import type { SettingsService } from "../config.ts";
import { credentialIn } from "../domain/identity.ts";
import { type IdentityService, type IdentityUnavailable, Unauthorized } from "../services/Identity.ts";
import type { Meter } from "../telemetry/Meter.ts";
import { exposition, expositionType } from "../telemetry/prometheus.ts";

/** Where the measurements are. */
export const metricsPath = "/metrics";

const digest = (text: string) => createHash("sha256").update(text).digest();

/** Lets in whoever shows the key of the measurements, or where there is none whoever the other routes let in. */
const admitter = ({ metricsKey }: Pick<SettingsService, "metricsKey">, identity: IdentityService) => {
  const wanted = Option.getOrUndefined(Option.map(metricsKey, (key) => digest(Redacted.value(key))));
  return (
    { headers }: HttpServerRequest.HttpServerRequest,
  ): Effect.Effect<void, Unauthorized | IdentityUnavailable> => {
    const { authorization, host } = headers;
    if (wanted === undefined) return Effect.asVoid(identity.identify({ authorization, host }));
    const shown = credentialIn(authorization);
    if (shown._tag !== "Key") return Effect.fail(new Unauthorized({ reason: shown._tag }));
    return timingSafeEqual(digest(shown.key), wanted)
      ? Effect.void
      : Effect.fail(new Unauthorized({ reason: "Invalid" }));
  };
};

/**
 * Makes the answer to a scrape.
 *
 * *Fails with* `Unauthorized` and `IdentityUnavailable`, for the door to tell in its own form.
 */
export const makeScrape = (settings: Pick<SettingsService, "metricsKey">, identity: IdentityService, meter: Meter) => {
  const admit = admitter(settings, identity);
  return (request: HttpServerRequest.HttpServerRequest) =>
    Effect.andThen(
      admit(request),
      Effect.map(exposition(meter), (text) => HttpServerResponse.text(text, { contentType: expositionType })),
    );
};
