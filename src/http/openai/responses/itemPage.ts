/**
 * Pages of items, as OpenAI's lists are.
 */
import type { ItemList } from "./contract.ts";
import type { JsonObject } from "./wire.ts";

/** Items of a page where the client does not say. */
const pageDefault = 20;

/** Which page is asked for. */
export interface PageQuery {
  readonly user?: string;
  readonly limit?: number;
  readonly order?: "asc" | "desc";
  readonly after?: string;
}

/** The page of a list, whose items are given from the oldest to the newest. */
export const pageOf = (items: ReadonlyArray<JsonObject>, query: PageQuery): typeof ItemList.Type => {
  const ordered = query.order === "asc" ? items : [...items].reverse();
  const from = query.after === undefined ? 0 : ordered.findIndex(({ id }) => id === query.after) + 1;
  const data = ordered.slice(from, from + (query.limit ?? pageDefault));
  const idOf = (item: JsonObject | undefined) => typeof item?.["id"] === "string" ? item["id"] : null;
  return {
    object: "list",
    data,
    first_id: idOf(data[0]),
    last_id: idOf(data.at(-1)),
    has_more: from + data.length < ordered.length,
  };
};
