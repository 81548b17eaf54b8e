/**
 * Telling of background responses that have ended, again and again until somebody has heard it.
 */
import { Clock, Duration, Effect, Layer, Option, Redacted, Schedule } from "effect";
import { Settings } from "../../../../config.ts";
import { ResponseStore, type StoredResponse } from "../../../../services/ResponseStore.ts";
import { type WebhookNotice, WebhookOutbox } from "../../../../services/WebhookOutbox.ts";
import { lostBody } from "../lost.ts";
import type { JsonObject } from "../wire.ts";
import { postWebhook, signedHeaders, type WebhookUndelivered } from "./post.ts";

/** How often the outbox is looked at. */
const lookEvery = Duration.seconds(1);
/** Notices that are told at once, and taken from the outbox together. */
const atOnceMax = 8;
/** Time for which an instance has a notice to itself, in milliseconds: longer than a try takes. */
const heldMs = 60_000;
/** Time after which a notice is given up, in milliseconds: OpenAI tries for three days as well. */
const triedMsMax = 3 * 24 * 60 * 60 * 1000;
/** Wait after the first try, in milliseconds; each further one is twice as long, up to the longest. */
const firstWaitMs = 5_000;
const longestWaitMs = 60 * 60 * 1000;
/** The receiver wants nothing more of this. */
const gone = 410;

/** Ends a response can have, each with its event. */
const events: Readonly<Record<string, string>> = {
  completed: "response.completed",
  failed: "response.failed",
  cancelled: "response.cancelled",
  incomplete: "response.incomplete",
};

/** The body of an event, as OpenAI sends it. */
const eventOf = ({ id, createdAtMs, response }: WebhookNotice, type: string): string =>
  JSON.stringify({
    id,
    object: "event",
    created_at: Math.floor(createdAtMs / 1000),
    type,
    data: { id: response },
  });

/** Wait before a notice is tried again, in milliseconds. */
export const waitMsAfter = (attempts: number): number => Math.min(longestWaitMs, firstWaitMs * 2 ** attempts);

const make = Effect.gen(function* () {
  const { webhookUrl, webhookSecret, webhookPrivate } = yield* Settings;
  if (Option.isNone(webhookUrl) || Option.isNone(webhookSecret)) return;
  const url = new URL(webhookUrl.value);
  const secret = Redacted.value(webhookSecret.value);
  const outbox = yield* WebhookOutbox;
  const store = yield* ResponseStore;

  /** How a response ended; a response whose instance is no more has failed, and is kept as that. */
  const endedAs = Effect.fnUntraced(function* (notice: WebhookNotice, found: StoredResponse, nowMs: number) {
    if (found.aliveUntilMs === 0) return found.body;
    if (found.aliveUntilMs >= nowMs) return undefined;
    const body: JsonObject = lostBody(found.body);
    yield* store.put(notice.owner, { ...found, body, aliveUntilMs: 0 });
    return body;
  });

  const failed = Effect.fnUntraced(function* (notice: WebhookNotice, { status, detail }: WebhookUndelivered) {
    const nowMs = yield* Clock.currentTimeMillis;
    yield* Effect.annotateLogs(Effect.logWarning("a webhook was not delivered"), {
      webhook: notice.id,
      attempts: notice.attempts + 1,
      detail,
    });
    if (status === gone || nowMs - notice.createdAtMs > triedMsMax) return yield* outbox.settle(notice.response);
    yield* outbox.put({ ...notice, attempts: notice.attempts + 1 }, nowMs + waitMsAfter(notice.attempts));
  });

  const tell = Effect.fnUntraced(function* (notice: WebhookNotice) {
    const nowMs = yield* Clock.currentTimeMillis;
    const found = yield* store.find(notice.owner, notice.response);
    if (Option.isNone(found)) return yield* outbox.settle(notice.response);
    const body = yield* endedAs(notice, found.value, nowMs);
    if (body === undefined) return yield* outbox.due(notice.response, found.value.aliveUntilMs + 1);
    const type = events[String(body["status"])];
    if (type === undefined) return yield* outbox.settle(notice.response);
    const event = eventOf(notice, type);
    yield* postWebhook(url, signedHeaders(secret, notice.id, nowMs, event), event, webhookPrivate).pipe(
      Effect.matchEffect({
        onSuccess: () => outbox.settle(notice.response),
        onFailure: (error) => failed(notice, error),
      }),
    );
  });

  yield* Clock.currentTimeMillis.pipe(
    Effect.flatMap((nowMs) => outbox.claim(nowMs, nowMs + heldMs, atOnceMax)),
    Effect.flatMap((notices) => Effect.forEach(notices, tell, { concurrency: atOnceMax, discard: true })),
    // What was taken is due again when it is no longer held.
    Effect.catchCause((cause) => Effect.logWarning("webhooks could not be looked at", cause)),
    Effect.schedule(Schedule.spaced(lookEvery)),
    Effect.forkScoped,
  );
});

/** Tells of background responses while its scope is open, where `CAISSON_WEBHOOK_URL` names somebody. */
export const layer: Layer.Layer<never, never, Settings | WebhookOutbox | ResponseStore> = Layer.effectDiscard(make);
