/**
 * What stands beside the code says the same as the code: the tasks, the package and docker-compose.yml.
 */
import assert from "node:assert/strict";
import { settingVariables } from "../../../src/config/permissions.ts";
import { type Row, settingsTable } from "../../../src/config.ts";

const read = (path: string): string => Deno.readTextFileSync(new URL(`../../../${path}`, import.meta.url));

const settings = Object.values<Row<unknown>>(settingsTable).flatMap(({ key, aliases }) => [key, ...aliases]);

Deno.test("the tasks let a server see the variables of every setting and no others", () => {
  const { tasks }: { tasks: Record<string, string> } = JSON.parse(read("deno.json"));
  for (const name of ["serve", "mcp"]) {
    assert.equal(/--allow-env=(\S+)/.exec(tasks[name] ?? "")?.[1], settingVariables.join(","), name);
  }
  const isSeen = (name: string) =>
    settingVariables.some((pattern) =>
      pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern
    );
  assert.deepEqual(settings.filter((name) => !isSeen(name)), []);
});

Deno.test("docker-compose.yml passes every setting that it does not decide itself", () => {
  // Facts of the containers, what only standard streams need, and files that are not in the image.
  const decided = [
    "AGENT_API_PORT",
    "CAISSON_API_KEYS_FILE",
    "CAISSON_DATA_PATH",
    "CAISSON_INSECURE_ALLOW_ANONYMOUS",
    "CAISSON_MCP_PORT",
    "CAISSON_MCP_USER",
    "HOME",
    // The names in capitals are passed.
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "MCP_SKILLS_PATH",
    "MCP_TOOLS_PATH",
    "XDG_RUNTIME_DIR",
  ];
  const services = read("docker-compose.yml").split("\nservices:\n")[1] ?? "";
  const passed = new Set([...services.matchAll(/^ {6}([A-Z_]+): /gm)].map(([, name = ""]) => name));
  assert.deepEqual(settings.filter((name) => !passed.has(name) && !decided.includes(name)), []);
  assert.deepEqual([...passed].filter((name) => !settings.includes(name)), []);
});
