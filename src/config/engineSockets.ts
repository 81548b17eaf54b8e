/**
 * Where container engines listen: the same list for the process that asks and for what permits it to ask.
 */
import { normalize } from "node:path";

/** Directories below which an engine of one user listens; what is unset is not looked at. */
export interface UserDirectories {
  readonly home: string | undefined;
  /** `XDG_RUNTIME_DIR`. */
  readonly runtime: string | undefined;
}

const below = (directory: string | undefined, paths: ReadonlyArray<string>): ReadonlyArray<string> =>
  // A relative one is none of a user's, and a comma would end a path in a permission.
  directory === undefined || !directory.startsWith("/") || directory.includes(",")
    ? []
    : paths.map((path) => normalize(`${directory}/${path}`));

/** Where engines listen when nothing says otherwise: the machine's before the user's, Docker before Podman. */
export const usualSockets = ({ home, runtime }: UserDirectories): ReadonlyArray<string> => [
  "/var/run/docker.sock",
  "/run/docker.sock",
  // Docker without root.
  ...below(runtime, ["docker.sock"]),
  ...below(home, [
    // Docker Desktop on macOS and on Linux, OrbStack, Colima, Rancher Desktop.
    ".docker/run/docker.sock",
    ".docker/desktop/docker.sock",
    ".orbstack/run/docker.sock",
    ".colima/default/docker.sock",
    ".colima/docker.sock",
    ".rd/docker.sock",
  ]),
  "/run/podman/podman.sock",
  // Podman without root, and Podman's machine on macOS.
  ...below(runtime, ["podman/podman.sock"]),
  ...below(home, [".local/share/containers/podman/machine/podman.sock"]),
];

/** The path in a `DOCKER_HOST` such as `unix:///path`, undefined for every other kind of address. */
export const socketPath = (dockerHost: string): string | undefined => /^unix:\/\/(\/.+)$/.exec(dockerHost)?.[1];
