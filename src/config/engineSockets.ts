/**
 * Where container engines listen: the same list for the process that asks and for what permits it to ask.
 */

/** Where engines listen when nothing says otherwise, Docker before Podman. */
export const usualSockets: ReadonlyArray<string> = [
  "/var/run/docker.sock",
  "/run/docker.sock",
  "/run/podman/podman.sock",
];

/** The path in a `DOCKER_HOST` such as `unix:///path`, undefined for every other kind of address. */
export const socketPath = (dockerHost: string): string | undefined => /^unix:\/\/(\/.+)$/.exec(dockerHost)?.[1];
