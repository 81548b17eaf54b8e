/**
 * OpenAI's lists: how they look, and which page of one is asked for.
 */
import { Effect, Schema } from "effect";
import { quoted } from "../../web/errors/Row.ts";
import { UserName } from "../frame/Caller.ts";
import { InvalidRequest } from "../frame/errors.ts";

/** OpenAI's bound of a page, and what it has where the client does not say. */
const pageMax = 100;
const pageDefault = 20;

/** A list of items of one form. */
export const listOf = <S extends Schema.Top>(item: S, identifier: string) =>
  Schema.Struct({
    object: Schema.Literal("list"),
    data: Schema.Array(item),
    first_id: Schema.NullOr(Schema.String),
    last_id: Schema.NullOr(Schema.String),
    has_more: Schema.Boolean,
  }).annotate({ identifier });

/** The query of everything that belongs to a user. */
export const userQuery = { user: Schema.optionalKey(UserName) };

/** The query of a list with pages of so many items at most. */
export const pageQueryOf = (most: number) => ({
  ...userQuery,
  limit: Schema.optionalKey(Schema.FiniteFromString.check(Schema.isBetween({ minimum: 1, maximum: most }))),
  order: Schema.optionalKey(Schema.Literals(["asc", "desc"])),
  after: Schema.optionalKey(Schema.String),
});

/** The query of a list. */
export const pageQuery = pageQueryOf(pageMax);

/** Whose things are asked for. */
export interface UserQuery {
  readonly user?: string;
}

/** Which page is asked for. */
export interface PageQuery extends UserQuery {
  readonly limit?: number;
  readonly order?: "asc" | "desc";
  readonly after?: string;
}

/** A page of a list. */
export interface Page<A> {
  readonly object: "list";
  readonly data: ReadonlyArray<A>;
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

const idOf = (item: { readonly id?: unknown } | undefined): string | null =>
  typeof item?.id === "string" ? item.id : null;

/** The items behind the first so many, as a page. */
const pageFrom = <A extends { readonly id?: unknown }>(
  items: ReadonlyArray<A>,
  from: number,
  limit: number,
): Page<A> => {
  const data = items.slice(from, from + limit);
  return {
    object: "list",
    data,
    first_id: idOf(data[0]),
    last_id: idOf(data.at(-1)),
    has_more: from + data.length < items.length,
  };
};

/** A whole list as one page. */
export const wholePage = <A extends { readonly id?: unknown }>(items: ReadonlyArray<A>): Page<A> =>
  pageFrom(items, 0, items.length);

/**
 * The page of a list, whose items are given from the oldest to the newest.
 *
 * *Fails with* `InvalidRequest` where `after` names none of them.
 */
export const pageOf = <A extends { readonly id?: unknown }>(
  items: ReadonlyArray<A>,
  { order, after, limit = pageDefault }: PageQuery,
): Effect.Effect<Page<A>, InvalidRequest> => {
  const ordered = order === "asc" ? items : items.toReversed();
  const from = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  return after !== undefined && from === 0
    ? Effect.fail(
      new InvalidRequest({
        param: "after",
        why: `There is no item with id '${quoted(after)}' in this list`,
        code: "invalid_value",
      }),
    )
    : Effect.succeed(pageFrom(ordered, from, limit));
};
