/**
 * The outbox of webhooks beside the sessions that `CAISSON_SESSIONS` names.
 */
import { Buffer } from "node:buffer";
import { Effect, Layer, Option, Redacted } from "effect";
import { ConfigurationRefused, Settings, type SettingsService } from "../../../config.ts";
import { besideSessions } from "../../storeChoice.ts";
import type { WebhookOutbox } from "../../../services/WebhookOutbox.ts";

/** Bytes of the shortest secret that is let in. */
const secretBytesMin = 16;

/** What is wrong with the settings of webhooks; undefined where nothing is. */
const problemOf = ({ webhookUrl, webhookSecret }: SettingsService): string | undefined => {
  if (Option.isNone(webhookUrl)) return undefined;
  const secret = Option.match(webhookSecret, { onNone: () => "", onSome: Redacted.value });
  return secret.startsWith("whsec_") && Buffer.from(secret.slice("whsec_".length), "base64").length >= secretBytesMin
    ? undefined
    : `CAISSON_WEBHOOK_URL needs CAISSON_WEBHOOK_SECRET: whsec_ and at least ${secretBytesMin} random bytes as base64`;
};

/** The outbox as configured; only the chosen store and its driver are loaded. */
export const layer: Layer.Layer<WebhookOutbox, ConfigurationRefused, Settings> = Layer.unwrap(
  Effect.gen(function* (): Effect.fn.Return<
    Layer.Layer<WebhookOutbox, ConfigurationRefused, Settings>,
    ConfigurationRefused,
    Settings
  > {
    const settings = yield* Settings;
    const problem = problemOf(settings);
    if (problem !== undefined) return yield* new ConfigurationRefused({ problems: [problem] });
    const memory = () => import("./Memory.ts");
    // Without a receiver nothing is ever put there.
    const isOff = Option.isNone(settings.webhookUrl);
    return besideSessions<WebhookOutbox, ConfigurationRefused>({
      memory,
      sqlite: isOff ? memory : () => import("./Sqlite.ts"),
      redis: isOff ? memory : () => import("./Redis.ts"),
    });
  }),
);
