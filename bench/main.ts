/**
 * Runs benchmarks by name, or all of them: `deno task bench [NAME…]`.
 *
 * Every figure is a ratio against a floor or a peer measured in the same run, because absolute times
 * say more about the machine than about the code.
 */
const { tasks } = JSON.parse(Deno.readTextFileSync("deno.json")) as { tasks: Record<string, string> };
const prefix = "bench:";
const known = Object.keys(tasks).flatMap((task) => task.startsWith(prefix) ? [task.slice(prefix.length)] : []);

const [first] = Deno.args;
const names = first === undefined ? known : [first];
if (first !== undefined && !known.includes(first)) {
  console.error(`unknown benchmark ${JSON.stringify(first)}, expected one of ${known.join(", ")}`);
  Deno.exit(2);
}

for (const name of names) {
  console.log(`\n# ${name}\n`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", prefix + name, ...Deno.args.slice(1)],
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (code !== 0) Deno.exit(code);
}
