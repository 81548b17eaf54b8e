/**
 * How much of people's work can be done in a sandbox: `deno task bench:work [docker|embedded]`.
 *
 * Method: the MCP server is started as its users start it, and every task is carried out through its tools by a script
 * that knows the way. No model takes part, so what fails is the workplace's. The result is printed as the page
 * `docs/coverage.md`. It fails when fewer tasks than `tasksMin` succeed, or a name is
 * in no image and has no reason.
 */
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { contents } from "../../src/adapters/sandbox/docker/contents.ts";
import { absentBecause, packages, programs } from "./names.ts";
import { type Call, type Task, tasks } from "./tasks.ts";

/** Tasks that must succeed in the slim image: all but those whose program it leaves out. */
const tasksMin = 41;

const sandbox = Deno.args[0] ?? "docker";
const data = await Deno.makeTempDir();
// Bubblewrap's users have to pass through it.
await Deno.chmod(data, 0o711);
const client = new Client({ name: "bench-work", version: "1" });
await client.connect(
  new StdioClientTransport({
    command: Deno.execPath(),
    args: ["run", "--lock=tests/deno.lock", "--no-check", "--allow-all", "mcp.ts", "--stdio"],
    env: { ...Deno.env.toObject(), CAISSON_SANDBOX: sandbox, CAISSON_DATA_PATH: data, CAISSON_MCP_USER: "bench-work" },
    stderr: "ignore",
  }),
);

const textOf = async ({ tool, args }: Call): Promise<string> => {
  const { content } = await client.callTool({ name: tool, arguments: { ...args } }, undefined, { timeout: 600_000 });
  return Array.isArray(content) ? content.map((block) => block.type === "text" ? block.text : "").join("\n") : "";
};

const done = async ({ calls, expected }: Task): Promise<string | undefined> => {
  let last = "";
  for (const call of calls) last = await textOf(call);
  return expected.test(last) ? undefined : last;
};

/** The last line that says something, which is where an error is named. */
const reasonOf = (text: string): string =>
  text.replaceAll("\\n", "\n").split("\n").filter((line) => /\w/.test(line)).findLast((line) =>
    /Error|not found|No module/.test(line)
  )?.slice(0, 120).replaceAll("|", "/") ?? text.slice(0, 120).replaceAll("\n", " ").replaceAll("|", "/");

/** Which names a check in the sandbox says yes to. */
const present = async (names: ReadonlyArray<string>, check: string): Promise<ReadonlySet<string>> => {
  const command = `for n in ${names.join(" ")}; do ${check} >/dev/null 2>&1 </dev/null && echo "has $n"; done; true`;
  const text = await textOf({ tool: "execute_bash", args: { command, timeout: 600 } });
  return new Set(text.match(/has \w+/g)?.map((line) => line.slice(4)) ?? []);
};

/** Stands where `names.ts` forgot to say why; the run fails then. */
const noReason = "NO REASON GIVEN";

const inTable = (name: string): "slim" | "full" | undefined =>
  contents.find(({ modules = [], commands = [] }) =>
    [...modules.map((module) => module.split(".", 1).join("")), ...commands].includes(name)
  )?.of;

const stateOf = (name: string, has: ReadonlySet<string>): string => {
  if (has.has(name)) return "slim";
  return inTable(name) === "full" ? "full" : `absent: ${absentBecause[name] ?? noReason}`;
};

const listOf = (title: string, names: ReadonlyArray<string>, has: ReadonlySet<string>): ReadonlyArray<string> => {
  const states = names.map((name) => [name, stateOf(name, has)] as const);
  const of = (wanted: string) => states.filter(([, state]) => state === wanted).map(([name]) => `\`${name}\``);
  return [
    `## ${title}`,
    "",
    `In slim, by import or look-up in it (${of("slim").length} of ${names.length}): ${of("slim").join(" ")}`,
    "",
    `In full only, by the image's table (${of("full").length}): ${of("full").join(" ")}`,
    "",
    "| In neither | Why |",
    "| --- | --- |",
    ...states.filter(([, state]) => state.startsWith("absent")).map(([name, state]) =>
      `| \`${name}\` | ${state.slice(8)} |`
    ),
    "",
  ];
};

await textOf({ tool: "execute_bash", args: { command: "rm -rf /workspace/*" } });
const failures: Array<readonly [Task, string]> = [];
for (const task of tasks) {
  const failure = await done(task);
  if (failure !== undefined) failures.push([task, failure]);
}
const hasPackages = await present(packages, 'python3 -c "import $n"');
const hasPrograms = await present(programs, "command -v $n");
await client.close();
await Deno.remove(data, { recursive: true });

const groups = [...new Set(tasks.map(({ group }) => group))];
const countOf = (group: string) => {
  const all = tasks.filter((task) => task.group === group).length;
  return `| ${group} | ${all - failures.filter(([task]) => task.group === group).length} of ${all} |`;
};
const page = [
  "# What work can be done",
  "",
  "This page is what `deno task bench:work` prints: small tasks of our own, carried out through the tools by a script, so",
  "that what fails is the workplace's and no model's.",
  "",
  `**${
    tasks.length - failures.length
  } of ${tasks.length} tasks** succeed in the ${sandbox} sandbox with its default image.`,
  "",
  "| Group | Done |",
  "| --- | --- |",
  ...groups.map(countOf),
  "",
  "| Not done | Because |",
  "| --- | --- |",
  ...failures.map(([task, text]) => `| ${task.group}: ${task.name} | ${reasonOf(text)} |`),
  "",
  ...listOf("The 60 packages that analysts use most", packages, hasPackages),
  ...listOf("The 60 programs that are used most in a shell", programs, hasPrograms),
].join("\n");
console.log(page);
if (tasks.length - failures.length < tasksMin || page.includes(noReason)) Deno.exit(1);
