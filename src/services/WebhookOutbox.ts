/**
 * The WebhookOutbox port: which background responses somebody is still to be told of.
 *
 * A notice is written when its response begins, so that a response whose server died is told of as well.
 */
import { Context, type Effect, Schema } from "effect";
import { OwnerKey } from "../domain/Owner.ts";
import type { SessionsUnavailable } from "./Sessions.ts";

/** Somebody is to be told how a response ended. */
export const WebhookNotice = Schema.Struct({
  /** The id of the event, the same at every try. */
  id: Schema.String,
  owner: OwnerKey,
  response: Schema.String,
  createdAtMs: Schema.Number,
  /** Tries that failed. */
  attempts: Schema.Int,
});
export type WebhookNotice = typeof WebhookNotice.Type;

/** What an outbox offers. Every operation *fails with* `SessionsUnavailable` when the store does not answer. */
export interface WebhookOutboxService {
  /** Writes a notice, to be looked at from a time on; one of the same response is replaced. */
  readonly put: (notice: WebhookNotice, dueMs: number) => Effect.Effect<void, SessionsUnavailable>;
  /** Lets the notice of a response be looked at from a time on; nothing where there is none. */
  readonly due: (response: string, dueMs: number) => Effect.Effect<void, SessionsUnavailable>;
  /** Takes notices that are due, earliest first; nobody else is given them until `heldUntilMs`. */
  readonly claim: (
    nowMs: number,
    heldUntilMs: number,
    most: number,
  ) => Effect.Effect<ReadonlyArray<WebhookNotice>, SessionsUnavailable>;
  /** Removes the notice of a response. */
  readonly settle: (response: string) => Effect.Effect<void, SessionsUnavailable>;
}

/** The WebhookOutbox port. */
export class WebhookOutbox
  extends Context.Service<WebhookOutbox, WebhookOutboxService>()("caisson/services/WebhookOutbox") {}
