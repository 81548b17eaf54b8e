/**
 * Prints the line coverage of the library from a coverage profile and fails below the bound.
 *
 * Usage: `deno task coverage DIR`, where DIR is what `deno test --coverage=DIR` wrote.
 */

import { fileURLToPath } from "node:url";

/** Lines of `src/` that a test run must reach, in percent. */
const percentLeast = 90;

interface FileCoverage {
  readonly path: string;
  readonly found: number;
  readonly hit: number;
}

/** Reads the per-file line counts of an lcov report. */
export const parseLcov = (lcov: string): ReadonlyArray<FileCoverage> =>
  lcov.split("end_of_record").flatMap((record) => {
    const path = /^SF:(.*)$/m.exec(record)?.[1];
    const found = Number(/^LF:(\d+)$/m.exec(record)?.[1] ?? 0);
    const hit = Number(/^LH:(\d+)$/m.exec(record)?.[1] ?? 0);
    return path === undefined ? [] : [{ path, found, hit }];
  });

const percent = ({ found, hit }: Omit<FileCoverage, "path">): number => found === 0 ? 100 : 100 * hit / found;

const report = async (directory: string): Promise<number> => {
  const root = fileURLToPath(new URL("../src/", import.meta.url));
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["coverage", "--lcov", directory],
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) {
    console.error(new TextDecoder().decode(stderr));
    return 1;
  }
  const files = parseLcov(new TextDecoder().decode(stdout)).filter(({ path }) => path.startsWith(root));
  const total = files.reduce((sum, file) => ({ found: sum.found + file.found, hit: sum.hit + file.hit }), {
    found: 0,
    hit: 0,
  });
  for (const file of files.toSorted((left, right) => percent(left) - percent(right))) {
    if (percent(file) < percentLeast) {
      console.log(`${percent(file).toFixed(1).padStart(6)} %  ${file.path.slice(root.length)}`);
    }
  }
  console.log(
    `line coverage of src/: ${percent(total).toFixed(1)} % of ${total.found} lines, ${percentLeast} % needed`,
  );
  return files.length > 0 && percent(total) >= percentLeast ? 0 : 1;
};

if (import.meta.main) {
  const [directory] = Deno.args;
  if (directory === undefined) {
    console.error("usage: deno task coverage DIR");
    Deno.exit(2);
  }
  Deno.exit(await report(directory));
}
