/**
 * Variables that look like settings and are none: typing errors, told with the name that was meant.
 */

/** Names with our prefix that others read: docker-compose.yml, the launcher and the tests of this project. */
const othersRead = /^CAISSON_(ENGINE_SOCKET|ENGINE_GID|BASE|SERVICE_IMAGE|DENO|TEST_\w+)$/;

/** Edits up to which two names are taken for the same wish. */
const editsMax = 3;
/** Edits up to which a name without our prefix is taken for a wish of ours: other programs have variables too. */
const foreignEditsMax = 2;
/** No setting has a name as long as this; comparing is quadratic. */
const nameCharsMax = 64;

/**
 * The least number of insertions, deletions, replacements and swaps of neighbours that turn one text into another.
 *
 * *Details*: once it is known to be over `most` it is not counted to its end, and is infinite.
 */
export const editDistance = (left: string, right: string, most = Number.POSITIVE_INFINITY): number => {
  let before: ReadonlyArray<number> = [];
  let above: ReadonlyArray<number> = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      const swapped = row > 1 && column > 1 && left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1];
      current.push(Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? 0) + 1 : Infinity,
      ));
    }
    before = above;
    above = current;
    // A distance is never less than the least of two rows, since a swap looks no farther back.
    if (Math.min(...before) > most && Math.min(...above) > most) return Number.POSITIVE_INFINITY;
  }
  return above[right.length] ?? 0;
};

/** A variable that nothing reads. */
export interface UnknownName {
  readonly name: string;
  /** The setting that was probably meant. */
  readonly nearest: string | undefined;
}

/**
 * The variables that nothing reads although they have our prefix, or that are a typing error away from a setting.
 *
 * *Details*: of names without our prefix only near misses count, since the environment belongs to others as well.
 */
export const unknownNames = (names: Iterable<string>, known: ReadonlySet<string>): ReadonlyArray<UnknownName> =>
  [...names].flatMap((name) => {
    if (known.has(name) || othersRead.test(name)) return [];
    const ours = name.startsWith("CAISSON_");
    if (name.length > nameCharsMax) return ours ? [{ name, nearest: undefined }] : [];
    const mostEdits = ours ? editsMax : foreignEditsMax;
    const ranked = [...known]
      // Each character of difference in length is an edit; a start compares every variable with every setting.
      .filter((setting) => Math.abs(setting.length - name.length) <= mostEdits)
      .map((setting) => ({ setting, edits: editDistance(name, setting, mostEdits) }))
      .filter(({ edits }) => edits <= mostEdits)
      .toSorted((left, right) => left.edits - right.edits);
    return ours || ranked.length > 0 ? [{ name, nearest: ranked[0]?.setting }] : [];
  });
