/**
 * Prints what a server must be allowed beyond the fixed flags of the tasks in `deno.json`, so that the
 * tasks grant exactly what the configuration needs and nothing else.
 *
 * `grants.ts write`: the data directory and the sockets of container engines (to connect is to write).
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

const writable = (): ReadonlyArray<string> => {
  const host = setting("DOCKER_HOST");
  const sockets = host?.startsWith("unix://")
    ? [host.slice("unix://".length)]
    : ["/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock"];
  return [setting("CAISSON_DATA_PATH") ?? "./.caisson", ...sockets];
};

const runnable = (): ReadonlyArray<string> => {
  const bubblewrap = ["/usr/bin/bwrap", "/usr/local/bin/bwrap"].filter((path) => orAbsent(() => Deno.statSync(path)));
  return [Deno.execPath(), ...bubblewrap];
};

const grants = { write: writable, run: runnable }[Deno.args[0] === "run" ? "run" : "write"]();

// A comma would end a path and start another, so such a path is left to the person who chose it.
console.log(grants.filter((path) => !path.includes(",")).join(","));
