/** A conversation's turns as a tree, and the branch of it that is shown. */

/** What the tree needs to know of a turn. */
export interface Node {
  readonly id: string;
  readonly parent: string | null;
}

/** The name under which the choice among first turns is kept. */
export const rootKey = "";

/** The turns that follow the same turn, in the order they were stored. */
export const siblings = <A extends Node>(turns: ReadonlyArray<A>, parent: string | null): ReadonlyArray<A> =>
  turns.filter((turn) => turn.parent === parent);

/** The branch to show: the newest turn at every fork, but where the reader chose another. */
export const pathOf = <A extends Node>(
  turns: ReadonlyArray<A>,
  chosen: Readonly<Record<string, string>>,
): ReadonlyArray<A> => {
  const children = new Map<string, Array<A>>();
  for (const turn of turns) {
    const key = turn.parent ?? rootKey;
    const others = children.get(key);
    if (others === undefined) children.set(key, [turn]);
    else others.push(turn);
  }
  const path: Array<A> = [];
  // A stored tree has no circles; a broken one must not hang the page.
  for (let key = rootKey; path.length <= turns.length;) {
    const options = children.get(key) ?? [];
    const next = options.find(({ id }) => id === chosen[key]) ?? options.at(-1);
    if (next === undefined) break;
    path.push(next);
    key = next.id;
  }
  return path;
};
