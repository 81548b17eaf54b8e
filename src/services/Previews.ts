/**
 * The Previews port: links under which people look at web servers that run in sandboxes.
 */
import { Context, Effect, Schema } from "effect";
import type { Owner } from "../domain/Owner.ts";

/** This process makes no previews; `why` is fit for whoever asked. */
export class PreviewsOff extends Schema.TaggedError<PreviewsOff>()("PreviewsOff", { why: Schema.String }) {
  override get message(): string {
    return this.why;
  }
}

/** A port of an owner's sandbox under a link of its own. */
export interface Preview {
  readonly port: number;
  /** Opens the preview for whoever has it, until it expires. */
  readonly url: string;
  readonly expiresAtMs: number;
}

/** Words for why a visitor is answered here and by no program; each stands in the header `x-caisson-preview`. */
export const previewRefusals = [
  "expired",
  "altered",
  "revoked",
  "no_server",
  "not_running",
  "unsupported",
  "sandbox_lost",
  "no_http",
  "broken",
  "crowded",
  "no_answer",
  "bad_request",
  "too_slow",
] as const;
export type PreviewRefusal = typeof previewRefusals[number];

/** What goes on between visitors and sandboxes, for telemetry. */
export interface PreviewTotals {
  /** Connections of visitors that are open now. */
  readonly connections: number;
  /** Streams to programs that are open now. */
  readonly streams: number;
  /** Bytes that visitors sent since the start, and that they were sent. */
  readonly upBytes: number;
  readonly downBytes: number;
  /** Visitors since the start whom no program answered. */
  readonly refused: Readonly<Partial<Record<PreviewRefusal, number>>>;
}

/** What makes previews. */
export interface PreviewsService {
  /** Why there are none, undefined where there are. */
  readonly off: string | undefined;
  /**
   * Makes a link to a port of the owner's sandbox; neither needs to be there yet.
   *
   * *Details*: a link lasts an hour. While more than half of that is left the same one is given again. An owner has
   * a bounded number of them; the oldest ends for a new one.
   *
   * *Fails with* `PreviewsOff`.
   */
  readonly open: (owner: Owner, port: number) => Effect.Effect<Preview, PreviewsOff>;
  /** The owner's links that have not expired, by port. */
  readonly list: (owner: Owner) => Effect.Effect<ReadonlyArray<Preview>>;
  /** Ends the owner's links to a port, or all of them, with every connection that came by them; says how many. */
  readonly end: (owner: Owner, port?: number) => Effect.Effect<number>;
  readonly totals: Effect.Effect<PreviewTotals>;
}

/** Previews of a process that makes none, for a reason. */
export const noPreviews = (why: string): PreviewsService => ({
  off: why,
  open: () => Effect.fail(new PreviewsOff({ why })),
  list: () => Effect.succeed([]),
  end: () => Effect.succeed(0),
  totals: Effect.succeed({ connections: 0, streams: 0, upBytes: 0, downBytes: 0, refused: {} }),
});

/**
 * The Previews port; a program that provides none makes none.
 *
 * *Example* (publish ports somewhere else):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { Previews } from "@caisson/caisson";
 *
 * const mine = Layer.succeed(Previews.Previews, {
 *   ...Previews.noPreviews(""),
 *   off: undefined,
 *   open: (owner, port) =>
 *     Effect.succeed({ port, url: `https://${owner.user}-${port}.preview.example`, expiresAtMs: 1 }),
 * });
 * const program = Effect.flatMap(Previews.Previews, (previews) =>
 *   previews.open({ principal: "example", user: "ada", ephemeral: false }, 8000));
 * const { url } = await Effect.runPromise(Effect.provide(program, mine));
 * assert.equal(url, "https://ada-8000.preview.example");
 * ```
 */
export const Previews = Context.Reference<PreviewsService>("caisson/services/Previews", {
  defaultValue: () => noPreviews("this server makes no previews"),
});
