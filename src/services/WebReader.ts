/**
 * The WebReader port: the web as the server reads it for a model whose sandbox need not reach anything.
 */
import { Context, type Effect, Schema } from "effect";
import type { EgressRecord } from "../domain/EgressRecord.ts";
import type { Owner } from "../domain/Owner.ts";

/** A page that cannot be had, in words fit for the model. */
export class WebUnavailable extends Schema.TaggedError<WebUnavailable>()("WebUnavailable", { why: Schema.String }) {
  override get message(): string {
    return this.why;
  }
}

/** A page as it came, and as text where it is any. */
export interface WebPage {
  /** Where it was found in the end, after redirects. */
  readonly url: string;
  readonly status: number;
  readonly mediaType: string;
  readonly body: Uint8Array;
  /** The body was longer than is read. */
  readonly isCut: boolean;
  readonly title?: string;
  /** Markdown of a page in HTML, other text as it is; absent for what is no text. */
  readonly text?: string;
}

/** One result of a search. */
export interface WebResult {
  readonly title: string;
  readonly url: string;
  readonly snippet: string;
}

/** Fetches a page. */
export type FetchPage = (
  owner: Owner,
  url: string,
  onConnection?: (connection: EgressRecord) => void,
) => Effect.Effect<WebPage, WebUnavailable>;

/** What a server reads; what is undefined is not offered. */
export interface WebReaderService {
  /**
   * Fetches a page of a name that may be reached. *Fails with* `WebUnavailable`.
   *
   * *Details*: `onConnection` hears of each connection when it is over, refused ones too; a redirect is another one.
   */
  readonly fetch: FetchPage | undefined;
  /** Asks the configured search engine, for at most so many results. *Fails with* `WebUnavailable`. */
  readonly search:
    | ((query: string, count: number) => Effect.Effect<ReadonlyArray<WebResult>, WebUnavailable>)
    | undefined;
}

/**
 * The WebReader port; a program that provides none reads nothing.
 *
 * *Example* (answer searches from somewhere else):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { WebReader } from "@caisson/caisson";
 *
 * const mine = Layer.succeed(WebReader.WebReader, {
 *   fetch: undefined,
 *   search: (query) => Effect.succeed([{ title: query, url: "https://wiki.example/", snippet: "" }]),
 * });
 * const program = Effect.flatMap(WebReader.WebReader, ({ search }) => search?.("tides", 1) ?? Effect.succeed([]));
 * const [first] = await Effect.runPromise(Effect.provide(program, mine));
 * assert.equal(first?.title, "tides");
 * ```
 */
export const WebReader = Context.Reference<WebReaderService>("caisson/services/WebReader", {
  defaultValue: () => ({ fetch: undefined, search: undefined }),
});
