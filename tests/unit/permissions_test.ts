import assert from "node:assert/strict";
import { type Grant, grants } from "../../src/config/permissions.ts";

const granted = (name: string, settings: Readonly<Record<string, string>>, installed: ReadonlyArray<string> = []) => {
  const grant: Grant | undefined = grants[name]?.({
    setting: (key) => settings[key],
    isInstalled: (path) => installed.includes(path),
    denoPath: "/opt/deno",
  });
  assert.ok(grant !== undefined);
  return grant;
};

const engines = "/var/run/docker.sock,/run/docker.sock,/run/podman/podman.sock";
const rows: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, string]> = [
  ["write", {}, `--allow-write=.caisson,${engines}`],
  ["write", { CAISSON_DATA_PATH: "/srv/my data" }, `--allow-write=/srv/my data,${engines}`],
  ["write", { DOCKER_HOST: "unix:///run/user/1000/docker.sock" }, "--allow-write=.caisson,/run/user/1000/docker.sock"],
  ["write", { DOCKER_HOST: "tcp://engine:2375" }, `--allow-write=.caisson,${engines}`],
  [
    "sockets",
    { HOME: "/home/me", XDG_RUNTIME_DIR: "/run/user/1000/" },
    "--allow-net=" + [
      "/var/run/docker.sock",
      "/run/docker.sock",
      "/run/user/1000/docker.sock",
      "/home/me/.docker/run/docker.sock",
      "/home/me/.docker/desktop/docker.sock",
      "/home/me/.orbstack/run/docker.sock",
      "/home/me/.colima/default/docker.sock",
      "/home/me/.colima/docker.sock",
      "/home/me/.rd/docker.sock",
      "/run/podman/podman.sock",
      "/run/user/1000/podman/podman.sock",
      "/home/me/.local/share/containers/podman/machine/podman.sock",
    ].map((path) => `unix:${path}`).join(","),
  ],
  ["write", { HOME: "/home/a,b", XDG_RUNTIME_DIR: "relative" }, `--allow-write=.caisson,${engines}`],
  ["sockets", { DOCKER_HOST: "unix:///e.sock" }, "--allow-net=unix:/e.sock"],
  ["run", {}, "--allow-run=/opt/deno,/usr/bin/bwrap"],
  ["run", { CAISSON_SANDBOX: "embedded" }, "--allow-run=/opt/deno,/usr/bin/bwrap"],
  ["run", { CAISSON_SANDBOX: "Docker" }, "--deny-run"],
  ["embedded", { CAISSON_SANDBOX: "docker" }, "--allow-run=/opt/deno,/usr/bin/bwrap"],
  [
    "run",
    {
      CAISSON_SANDBOX: "docker",
      CAISSON_MCP_SERVERS: '{"mcpServers":{"a":{"command":"npx"},"b":{"url":"https://b"}}}',
    },
    "--allow-run=npx",
  ],
  ["run", { CAISSON_SANDBOX: "docker", CAISSON_MCP_SERVERS: "{not json" }, "--deny-run"],
  ["keys", {}, "--allow-write=.caisson"],
  ["keys", { CAISSON_DATA_PATH: "/srv/d" }, "--allow-write=/srv/d"],
  ["keys", { CAISSON_API_KEYS_FILE: "/etc/caisson/keys.json" }, "--allow-write=/etc/caisson"],
];

for (const [name, settings, flag] of rows) {
  Deno.test(`grants.${name} is ${flag} with ${JSON.stringify(settings)}`, () =>
    assert.deepEqual(granted(name, settings, ["/usr/bin/bwrap"]), { flag }));
}

Deno.test("grants.write says what is permitted beside a path with a comma, which Deno cannot hold", () => {
  const { flag, note } = granted("write", { CAISSON_DATA_PATH: "/srv/a,b/data", DOCKER_HOST: "unix:///e.sock" });
  assert.equal(flag, "--allow-write=/srv,/e.sock");
  assert.match(note ?? "", /\/srv\/a,b\/data has a comma.*may write anywhere in \/srv$/);
});
