/**
 * Pages of OpenAI's lists.
 */

/** Items of a page where the client does not say. */
const pageDefault = 20;

/** Whose things are asked for. */
export interface UserQuery {
  readonly user?: string;
}
/** Which part of a list is asked for. */
export interface PageQuery extends UserQuery {
  readonly limit?: number;
  readonly order?: "asc" | "desc";
  readonly after?: string;
}

/** One page of a list whose newest come first. */
export const pageOf = <A extends { readonly id: string }>(all: ReadonlyArray<A>, query: PageQuery) => {
  const ordered = query.order === "asc" ? all.toReversed() : all;
  const from = query.after === undefined ? 0 : ordered.findIndex(({ id }) => id === query.after) + 1;
  const data = ordered.slice(from, from + (query.limit ?? pageDefault));
  return {
    object: "list" as const,
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + data.length < ordered.length,
  };
};
