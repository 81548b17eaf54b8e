/**
 * Prints what a process must be allowed beyond the fixed flags of its task in `deno.json`, so that the
 * tasks grant exactly what the configuration needs and nothing else.
 *
 * `grants.ts write`: the data directory and the sockets of container engines (to connect is to write).
 * `grants.ts sockets`: those sockets as `--allow-net` wants them.
 * `grants.ts run`: this very Deno for the embedded sandbox, and bubblewrap where it is installed.
 */
import { parseEnv } from "node:util";

const orAbsent = <A>(read: () => A): A | undefined => {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
};

const dotEnv: Record<string, string | undefined> = parseEnv(orAbsent(() => Deno.readTextFileSync(".env")) ?? "");

const setting = (name: string): string | undefined => (Deno.env.get(name) ?? "") || dotEnv[name] || undefined;

const sockets = (): ReadonlyArray<string> => {
  const host = setting("DOCKER_HOST");
  return host?.startsWith("unix://")
    ? [host.slice("unix://".length)]
    : ["/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock"];
};

const installed = (path: string): boolean => orAbsent(() => Deno.statSync(path)) !== undefined;

const grants: Readonly<Record<string, () => ReadonlyArray<string>>> = {
  write: () => [setting("CAISSON_DATA_PATH") ?? "./.caisson", ...sockets()],
  sockets: () => sockets().map((path) => `unix:${path}`),
  run: () => [Deno.execPath(), ...["/usr/bin/bwrap", "/usr/local/bin/bwrap"].filter(installed)],
};

const wanted = grants[Deno.args[0] ?? ""];
if (wanted === undefined) {
  console.error(`usage: grants.ts ${Object.keys(grants).join("|")}`);
  Deno.exit(2);
}

// A comma would end a path and start another, so such a path is left to the person who chose it.
console.log(wanted().filter((path) => !path.includes(",")).join(","));
