/**
 * Whether a regular expression takes linear time on every text.
 *
 * The engine tries again from every position and gives characters back one by one, so a run without a bound costs its
 * length for every start, and more where what follows could have been part of it. A pattern passes when none of its
 * runs can be given back to any use, and none can be entered at each of its own characters.
 */

/** Characters 0 to 127 and, last, all others: as much as telling classes apart needs. */
type Characters = ReadonlyArray<boolean>;

const others = 128;

/** Repetitions up to which a quantifier counts as bounded. */
export const boundedRepetitionsMax = 10_000;

interface Item {
  readonly min: number;
  readonly max: number;
  readonly atom: Atom;
}

type Sequence = ReadonlyArray<Item>;

type Atom =
  | { readonly _tag: "Characters"; readonly set: Characters }
  | { readonly _tag: "Group"; readonly alternatives: ReadonlyArray<Sequence> }
  | { readonly _tag: "Start" | "End" | "Boundary" }
  | { readonly _tag: "Look"; readonly alternatives: ReadonlyArray<Sequence> };

const charactersOf = (has: (code: number) => boolean): Characters =>
  Array.from({ length: others + 1 }, (_, code) => has(code));
const none = charactersOf(() => false);
const all = charactersOf(() => true);
const union = (left: Characters, right: Characters): Characters =>
  charactersOf((code) => !!left[code] || !!right[code]);
const negated = (set: Characters): Characters => charactersOf((code) => code === others || !set[code]);
const disjoint = (left: Characters, right: Characters): boolean => !left.some((has, code) => has && right[code]);

const testing = (pattern: RegExp, other = false): Characters =>
  charactersOf((code) => code === others ? other : pattern.test(String.fromCharCode(code)));
const classes: Readonly<Record<string, Characters>> = {
  d: testing(/\d/),
  D: testing(/\D/, true),
  w: testing(/\w/),
  W: testing(/\W/, true),
  s: testing(/\s/, true),
  S: testing(/\S/, true),
};
const controls: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v", "0": "\0" };

// Reading ----------------------------------------------------------------------------------------

/** Reads a pattern; what it cannot read it calls anything, which passes no run. */
class Reader {
  #at = 0;
  readonly #source: string;
  readonly #flags: string;

  constructor(source: string, flags: string) {
    this.#source = source;
    this.#flags = flags;
  }

  alternatives(): ReadonlyArray<Sequence> {
    const alternatives: Array<Sequence> = [this.#sequence()];
    while (this.#take("|")) alternatives.push(this.#sequence());
    return alternatives;
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #sequence(): Sequence {
    const items: Array<Item> = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source.charAt(this.#at))) {
      items.push(this.#quantified(this.#atom()));
    }
    return items;
  }

  #quantified(atom: Atom): Item {
    const found = /^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/.exec(this.#source.slice(this.#at));
    if (found === null) return { min: 1, max: 1, atom };
    this.#at += found[0].length;
    const [, sign, least = "0", comma, most = ""] = found;
    if (sign !== undefined) return { min: sign === "+" ? 1 : 0, max: sign === "?" ? 1 : Infinity, atom };
    const max = comma === undefined ? Number(least) : most === "" ? Infinity : Number(most);
    return { min: Number(least), max: max > boundedRepetitionsMax ? Infinity : max, atom };
  }

  #atom(): Atom {
    for (const opening of ["(?=", "(?!", "(?<=", "(?<!"]) {
      if (this.#take(opening)) return this.#closed({ _tag: "Look", alternatives: this.alternatives() });
    }
    const named = /^\(\?<\w+>|^\(\?:|^\(/.exec(this.#source.slice(this.#at))?.[0];
    if (named !== undefined && this.#take(named)) {
      return this.#closed({ _tag: "Group", alternatives: this.alternatives() });
    }
    const multiline = this.#flags.includes("m");
    // With `m` a line's start is a place like any other, and its end is before a line break.
    if (this.#take("^")) return { _tag: multiline ? "Boundary" : "Start" };
    if (this.#take("$")) return { _tag: "End" };
    if (this.#take("\\b") || this.#take("\\B")) return { _tag: "Boundary" };
    if (this.#take("[")) return { _tag: "Characters", set: this.#folded(this.#class()) };
    if (this.#take(".")) {
      return { _tag: "Characters", set: this.#flags.includes("s") ? all : testing(/./, true) };
    }
    return { _tag: "Characters", set: this.#folded(this.#one()) };
  }

  #closed(atom: Atom): Atom {
    this.#take(")");
    return atom;
  }

  #class(): Characters {
    const inverted = this.#take("^");
    let set = none;
    while (this.#at < this.#source.length && !this.#take("]")) {
      const from = this.#at;
      const one = this.#one();
      const low = one.indexOf(true);
      const single = one.lastIndexOf(true) === low;
      if (!single || this.#source[this.#at] !== "-" || this.#source[this.#at + 1] === "]") {
        set = union(set, one);
        continue;
      }
      this.#at++;
      const high = this.#one().lastIndexOf(true);
      set = union(set, from === this.#at ? all : charactersOf((code) => code >= low && code <= high));
    }
    return inverted ? negated(set) : set;
  }

  #one(): Characters {
    const escaped = this.#take("\\");
    const character = this.#source.charAt(this.#at++);
    if (!escaped) return this.#only(character);
    const known = classes[character];
    if (known !== undefined) return known;
    const hex = /^(?:u([0-9a-f]{4})|u\{([0-9a-f]+)\}|x([0-9a-f]{2}))/i.exec(this.#source.slice(this.#at - 1));
    if (hex !== null) {
      this.#at += hex[0].length - 1;
      return this.#only(String.fromCodePoint(Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? "", 16)));
    }
    // A reference back can be any text.
    if (/[1-9kpP]/.test(character)) return all;
    return this.#only(controls[character] ?? character);
  }

  #only(character: string): Characters {
    const wanted = Math.min(character.charCodeAt(0), others);
    return charactersOf((code) => code === wanted);
  }

  #folded(set: Characters): Characters {
    if (!this.#flags.includes("i")) return set;
    const has = (character: string) => set[character.charCodeAt(0)] === true;
    return charactersOf((code) => {
      const character = String.fromCharCode(code);
      return !!set[code] || (code < others && (has(character.toLowerCase()) || has(character.toUpperCase())));
    });
  }
}

// Judging ----------------------------------------------------------------------------------------

/** What may come next: these characters, or the end of what must match. */
interface Follow {
  readonly set: Characters;
  readonly mayEnd: boolean;
}

const firstOfAll = (alternatives: ReadonlyArray<Sequence>, after: Follow): Follow =>
  alternatives.map((sequence) => firstOf(sequence, after)).reduce((left, right) => ({
    set: union(left.set, right.set),
    mayEnd: left.mayEnd || right.mayEnd,
  }));

const firstOf = (sequence: Sequence, after: Follow): Follow => {
  const [item, ...rest] = sequence;
  if (item === undefined) return after;
  const { atom, min } = item;
  switch (atom._tag) {
    case "End":
      return { set: none, mayEnd: false };
    case "Start":
    case "Boundary":
    case "Look":
      return firstOf(rest, after);
    case "Characters": {
      if (min > 0) return { set: atom.set, mayEnd: false };
      const later = firstOf(rest, after);
      return { set: union(atom.set, later.set), mayEnd: later.mayEnd };
    }
    case "Group": {
      const later = firstOf(rest, after);
      const own = firstOfAll(atom.alternatives, later);
      return min > 0 ? own : { set: union(own.set, later.set), mayEnd: own.mayEnd || later.mayEnd };
    }
  }
};

const setOf = (atom: Atom): Characters => {
  switch (atom._tag) {
    case "Characters":
      return atom.set;
    case "Group":
      return atom.alternatives.flat().map((item) => setOf(item.atom)).reduce(union, none);
    default:
      return none;
  }
};

/** Where a sequence stands. */
interface Place {
  /** Tried from one position only. */
  readonly anchored: boolean;
  /** Inside a group that repeats. */
  readonly repeats: boolean;
  readonly inLook: boolean;
  /** The character that was required last, undefined at the beginning. */
  readonly guard: Characters | undefined;
  readonly after: Follow;
}

const ends = { set: none, mayEnd: false };

const judgeRun = (item: Item, follow: Follow, place: Place): string | undefined => {
  const set = setOf(item.atom);
  if (item.max === Infinity && place.inLook) return "a run without a bound is looked ahead for";
  if (follow.mayEnd) return undefined;
  if (!disjoint(set, follow.set)) return "a run can be given back to what follows it";
  const guarded = place.guard !== undefined && disjoint(place.guard, set);
  return item.max < Infinity || place.anchored || guarded
    ? undefined
    : "a run without a bound begins at each of its own characters";
};

const judgeGroup = (item: Item, alternatives: ReadonlyArray<Sequence>, follow: Follow, place: Place) => {
  const repeats = item.max > 1;
  const own = firstOfAll(alternatives, ends);
  const firsts = alternatives.map((sequence) => firstOf(sequence, { set: none, mayEnd: true }));
  if (repeats && item.max === Infinity && !follow.mayEnd) {
    if (firsts.some(({ mayEnd }) => mayEnd)) return "a group that may be empty repeats without a bound";
    if (firsts.some(({ set }, at) => firsts.slice(at + 1).some((other) => !disjoint(set, other.set)))) {
      return "a group repeats whose alternatives begin alike";
    }
  }
  const after = repeats ? { set: union(follow.set, own.set), mayEnd: follow.mayEnd } : follow;
  const inner = { ...place, after, repeats: place.repeats || repeats };
  return alternatives.map((sequence) => judge(sequence, inner)).find((why) => why !== undefined);
};

/** Why a sequence may take more than linear time, undefined when it does not. */
const judge = (sequence: Sequence, place: Place): string | undefined => {
  let { anchored, guard } = place;
  for (const [index, item] of sequence.entries()) {
    const { atom, min, max } = item;
    const here = { ...place, anchored, guard };
    const follow = firstOf(sequence.slice(index + 1), place.after);
    if (atom._tag === "Start") anchored = true;
    const isRun = max === Infinity || (place.repeats && min !== max);
    const why = (isRun && atom._tag !== "Group" ? judgeRun(item, follow, here) : undefined) ??
      (isRun && atom._tag === "Group" && max === Infinity ? judgeRun(item, follow, here) : undefined) ??
      (atom._tag === "Group" ? judgeGroup(item, atom.alternatives, follow, here) : undefined) ??
      (atom._tag === "Look"
        ? atom.alternatives.map((inner) => judge(inner, { ...here, inLook: true, after: ends }))
          .find((found) => found !== undefined)
        : undefined);
    if (why !== undefined) return why;
    if (atom._tag === "Characters" && min > 0) guard = atom.set;
    if (atom._tag === "Group" && min > 0) guard = undefined;
  }
  return undefined;
};

/** Why a regular expression may take more than linear time on some text, undefined when it cannot. */
export const slowRun = (source: string, flags: string): string | undefined => {
  const place = { anchored: flags.includes("y"), repeats: false, inLook: false, guard: undefined };
  for (const sequence of new Reader(source, flags).alternatives()) {
    const why = judge(sequence, { ...place, after: { set: none, mayEnd: true } });
    if (why !== undefined) return why;
  }
  return undefined;
};
