/**
 * The difference of two texts in the unified form, bounded in time and length.
 */

/** Lines that are compared on either side, behind what both begin and end with. */
const linesMax = 2_000;
/** Lines that differ; beyond, a difference tells a reader nothing and costs the square of it. */
const differencesMax = 200;
/** Lines shown around what differs. */
const contextLines = 3;

interface Line {
  readonly sign: " " | "-" | "+";
  readonly text: string;
}

const linesOf = (text: string): ReadonlyArray<string> => {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
};

/** The shortest way from one list of lines to another (Myers), undefined when it is too long. */
const compare = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): ReadonlyArray<Line> | undefined => {
  if (left.length > linesMax || right.length > linesMax) return undefined;
  const reached: Array<Map<number, number>> = [];
  let furthest = new Map<number, number>([[1, 0]]);
  for (let steps = 0; steps <= Math.min(differencesMax, left.length + right.length); steps++) {
    const next = new Map<number, number>();
    for (let diagonal = -steps; diagonal <= steps; diagonal += 2) {
      const [below, beside] = [furthest.get(diagonal + 1) ?? -1, furthest.get(diagonal - 1) ?? -1];
      const isDown = diagonal === -steps || (diagonal !== steps && beside < below);
      let x = isDown ? below : beside + 1;
      let y = x - diagonal;
      while (x < left.length && y < right.length && left[x] === right[y]) {
        x++;
        y++;
      }
      next.set(diagonal, x);
      if (x >= left.length && y >= right.length) return traced(left, right, [...reached, furthest]);
    }
    reached.push(furthest);
    furthest = next;
  }
  return undefined;
};

/** Goes the way back that {@link compare} found. */
const traced = (
  left: ReadonlyArray<string>,
  right: ReadonlyArray<string>,
  reached: ReadonlyArray<ReadonlyMap<number, number>>,
): ReadonlyArray<Line> => {
  const lines: Array<Line> = [];
  let [x, y] = [left.length, right.length];
  for (let steps = reached.length - 1; steps >= 0; steps--) {
    const furthest = reached[steps] ?? new Map<number, number>();
    const diagonal = x - y;
    const [below, beside] = [furthest.get(diagonal + 1) ?? -1, furthest.get(diagonal - 1) ?? -1];
    const isDown = diagonal === -steps || (diagonal !== steps && beside < below);
    const fromX = isDown ? below : beside;
    const fromY = fromX - (isDown ? diagonal + 1 : diagonal - 1);
    while (x > fromX && y > fromY && x > 0 && y > 0 && left[x - 1] === right[y - 1]) {
      lines.push({ sign: " ", text: left[x - 1] ?? "" });
      x--;
      y--;
    }
    if (steps === 0) break;
    if (isDown) lines.push({ sign: "+", text: right[y - 1] ?? "" });
    else lines.push({ sign: "-", text: left[x - 1] ?? "" });
    [x, y] = [fromX, fromY];
  }
  return lines.reverse();
};

const range = (
  start: number,
  count: number,
): string => (count === 1 ? `${start}` : `${count === 0 ? start - 1 : start},${count}`);

/** Groups of lines that differ, with their context, under their heads. */
const hunksOf = (lines: ReadonlyArray<Line>): string => {
  const shown = new Uint8Array(lines.length);
  lines.forEach(({ sign }, index) => {
    if (sign !== " ") shown.fill(1, Math.max(0, index - contextLines), index + contextLines + 1);
  });
  let [text, left, right] = ["", 1, 1];
  for (let at = 0; at < lines.length;) {
    let end = at;
    while (end < lines.length && shown[end] === shown[at]) end++;
    const part = lines.slice(at, end);
    const [lefts, rights] = [
      part.filter(({ sign }) => sign !== "+").length,
      part.filter(({ sign }) => sign !== "-").length,
    ];
    if (shown[at] === 1) {
      const body = part.map(({ sign, text }) => `${sign}${text}\n`).join("");
      text += `@@ -${range(left, lefts)} +${range(right, rights)} @@\n${body}`;
    }
    [left, right, at] = [left + lefts, right + rights, end];
  }
  return text;
};

/**
 * The hunks of a unified diff, empty when nothing differs; undefined when too much does.
 *
 * *Details*: a missing newline at the end is not told.
 */
export const lineDiff = (before: string, after: string): string | undefined => {
  const [left, right] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start++;
  let end = 0;
  const shorter = Math.min(left.length, right.length) - start;
  while (end < shorter && left[left.length - 1 - end] === right[right.length - 1 - end]) end++;
  const middle = compare(left.slice(start, left.length - end), right.slice(start, right.length - end));
  if (middle === undefined) return undefined;
  const same = (text: string): Line => ({ sign: " ", text });
  const ending = end === 0 ? [] : left.slice(left.length - end);
  return hunksOf([...left.slice(0, start).map(same), ...middle, ...ending.map(same)]);
};
