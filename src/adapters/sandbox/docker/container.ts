/**
 * What a sandbox container is created with: every hardening control as a row of data.
 *
 * A row carries its share of the engine's options, what it promises, whether this engine can keep the
 * promise, and a command that proves it from inside a live sandbox.
 */
// @ts-types="@types/dockerode"
import type Dockerode from "dockerode";
import type { SettingsService } from "../../../config.ts";
import { workspaceFolder } from "../../../domain/workspacePaths.ts";
import type { SandboxControl } from "../../../services/Sandbox.ts";
import type { EgressOffer } from "../../../services/Egress.ts";
import { egressVariables } from "../egress/attended.ts";
import type { EngineInfo } from "./Engine.ts";
import { type EngineVersion, isPodman } from "./probe.ts";

const mib = 1024 * 1024;

/** The unprivileged user of the image. */
export const sandboxUid = 1000;

/** Above what all sandboxes of a machine have together, below what kernels allow without asking. */
const podmanProcessesMax = 30_000;

/** Labels on everything the adapter makes; their values are keys and ids, never a name a client sent. */
export const label = {
  app: "caisson.app",
  installation: "caisson.installation",
  instance: "caisson.instance",
  owner: "caisson.owner",
} as const;

/** Where the workspace lives: in a volume that outlives the container, or in memory with it. */
export type Workspace =
  | { readonly _tag: "Volume"; readonly name: string }
  | { readonly _tag: "Memory" };

/** The settings that bound a container. */
export type ContainerSettings = Pick<
  SettingsService,
  | "dockerRuntime"
  | "executorImage"
  | "sandboxCpus"
  | "sandboxEntriesMax"
  | "sandboxFileMb"
  | "sandboxMemoryMb"
  | "sandboxNetwork"
  | "sandboxOpenFilesMax"
  | "sandboxOutputBytesMax"
  | "sandboxPidsMax"
  | "sandboxWorkspaceMb"
>;

/** What the controls of one server depend on. */
export interface ContainerContext {
  readonly settings: ContainerSettings;
  readonly engine: EngineInfo;
  readonly version: EngineVersion;
  /** The engine bounds the size of a volume itself. */
  readonly volumeQuota: boolean;
  /** Read-only mounts for `/tools` and `/skills`; a path without one is the image's own empty directory. */
  readonly readOnlyMounts: ReadonlyArray<Dockerode.MountSettings>;
  /** What programs may reach through the server. */
  readonly egress: EgressOffer | undefined;
}

/** What is asked of one container. */
export interface ContainerRequest {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly workspace: Workspace;
  /** The sandbox's own network, absent when it has none. */
  readonly network: string | undefined;
}

interface ControlRow {
  readonly name: string;
  readonly promise: (context: ContainerContext) => string;
  readonly host?: (context: ContainerContext) => Dockerode.HostConfig;
  /** Why this engine cannot keep the promise; nothing when it can. */
  readonly lacks?: (context: ContainerContext) => string | undefined;
  /** A command that prints `ok` in a sandbox where the control is in force, and what it found otherwise. */
  readonly proof: (context: ContainerContext) => string;
}

/**
 * Sizes of the memory file systems in MiB. Their sum stays below the memory of the sandbox, because
 * filling one that is larger kills everything in it, the supervisor included.
 */
export const memorySizes = (settings: ContainerSettings) => ({
  tmp: Math.max(8, Math.floor(settings.sandboxMemoryMb / 8)),
  shm: Math.max(4, Math.floor(settings.sandboxMemoryMb / 16)),
  workspace: Math.min(settings.sandboxWorkspaceMb, Math.floor(settings.sandboxMemoryMb / 2)),
});

/** Says what the engine would otherwise forbid in a memory file system and not in a volume: to run what lies there. */
const executable = "exec";

/** Bounds the entries of a memory file system, each of which costs kernel memory; Podman does not take the option. */
const entriesOption = ({ settings, version }: ContainerContext): string =>
  isPodman(version) ? "" : `,nr_inodes=${settings.sandboxEntriesMax}`;

/** Prints `ok` where a program can be written to a directory and run from it. */
const runsPrograms = (directory: string): string =>
  `{ p=${directory}/.caisson-probe; printf '#!/bin/sh\\necho ok\\n' > $p && chmod +x $p && $p; rm -f $p; }`;

/** Prints `ok` when the two values are equal and the found one otherwise. */
const equal = (found: string, wanted: string | number): string =>
  `v=$(${found}); [ "$v" = "${wanted}" ] && echo ok || echo "found $v"`;

const status = (field: string): string => `awk '/^${field}:/ {print $2}' /proc/self/status`;

/** Reads a limit of the own cgroup, wherever version 1 or 2 keeps it. */
const cgroup = (v2: string, v1: string): string => `cat /sys/fs/cgroup/${v2} 2>/dev/null || cat /sys/fs/cgroup/${v1}`;

const refusesWrite = (directory: string): string =>
  `if (: > ${directory}/.caisson-probe) 2>/dev/null; then rm -f ${directory}/.caisson-probe; echo "found writable"; else echo ok; fi`;

const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Asks the kernel for a key, a new namespace and sockets to the machine beneath; prints what it got. */
const kernelProbe = `
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
key = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
got = [name for name, refused in (
    ("a key", libc.syscall(key, 0, -3, 0) == -1 and ctypes.get_errno() == errno.EPERM),
    ("a namespace", libc.unshare(0x10000000) == -1),
) if not refused]
for family in (38, 40, 17, 44):
    try: socket.socket(family, socket.SOCK_STREAM); got.append(f"a socket of family {family}")
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT: got.append(f"family {family}: {error.strerror}")
socket.socket(socket.AF_INET); socket.socket(socket.AF_UNIX)
print("found " + ", ".join(got) if got else "ok")
`;

/** Proves, in a sandbox with this supervisor, that the kernel interfaces nobody needs are out of reach. */
export const kernelProof = `python3 -IS -c ${shellQuoted(kernelProbe)}`;

const chosenRuntime = ({ settings }: ContainerContext): string | undefined =>
  settings.dockerRuntime._tag === "Some" ? settings.dockerRuntime.value : undefined;

/** Every control, in the order the documentation and `deno task doctor` show them. */
export const controlRows: ReadonlyArray<ControlRow> = [
  {
    name: "user",
    promise: () => `runs as ${sandboxUid}, never as root`,
    proof: () => equal("echo $(id -u):$(id -g):$(id -G)", `${sandboxUid}:${sandboxUid}:${sandboxUid}`),
  },
  {
    name: "capabilities",
    promise: () => "all dropped",
    host: () => ({ CapDrop: ["ALL"] }),
    proof: () => equal(`awk '/^Cap/ {print $2}' /proc/self/status | sort -u | tr -d '\\n'`, "0000000000000000"),
  },
  {
    name: "no-new-privileges",
    promise: () => "no program gains rights",
    host: () => ({ SecurityOpt: ["no-new-privileges"] }),
    proof: () => equal(status("NoNewPrivs"), 1),
  },
  {
    name: "seccomp",
    promise: () => "the engine's default filter of system calls, and one of ours beneath it",
    lacks: ({ engine, version }) =>
      isPodman(version) || (engine.SecurityOptions ?? []).some((option) => /seccomp/.test(option))
        ? undefined
        : "this engine was built or configured without seccomp",
    proof: () => equal(status("Seccomp"), 2),
  },
  {
    name: "kernel interfaces",
    promise: () =>
      "no mounts, namespaces, keys, BPF, io_uring or performance events; sockets only of Unix, IP and netlink families",
    proof: () => kernelProof,
  },
  {
    name: "read-only root",
    promise: () => "only /workspace, /tmp and /dev/shm can be written",
    host: () => ({ ReadonlyRootfs: true }),
    proof: () => equal(`awk '$2=="/" {split($4,o,","); print o[1]}' /proc/mounts`, "ro"),
  },
  {
    name: "read-only tools",
    promise: () => "/tools and /skills cannot be written",
    proof: () => `{ ${refusesWrite("/tools")}; ${refusesWrite("/skills")}; } | sort -u`,
  },
  {
    name: "namespaces",
    promise: () => "own processes, IPC and host name; no devices",
    host: () => ({ IpcMode: "private", Privileged: false, Devices: [] }),
    proof: () => equal(`grep -c . /proc/1/cmdline >/dev/null; ls /dev | grep -cE '^(sd|vd|nvme|loop|kmsg|mem)'`, 0),
  },
  {
    name: "network",
    promise: ({ settings, egress }) =>
      settings.sandboxNetwork === "none"
        ? egress === undefined ? "none" : `no interface; ${egress.promise}`
        : "a network of its own without neighbours; it reaches all that the host reaches, the host itself included",
    proof: ({ settings }) =>
      settings.sandboxNetwork === "none"
        ? equal("ls /sys/class/net | grep -cv '^lo$'", 0)
        : equal("ls /sys/class/net | grep -cv '^lo$'", 1),
  },
  {
    name: "memory",
    promise: ({ settings }) => `${settings.sandboxMemoryMb} MiB, no swap beyond it`,
    host: ({ settings }) => ({
      Memory: settings.sandboxMemoryMb * mib,
      MemorySwap: settings.sandboxMemoryMb * mib,
      OomScoreAdj: 500,
    }),
    lacks: ({ engine }) =>
      engine.MemoryLimit === false
        ? "the engine's kernel does not bound memory"
        : engine.SwapLimit === false
        ? "the engine's kernel does not bound swap"
        : undefined,
    proof: ({ settings }) =>
      equal(cgroup("memory.max", "memory/memory.limit_in_bytes"), settings.sandboxMemoryMb * mib),
  },
  {
    name: "cpu",
    promise: ({ settings }) => `${settings.sandboxCpus} CPUs`,
    host: ({ settings }) => ({ NanoCpus: Math.round(settings.sandboxCpus * 1e9) }),
    lacks: ({ engine }) => engine.CpuCfsQuota === false ? "the engine's kernel does not bound CPU" : undefined,
    proof: ({ settings }) =>
      equal(
        `(${cgroup("cpu.max", "cpu/cpu.cfs_quota_us")}) | awk '{print $1}'`,
        Math.round(settings.sandboxCpus * 100_000),
      ),
  },
  {
    name: "processes",
    promise: ({ settings }) => `at most ${settings.sandboxPidsMax}`,
    host: ({ settings }) => ({ PidsLimit: settings.sandboxPidsMax }),
    lacks: ({ engine }) => engine.PidsLimit === false ? "the engine's kernel does not count processes" : undefined,
    proof: ({ settings }) => equal(cgroup("pids.max", "pids/pids.max"), settings.sandboxPidsMax),
  },
  {
    name: "open files",
    promise: ({ settings }) => `at most ${settings.sandboxOpenFilesMax} per process`,
    proof: ({ settings }) => equal("ulimit -Hn", settings.sandboxOpenFilesMax),
  },
  {
    name: "file size",
    promise: ({ settings }) => `at most ${settings.sandboxFileMb} MiB per file`,
    proof: ({ settings }) => equal("ulimit -Hf", settings.sandboxFileMb * 1024),
  },
  {
    name: "core dumps",
    promise: () => "off",
    host: ({ settings, version }) => ({
      Ulimits: [
        // `nproc` counts the user of every sandbox on the machine together, so it is left alone, except
        // that Podman's own default is more than it may set on some machines.
        ...(isPodman(version) ? [{ Name: "nproc", Soft: podmanProcessesMax, Hard: podmanProcessesMax }] : []),
        { Name: "nofile", Soft: settings.sandboxOpenFilesMax, Hard: settings.sandboxOpenFilesMax },
        { Name: "fsize", Soft: settings.sandboxFileMb * mib, Hard: settings.sandboxFileMb * mib },
        { Name: "core", Soft: 0, Hard: 0 },
      ],
    }),
    proof: () => equal("ulimit -Hc", 0),
  },
  {
    name: "/tmp",
    promise: ({ settings }) =>
      `in memory, ${memorySizes(settings).tmp} MiB, programs run, no devices, no set-user-id programs`,
    host: (context) => ({
      Tmpfs: {
        "/tmp": `rw,${executable},nosuid,nodev,size=${memorySizes(context.settings).tmp}m,mode=1777` +
          entriesOption(context),
      },
      ShmSize: memorySizes(context.settings).shm * mib,
    }),
    proof: ({ settings }) =>
      `o=$(awk '$2=="/tmp" {print $3","$4}' /proc/mounts); case ",$o," in *,tmpfs,*) ;; *) echo "found $o";; esac; ` +
      `case ",$o," in *,nosuid,*nodev,*) { ${
        equal("df -m --output=size /tmp | tail -n 1 | tr -d ' '", memorySizes(settings).tmp)
      }; ${runsPrograms("/tmp")}; } | sort -u;; *) echo "found $o";; esac`,
  },
  {
    name: "workspace of a request",
    promise: ({ settings }) =>
      `in memory, ${
        memorySizes(settings).workspace
      } MiB and ${settings.sandboxEntriesMax} entries, programs run, gone with the request`,
    proof: ({ settings }) =>
      `[ "$(stat -f -c %T ${workspaceFolder})" = tmpfs ] && { ${
        equal(`df -m --output=size ${workspaceFolder} | tail -n 1 | tr -d ' '`, memorySizes(settings).workspace)
      }; ${runsPrograms(workspaceFolder)}; } | sort -u || echo ok`,
  },
  {
    name: "workspace of a user",
    promise: ({ settings, volumeQuota }) =>
      volumeQuota
        ? `a volume of ${settings.sandboxWorkspaceMb} MiB, bounded by the file system; ${settings.sandboxEntriesMax} ` +
          `entries are checked while and after commands run, and more stops the commands and refuses writes`
        : `a volume; ${settings.sandboxWorkspaceMb} MiB and ${settings.sandboxEntriesMax} entries are checked while ` +
          `and after commands run, and more stops the commands and refuses writes`,
    lacks: ({ volumeQuota }) =>
      volumeQuota ? undefined : "this engine cannot bound the size of a volume: its storage has no project quotas",
    proof: () => runsPrograms(workspaceFolder),
  },
  {
    name: "logs",
    promise: () => "nothing a program prints is kept by the engine",
    host: () => ({ LogConfig: { Type: "none", Config: {} } }),
    proof: () => "echo ok",
  },
  {
    name: "runtime",
    promise: (context) => chosenRuntime(context) ?? `${context.engine.DefaultRuntime ?? "the engine's default"}`,
    host: (context) => {
      const runtime = chosenRuntime(context);
      return runtime === undefined ? {} : { Runtime: runtime };
    },
    proof: () => "echo ok",
  },
];

/** Every control with whether this engine applies it; what is not applied says why. */
export const controlsOf = (context: ContainerContext): ReadonlyArray<SandboxControl> =>
  controlRows.map((row) => {
    const lack = row.lacks?.(context);
    return {
      name: row.name,
      applied: lack === undefined,
      detail: lack === undefined ? row.promise(context) : `${row.promise(context)} (${lack})`,
    };
  });

/** The volume with all that the engine needs to make it when there is none, which saves a call of its own. */
const workspaceMount = (
  { settings, version, volumeQuota }: ContainerContext,
  name: string,
  labels: Readonly<Record<string, string>>,
): Dockerode.MountSettings => ({
  Type: "volume",
  Source: name,
  Target: workspaceFolder,
  ...(isPodman(version) ? {} : {
    VolumeOptions: {
      // The copy is what gives a fresh volume the owner and mode of the image's directory.
      NoCopy: false,
      Labels: { ...labels },
      DriverConfig: { Name: "local", Options: volumeQuota ? { size: `${settings.sandboxWorkspaceMb}m` } : {} },
    },
  }),
});

/** The options that create one sandbox container. */
export const containerOptions = (
  context: ContainerContext,
  request: ContainerRequest,
): Dockerode.ContainerCreateOptions => {
  const host: Dockerode.HostConfig = Object.assign({}, ...controlRows.map((row) => row.host?.(context) ?? {}));
  const sizes = memorySizes(context.settings);
  // Podman refuses a user on a tmpfs; there the mode of the image's own directory decides.
  const workspaceUser = isPodman(context.version) ? "" : `,uid=${sandboxUid},gid=${sandboxUid}`;
  const memoryWorkspace = {
    [workspaceFolder]: `rw,${executable},nosuid,nodev,size=${sizes.workspace}m,mode=1777${workspaceUser}${
      entriesOption(context)
    }`,
  };
  return {
    name: request.name,
    Image: request.image,
    User: `${sandboxUid}:${sandboxUid}`,
    // Not the workspace: runc refuses to start where a user closed it. The supervisor enters it and opens it.
    WorkingDir: "/",
    Hostname: "sandbox",
    Labels: { ...request.labels },
    // The attached stdin is the lease: when this server goes away, the supervisor reads the end of it,
    // stops everything and exits, and the engine removes the container.
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    // The supervisor handles no signal, so that none from inside can reach it.
    StopSignal: "SIGKILL",
    ...(context.egress !== undefined && {
      Env: Object.entries(egressVariables(context.egress)).map(([name, value]) => `${name}=${value}`),
    }),
    HostConfig: {
      ...host,
      AutoRemove: true,
      Init: false,
      NetworkMode: request.network ?? "none",
      Tmpfs: request.workspace._tag === "Memory" ? { ...host.Tmpfs, ...memoryWorkspace } : host.Tmpfs,
      Mounts: [
        ...context.readOnlyMounts,
        ...(request.workspace._tag === "Volume"
          ? [workspaceMount(context, request.workspace.name, request.labels)]
          : []),
      ],
    },
  };
};
