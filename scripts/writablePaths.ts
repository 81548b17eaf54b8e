/**
 * Prints the paths a server must be allowed to write, for `--allow-write` in the tasks of `deno.json`:
 * its data directory and the sockets of container engines (connecting to one is a write).
 *
 * It reads the two settings that move them, from the environment and from `.env`, so that the tasks
 * grant exactly what the configuration needs and nothing else.
 */
import { parseEnv } from "node:util";

const readDotEnv = (): Record<string, string | undefined> => {
  try {
    return parseEnv(Deno.readTextFileSync(".env"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
};

const dotEnv = readDotEnv();

const setting = (name: string): string | undefined => (Deno.env.get(name) ?? "") || dotEnv[name] || undefined;

const engineSockets = (): ReadonlyArray<string> => {
  const host = setting("DOCKER_HOST");
  return host?.startsWith("unix://")
    ? [host.slice("unix://".length)]
    : ["/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock"];
};

// A comma would end the path and start another, so such a path is left to the person who chose it.
const usable = (paths: ReadonlyArray<string>) => paths.filter((path) => !path.includes(","));

// `sockets` prints the sockets alone, as `--allow-net` wants them.
console.log(
  Deno.args[0] === "sockets"
    ? usable(engineSockets()).map((path) => `unix:${path}`).join(",")
    : usable([setting("CAISSON_DATA_PATH") ?? "./.caisson", ...engineSockets()]).join(","),
);
