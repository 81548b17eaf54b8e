/**
 * Arithmetic in words and signs, translated to Python.
 *
 * Nothing is computed here: the sandbox computes, so that the answer is a real result.
 */

const functions = "sqrt|sin|cos|tan|asin|acos|atan|log|log2|log10|exp|factorial|gcd|lcm|comb|perm|floor|ceil";
const builtins = "abs|round|min|max|pow|sum|int|float";
const number = "[0-9][0-9_,]*(?:\\.[0-9]+)?(?:e[+-]?[0-9]+)?";

const plainNumber = (text: string) => text.replace(/[,_](?=\d{3}\b)/g, "");

/** Phrases that mean a formula, tried in order; the captured numbers are put into the code. */
const phrases: ReadonlyArray<readonly [RegExp, (...numbers: ReadonlyArray<string>) => string]> = [
  [new RegExp(`^(?:the )?factorial (?:of )?(\\d+)$`), (n) => `math.factorial(${n})`],
  [/^(\d+) factorial$/, (n) => `math.factorial(${n})`],
  [/^(\d+)\s*!$/, (n) => `math.factorial(${n})`],
  [new RegExp(`^(?:the )?square root of (${number})$`), (n) => `math.sqrt(${n})`],
  [new RegExp(`^(?:the )?cube root of (${number})$`), (n) => `math.cbrt(${n})`],
  [new RegExp(`^(${number}) squared$`), (n) => `${n} ** 2`],
  [new RegExp(`^(${number}) cubed$`), (n) => `${n} ** 3`],
  [new RegExp(`^(${number}) (?:raised )?to the (?:power of|power) (${number})$`), (n, m) => `${n} ** ${m}`],
  [new RegExp(`^(${number})\\s*(?:%|percent) of (${number})$`), (n, m) => `${n} / 100 * ${m}`],
  [
    /^(?:the )?sum of (?:all )?(?:the )?(?:numbers|integers) (?:from|between) (\d+) (?:to|and|through) (\d+)$/,
    (n, m) => `sum(range(${n}, ${m} + 1))`,
  ],
  [/^(?:the )?sum of (\d+) (?:to|through) (\d+)$/, (n, m) => `sum(range(${n}, ${m} + 1))`],
  [/^(?:the )?sum of the first (\d+) (?:numbers|integers|natural numbers)$/, (n) => `sum(range(1, ${n} + 1))`],
  [/^(?:the )?(?:numbers|integers) (?:from )?(\d+) (?:to|through) (\d+)$/, (n, m) => `*range(${n}, ${m} + 1)`],
  [new RegExp(`^(?:the )?sum of (${number}) and (${number})$`), (n, m) => `${n} + ${m}`],
  [new RegExp(`^(?:the )?product of (${number}) and (${number})$`), (n, m) => `${n} * ${m}`],
  [
    /^(?:the )?first (\d+) fibonacci numbers$/,
    (n) => `(lambda f: [f.append(f[-1] + f[-2]) or f[-3] for _ in range(${n})])([0, 1])`,
  ],
  [/^(?:the )?first (\d+) squares$/, (n) => `[i * i for i in range(1, ${n} + 1)]`],
];

const words: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bplus\b/g, "+"],
  [/\bminus\b/g, "-"],
  [/\b(?:times|multiplied by)\b/g, "*"],
  [/\bdivided by\b/g, "/"],
  [/\b(?:modulo|mod)\b/g, "%"],
  [/[×·]/g, "*"],
  [/÷/g, "/"],
  [/[−–]/g, "-"],
  [/\^/g, "**"],
];

/** Only numbers, operators, brackets and known functions: nothing that could be anything but a formula. */
const formula = new RegExp(
  `^(?:${number}|\\*\\*|//|[-+*/%(),. ]|\\bpi\\b|\\be\\b|\\b(?:${functions}|${builtins})(?=\\s*\\())+$`,
);

/** The Python expression that a phrase or formula means, or undefined when it means none. */
export const pythonExpression = (text: string): string | undefined => {
  const phrase = text.trim().toLowerCase().replace(/\s+/g, " ")
    .replace(/[\s=?.]+$/, "").replace(/([^\d\s])!+$/, "$1");
  for (const [pattern, code] of phrases) {
    const found = pattern.exec(phrase);
    if (found !== null) return code(...found.slice(1).map(plainNumber));
  }
  let expression = phrase;
  for (const [word, sign] of words) expression = expression.replace(word, sign);
  expression = expression.replace(/(\d+)\s*!/g, "factorial($1)");
  if (!formula.test(expression) || !/\d/.test(expression)) return undefined;
  // A comma between arguments is no thousands separator.
  const plain = /[a-z]\d*\s*\(/.test(expression) ? expression : plainNumber(expression);
  return plain
    .replace(/\b(pi|e)\b(?!\s*\()/g, "math.$1")
    .replace(new RegExp(`\\b(${functions})(?=\\s*\\()`, "g"), "math.$1");
};

/** Python that prints an expression of {@link pythonExpression}. */
export const printing = (expression: string): string =>
  `${/\bmath\./.test(expression) ? "import math; " : ""}print(${expression})`;
