/**
 * A row of the error tables: everything that a caller is told of one error, in one place.
 *
 * Both doors read rows; neither says an error in words of its own. A table is total over a union of
 * errors by its type, so an error without a row does not compile.
 */
import { cutText } from "../../domain/cutText.ts";
import type { FieldNames } from "./FieldNames.ts";

interface Tagged {
  readonly _tag: string;
}

interface Reasoned extends Tagged {
  readonly reason: Tagged;
}

/** The names of the rows of a union of errors: an error, or an error and its reason. */
export type RowKey<E extends Tagged> = E extends Reasoned ? `${E["_tag"]}.${E["reason"]["_tag"]}` : E["_tag"];

/** The errors of a union that a row tells. */
type ErrorOf<E extends Tagged, K> = E extends Reasoned
  ? K extends `${E["_tag"]}.${infer R}` ? E & { readonly reason: Extract<E["reason"], { readonly _tag: R }> } : never
  : Extract<E, { readonly _tag: K }>;

/** What one row says. */
export interface Row<E> {
  readonly status: number;
  readonly type: string;
  /** OpenAI's `code`; null where the error itself brings one. */
  readonly code: string | null;
  /**
   * Whether the same request may succeed later; it becomes `x-should-retry` where clients would retry by
   * themselves.
   */
  readonly retry: boolean;
  /** When it happens, for `docs/errors.md`. */
  readonly when: string;
  /** The code in a JSON-RPC answer of the MCP server; absent for its general code of a refusal. */
  readonly rpcCode?: number;
  /** The sentence for the caller: nothing internal is in it. */
  // Methods, because a table of rows is read by any error of its union: TypeScript compares their parameters both ways.
  message(error: E, names?: FieldNames): string;
  /** The field that is wrong; what a run was told has the name that the door's callers know, and none elsewhere. */
  param?(error: E, names?: FieldNames): string | null;
  /** A code that the error itself brings. */
  codeOf?(error: E): string | null;
  /** Time after which trying again makes sense, in milliseconds. */
  retryAfterMs?(error: E): number | undefined;
  /** A status that depends on the error; where it is absent, `status`. */
  statusOf?(error: E): number;
  /** Headers that HTTP asks for beside the body. */
  headers?(error: E): Readonly<Record<string, string>>;
}

/** A table: a row for every error of a union, by its name and reason. */
export type Rows<E extends Tagged> = { readonly [K in RowKey<E>]: Row<ErrorOf<E, K>> };

/** The row of a caller's mistake: the same request fails again. */
export const invalid = <E>(
  status: number,
  code: string | null,
  when: string,
  more: Pick<Row<E>, "message"> & Partial<Row<E>>,
): Row<E> => ({ status, type: "invalid_request_error", code, retry: false, when, ...more });

/** The row of a failure on this side of the wire. */
export const server = <E>(
  status: number,
  code: string,
  retry: boolean,
  when: string,
  more: Pick<Row<E>, "message"> & Partial<Row<E>>,
): Row<E> => ({ status, type: "server_error", code, retry, when, ...more });

/** Characters of a caller's own text that an error repeats. */
const quotedMax = 200;

/** A caller's own text as an error repeats it: bounded, and never cut inside a character. */
export const quoted = (text: string): string => cutText(text, quotedMax);
