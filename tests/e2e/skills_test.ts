/**
 * The skills and modules that are shipped, each tried in a real container as its instructions say.
 */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import { layer as dockerLayer } from "../../src/adapters/sandbox/docker/Docker.ts";
import { makeId } from "../../src/domain/ids.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { Sandbox } from "../../src/services/Sandbox.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";

const messy = [
  "Region ; Amount;When;Notes;",
  " North ;1.200,50;03/04/2025;ok;",
  "South;99,5;04/04/2025;n/a;",
  "south;99,5;04/04/2025;n/a;",
  "south;99,5;04/04/2025;n/a;",
  ";;;;",
].join("\n");

const charts = `
import pandas as pd
from charts import bar, histogram, line, scatter
t = pd.DataFrame({"n": [f"name {i}" for i in range(12)], "a": range(12), "b": range(12, 0, -1)})
print(bar(t, "n", ["a", "b"], "/workspace/1.png"), line(t, "a", "b", "/workspace/2.png"))
print(scatter(t, "a", "b", "/workspace/3.png", trend=True), histogram(t, "a", "/workspace/4.png"))
try:
    bar(t, "nope", "a")
except KeyError as error:
    print(error)
`;

const symbolic = `
import sympy
from symbolic import same, solve_checked
x = sympy.symbols("x", real=True)
print(solve_checked(sympy.Eq(sympy.sqrt(x + 2), x), x), same("sin(x)**2 + cos(x)**2", "1"), same("x", "x + 1/1000000"))
`;

/** What stands in the workspace, what is run, and what it must print. */
const trials: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, string, ReadonlyArray<RegExp>]> = [
  ["data-analysis", { "messy.csv": messy }, "python3 /skills/data-analysis/scripts/profile.py messy.csv", [
    /^5 rows, 5 columns/,
    /1 rows repeat another row exactly/,
    /'Region ': 1 values differ from another only in case/,
    /' Amount': 100% of the values are numbers stored as text/,
  ]],
  [
    "csv-cleaning",
    { "messy.csv": messy },
    "python3 /skills/csv-cleaning/scripts/clean.py messy.csv clean.csv --day-first && cat clean.csv",
    [
      /5 rows in, 3 rows out, 4 columns/,
      /region: trimmed spaces in 1 values/,
      /region,amount,when,notes\nNorth,1200\.5,2025-04-03,ok\nSouth,99\.5,2025-04-04,\nsouth,99\.5,2025-04-04,\n$/,
    ],
  ],
  ["charts", { "draw.py": charts }, "python3 draw.py && file *.png", [
    /no column 'nope': the columns are n, a, b/,
    /1\.png: PNG image data, 1200 x/,
    /4\.png: PNG image data, 1200 x 675/,
  ]],
  ["symbolic-maths", { "solve.py": symbolic }, "python3 solve.py", [/^\[2\] True False\n$/]],
];

const settings = engineSettings({ toolsPath: "./tools", skillsPath: "./skills" });

it.layer(dockerLayer.pipe(Layer.provide(settings))).live(
  "every shipped skill does in the sandbox image what its instructions say",
  () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      for (const [name, files, command, printed] of trials) {
        const owner: Owner = { principal: "test", user: makeId("skills"), ephemeral: true };
        const outcome = yield* Effect.scoped(Effect.gen(function* () {
          const handle = yield* sandbox.open(owner);
          for (const [path, text] of Object.entries(files)) {
            yield* handle.writeFile(path, new TextEncoder().encode(text));
          }
          return yield* handle.execute({ command, timeoutMs: 120_000 });
        }));
        assert.equal(outcome.exitCode, 0, `${name}: ${outcome.stderr}`);
        for (const pattern of printed) assert.match(outcome.stdout, pattern, name);
      }
    }),
  { skip: skipWithoutEngine },
);
