/**
 * Notices in the memory of this process: nothing survives a restart.
 */
import { Effect, Layer } from "effect";
import { type WebhookNotice, WebhookOutbox } from "../../../services/WebhookOutbox.ts";

/** Notices in memory. */
export const layer: Layer.Layer<WebhookOutbox> = Layer.sync(WebhookOutbox, () => {
  const notices = new Map<string, { notice: WebhookNotice; dueMs: number }>();
  return WebhookOutbox.of({
    put: (notice, dueMs) => Effect.sync(() => void notices.set(notice.response, { notice, dueMs })),
    due: (response, dueMs) =>
      Effect.sync(() => {
        const kept = notices.get(response);
        if (kept !== undefined) kept.dueMs = dueMs;
      }),
    claim: (nowMs, heldUntilMs, most) =>
      Effect.sync(() => {
        const due = [...notices.values()].filter(({ dueMs }) => dueMs <= nowMs);
        const taken = due.toSorted((a, b) => a.dueMs - b.dueMs).slice(0, most);
        for (const kept of taken) kept.dueMs = heldUntilMs;
        return taken.map(({ notice }) => notice);
      }),
    settle: (response) => Effect.sync(() => void notices.delete(response)),
  });
});
