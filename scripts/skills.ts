/**
 * Validates the skills of a folder and shows what an agent would see of them.
 *
 * `deno task skills [folder]` prints every problem as `file:line: message`, the catalogue with its size
 * in tokens, and exits with 1 when a skill is refused.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Effect, References } from "effect";
import { make } from "../src/adapters/skills/Disk.ts";
import { root } from "../src/root.ts";
import { skillEntry } from "../src/agent/systemPrompt.ts";

/** Model providers' rule of thumb for English. */
const charsPerToken = 4;

/** A folder of the command line is meant from where the command was typed; a task runs in the checkout. */
const typedIn = Deno.env.get("INIT_CWD") ?? ".";
const folder = Deno.args[0] === undefined ? fileURLToPath(new URL("skills", root)) : resolve(typedIn, Deno.args[0]);

/** Says why a folder cannot be looked at, undefined when it can. */
const unreadable = (): string | undefined => {
  try {
    return Deno.statSync(folder).isDirectory ? undefined : "is no folder";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "does not exist";
    throw error;
  }
};

const why = unreadable();
if (why !== undefined) {
  console.error(`${folder} ${why}`);
  Deno.exit(2);
}

const { skills, problems } = await Effect.runPromise(
  Effect.flatMap(make(folder), ({ catalogue }) => catalogue).pipe(
    // The problems are printed below, in full.
    Effect.provideService(References.MinimumLogLevel, "None"),
  ),
);

for (const { file, line, message, refused } of problems) {
  console.log(`${folder}/${file}:${line}: ${refused ? "refused" : "warning"}: ${message}`);
}
let tokens = 0;
for (const skill of skills) {
  const size = Math.ceil(skillEntry(skill).length / charsPerToken);
  tokens += size;
  console.log(`${skill.name.padEnd(28)} ${String(size).padStart(4)} tokens  ${skill.location}`);
}
const refused = new Set(problems.filter((problem) => problem.refused).map((problem) => problem.folder));
console.log(`${skills.length} skills, ${tokens} tokens in the catalogue, ${refused.size} refused`);
Deno.exit(refused.size > 0 ? 1 : 0);
