/**
 * The WebReader port: the web as the server reads it for a model whose sandbox need not reach anything.
 */
import { Context, type Effect, Schema } from "effect";
import type { EgressRecord, EgressSummary } from "../domain/EgressRecord.ts";
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

/** What a server reads; what is undefined is not offered. */
export interface WebReaderService {
  /** Fetches a page of a name that may be reached. *Fails with* `WebUnavailable`. */
  readonly fetch:
    | ((owner: Owner, url: string, onConnection?: OnConnection) => Effect.Effect<WebPage, WebUnavailable>)
    | undefined;
  /** Asks the configured search engine, for at most so many results. *Fails with* `WebUnavailable`. */
  readonly search:
    | ((
      owner: Owner,
      query: string,
      count: number,
      onConnection?: OnConnection,
    ) => Effect.Effect<ReadonlyArray<WebResult>, WebUnavailable>)
    | undefined;
  /** What was asked for owners, in memory and bounded; absent where nothing is read or nobody counts. */
  readonly asked?: {
    /** Undefined when nothing was asked since the start of this process. */
    readonly of: (owner: Owner) => Effect.Effect<EgressSummary | undefined>;
    readonly forget: (owner: Owner) => Effect.Effect<void>;
  };
}

/** Called with each connection that was made or refused, when it is over, also where the whole fails. */
export type OnConnection = (record: EgressRecord) => void;

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
 *   search: (_owner, query) => Effect.succeed([{ title: query, url: "https://wiki.example/", snippet: "" }]),
 * });
 * const program = Effect.flatMap(
 *   WebReader.WebReader,
 *   ({ search }) => search?.({ principal: "example", user: "ada", ephemeral: true }, "tides", 1) ?? Effect.succeed([]),
 * );
 * const [first] = await Effect.runPromise(Effect.provide(program, mine));
 * assert.equal(first?.title, "tides");
 * ```
 */
export const WebReader = Context.Reference<WebReaderService>("caisson/services/WebReader", {
  defaultValue: () => ({ fetch: undefined, search: undefined }),
});
