import assert from "node:assert/strict";
import { Option } from "effect";
import {
  type ContainerContext,
  containerOptions,
  controlRows,
  controlsOf,
  memorySizes,
} from "../../../../../src/adapters/sandbox/docker/container.ts";
import { defaults } from "../../../../../src/config.ts";

const context: ContainerContext = {
  settings: defaults,
  engine: { NCPU: 2, SecurityOptions: ["name=seccomp,profile=default"] },
  version: { Version: "27.0.0", ApiVersion: "1.46" },
  egress: undefined,
  volumeQuota: true,
  readOnlyMounts: [{ Type: "bind", Source: "/srv/tools", Target: "/tools", ReadOnly: true }],
};
const request = {
  name: "caisson-x",
  image: "image:1",
  labels: { a: "b" },
  workspace: { _tag: "Memory" as const },
  network: undefined,
};

Deno.test("containerOptions applies every control when the workspace is in memory", () => {
  const { HostConfig: host, ...options } = containerOptions(context, request);
  assert.deepEqual(options, {
    name: "caisson-x",
    Image: "image:1",
    User: "1000:1000",
    WorkingDir: "/",
    Hostname: "sandbox",
    Labels: { a: "b" },
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    StopSignal: "SIGKILL",
  });
  assert.deepEqual(host, {
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    ReadonlyRootfs: true,
    IpcMode: "private",
    Privileged: false,
    Devices: [],
    Memory: 1024 * 1024 * 1024,
    MemorySwap: 1024 * 1024 * 1024,
    OomScoreAdj: 500,
    NanoCpus: 1e9,
    PidsLimit: 256,
    Ulimits: [
      { Name: "nofile", Soft: 1024, Hard: 1024 },
      { Name: "fsize", Soft: 512 * 1024 * 1024, Hard: 512 * 1024 * 1024 },
      { Name: "core", Soft: 0, Hard: 0 },
    ],
    Tmpfs: {
      "/tmp": "rw,exec,nosuid,nodev,size=128m,mode=1777,nr_inodes=250000",
      "/workspace": "rw,exec,nosuid,nodev,size=512m,mode=1777,uid=1000,gid=1000,nr_inodes=250000",
    },
    ShmSize: 64 * 1024 * 1024,
    LogConfig: { Type: "none", Config: {} },
    AutoRemove: true,
    Init: false,
    NetworkMode: "none",
    Mounts: [{ Type: "bind", Source: "/srv/tools", Target: "/tools", ReadOnly: true }],
  });
});

Deno.test("containerOptions mounts a volume, a network and a runtime when they are asked for", () => {
  const { HostConfig: host } = containerOptions({
    ...context,
    settings: { ...defaults, dockerRuntime: Option.some("runsc") },
  }, { ...request, workspace: { _tag: "Volume", name: "ws" }, network: "net" });
  assert.equal(host?.Runtime, "runsc");
  assert.equal(host?.NetworkMode, "net");
  assert.deepEqual(Object.keys(host?.Tmpfs ?? {}), ["/tmp"]);
  const volume = { Type: "volume", Source: "ws", Target: "/workspace" };
  const VolumeOptions = {
    NoCopy: false,
    Labels: { a: "b" },
    DriverConfig: { Name: "local", Options: { size: "1024m" } },
  };
  assert.deepEqual(host?.Mounts?.at(-1), { ...volume, VolumeOptions });
});

Deno.test("containerOptions bounds no volume when the engine cannot and leaves it alone when the engine is Podman", () => {
  const mount = (changes: Partial<ContainerContext>) =>
    containerOptions({ ...context, ...changes }, { ...request, workspace: { _tag: "Volume", name: "ws" } })
      .HostConfig?.Mounts?.at(-1)?.VolumeOptions;
  assert.deepEqual(mount({ volumeQuota: false })?.DriverConfig.Options, {});
  const Components = [{ Name: "Podman Engine", Version: "5.0.0" }];
  assert.equal(mount({ version: { ...context.version, Components } }), undefined);
});

Deno.test("containerOptions names no user on a tmpfs when the engine is Podman", () => {
  const version = { ...context.version, Components: [{ Name: "Podman Engine", Version: "5.0.0" }] };
  const { HostConfig: host } = containerOptions({ ...context, version }, request);
  assert.equal(host?.Tmpfs?.["/workspace"], "rw,exec,nosuid,nodev,size=512m,mode=1777");
});

for (const sandboxMemoryMb of [64, 100, 1024, 65_536]) {
  Deno.test(`memorySizes stays below the memory of the sandbox when that is ${sandboxMemoryMb} MiB`, () => {
    const { tmp, shm, workspace } = memorySizes({ ...defaults, sandboxMemoryMb, sandboxWorkspaceMb: 1024 * 1024 });
    assert.ok(tmp + shm + workspace < sandboxMemoryMb, `${tmp} + ${shm} + ${workspace}`);
  });
}

Deno.test("controlsOf says what an engine cannot apply and why", () => {
  const weak: ContainerContext = {
    ...context,
    volumeQuota: false,
    engine: { NCPU: 2, SecurityOptions: [], MemoryLimit: false, PidsLimit: false, CpuCfsQuota: false },
  };
  const off = controlsOf(weak).filter(({ applied }) => !applied);
  assert.deepEqual(off.map(({ name }) => name), ["seccomp", "memory", "cpu", "processes", "workspace of a user"]);
  for (const { detail } of off) assert.match(detail, /\(.+\)$/);
  assert.ok(controlsOf(context).every(({ applied }) => applied));
  assert.equal(new Set(controlRows.map(({ name }) => name)).size, controlRows.length);
});
