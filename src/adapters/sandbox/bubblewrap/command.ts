/**
 * The bubblewrap command line that makes a sandbox, and what it promises.
 */
import { workspaceFolder } from "../../../domain/workspacePaths.ts";
import type { SettingsService } from "../../../config.ts";
import type { OwnerKey } from "../../../domain/Owner.ts";
import type { EgressOffer } from "../../../services/Egress.ts";
import type { SandboxControl } from "../../../services/Sandbox.ts";
import { egressVariables } from "../egress/attended.ts";

/** What the command is made for. */
export interface BubblewrapPlaces {
  readonly workspace: string;
  /** Directory of the host that holds the supervisor's program. */
  readonly supervisor: string;
  readonly tools: string | undefined;
  readonly skills: string | undefined;
  /** What programs may reach through the server; undefined for nothing. */
  readonly egress: EgressOffer | undefined;
}

/** The settings that bound a bubblewrap sandbox or that it cannot heed. */
export type BubblewrapSettings = Pick<
  SettingsService,
  | "sandboxEntriesMax"
  | "sandboxFileMb"
  | "sandboxMemoryMb"
  | "sandboxNetwork"
  | "sandboxOpenFilesMax"
  | "sandboxPidsMax"
  | "sandboxWorkspaceMb"
>;

/** User and group inside, as in every Caisson sandbox. */
const insideId = "1000";
/** Size of /tmp and of /dev/shm, which are memory of the host. */
const temporaryBytes = 64 * 1024 * 1024;
/** The first user id given to sandboxes when the server is root: far from those of people and of container engines. */
const firstUid = 1_500_000_000;
/** Owners are spread over this many ids; two that share one share only their count of processes. */
const uidCount = 2 ** 28;
/** Where distributions keep the certificates they trust. */
const certificatePlaces = [
  "/etc/ssl/certs",
  "/etc/ssl/openssl.cnf",
  "/etc/pki/tls",
  "/etc/pki/ca-trust",
  "/etc/ca-certificates",
];
/** The supervisor's program inside. */
const program = "/run/caisson";

/** The host user id that runs an owner's sandbox when the server is root: its own, and nobody else's. */
export const uidOf = (key: OwnerKey): number => firstUid + Number.parseInt(key.slice(0, 7), 16) % uidCount;

/** Resource limits that the shell sets before it becomes the supervisor; every program inherits them. */
const limits = (settings: BubblewrapSettings): string => {
  const kibPerMb = 1024;
  return [
    "ulimit -c 0",
    // Private memory that can be written, not address space: V8 and the JVM reserve far more than they ever use.
    `ulimit -d ${settings.sandboxMemoryMb * kibPerMb}`,
    `ulimit -u ${settings.sandboxPidsMax}`,
    `ulimit -n ${settings.sandboxOpenFilesMax}`,
    `ulimit -f ${settings.sandboxFileMb * kibPerMb}`,
  ].join(" && ");
};

/** Arguments of `bwrap` that start `command`, or the supervisor when none is given. */
export const bubblewrapArgs = (
  settings: BubblewrapSettings,
  places: BubblewrapPlaces,
  command = `exec /usr/bin/python3 -ISB ${program}/__main__.py --tools /tools`,
): Array<string> => [
  "--unshare-all",
  "--unshare-user",
  "--disable-userns",
  "--die-with-parent",
  "--new-session",
  "--as-pid-1",
  "--clearenv",
  "--uid",
  insideId,
  "--gid",
  insideId,
  "--cap-drop",
  "ALL",
  "--hostname",
  "caisson",
  "--ro-bind",
  "/usr",
  "/usr",
  ...["bin", "sbin", "lib", "lib64"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]),
  "--ro-bind-try",
  "/etc/alternatives",
  "/etc/alternatives",
  "--ro-bind-try",
  "/etc/ld.so.cache",
  "/etc/ld.so.cache",
  // Whom programs of TLS trust.
  ...(places.egress === undefined ? [] : certificatePlaces.flatMap((place) => ["--ro-bind-try", place, place])),
  "--ro-bind",
  places.supervisor,
  program,
  ...(places.tools === undefined ? [] : ["--ro-bind", places.tools, "/tools"]),
  ...(places.skills === undefined ? [] : ["--ro-bind", places.skills, "/skills"]),
  "--proc",
  "/proc",
  "--dev",
  "/dev",
  "--size",
  String(temporaryBytes),
  "--tmpfs",
  "/dev/shm",
  "--size",
  String(temporaryBytes),
  "--tmpfs",
  "/tmp",
  "--bind",
  places.workspace,
  workspaceFolder,
  // The supervisor makes the folder.
  "--symlink",
  `${workspaceFolder}/.caisson/artifacts`,
  "/artifacts",
  // The workspace as OpenAI's clients call it.
  "--dir",
  "/mnt",
  "--symlink",
  "/workspace",
  "/mnt/data",
  "--remount-ro",
  "/dev",
  "--remount-ro",
  "/",
  "--chdir",
  workspaceFolder,
  "--setenv",
  "PATH",
  "/usr/local/bin:/usr/bin:/bin",
  "--setenv",
  "LANG",
  "C.UTF-8",
  ...Object.entries(egressVariables(places.egress)).flatMap(([name, value]) => ["--setenv", name, value]),
  "--",
  "/bin/bash",
  "-c",
  `${limits(settings)} && ${command}`,
];

/** The controls of the bubblewrap form. */
export const bubblewrapControls = (
  settings: BubblewrapSettings,
  asRoot: boolean,
  egress: EgressOffer | undefined,
): ReadonlyArray<SandboxControl> => [
  {
    name: "namespaces",
    applied: true,
    detail: "user, process, network, mount, IPC, UTS and cgroup namespaces of its own; nested user namespaces refused",
  },
  {
    name: "user",
    applied: asRoot,
    detail: asRoot ? "an unprivileged user of the host per owner" : "the server's own user, as another one inside",
  },
  { name: "capabilities", applied: true, detail: "all dropped" },
  { name: "no-new-privileges", applied: true, detail: "set by bubblewrap" },
  {
    name: "seccomp",
    applied: true,
    detail:
      "a filter of ours: no mounts, namespaces, keys, BPF, io_uring or performance events; sockets only of Unix, IP and netlink families",
  },
  {
    name: "read-only root",
    applied: true,
    detail: "the host's /usr, read-only; only /workspace, /tmp and /dev/shm can be written",
  },
  {
    name: "network",
    applied: settings.sandboxNetwork === "none",
    detail: (egress === undefined ? "none" : `no interface; ${egress.promise}`) +
      (settings.sandboxNetwork === "none" ? "" : ", whatever CAISSON_SANDBOX_NETWORK says"),
  },
  {
    name: "memory",
    applied: false,
    detail:
      `${settings.sandboxMemoryMb} MiB of private memory for each process; no bound on their sum, nor on memory they share`,
  },
  { name: "cpu", applied: false, detail: "only the time of a command is bounded" },
  { name: "pids", applied: true, detail: `${settings.sandboxPidsMax} processes (RLIMIT_NPROC of the sandbox's user)` },
  { name: "open files", applied: true, detail: `${settings.sandboxOpenFilesMax} per process` },
  { name: "file size", applied: true, detail: `${settings.sandboxFileMb} MiB per file` },
  {
    name: "disk",
    applied: false,
    detail: `the workspace is a directory of the host without a quota; ${settings.sandboxWorkspaceMb} MiB and ` +
      `${settings.sandboxEntriesMax} entries are checked while and after commands run, and more stops them`,
  },
];

/** What the model must know about the bubblewrap form. */
export const bubblewrapNotes = (
  settings: BubblewrapSettings,
  egress: EgressOffer | undefined,
): ReadonlyArray<string> => [
  "bash and the programs of the host's /usr are there, python3 with the modules installed on the host; nothing can be installed system-wide.",
  ...(egress?.notes ?? ["There is no network."]),
  "Files live in /workspace and /artifacts; /tmp is small and is lost when the sandbox stops.",
  `A process may use ${settings.sandboxMemoryMb} MiB of memory.`,
];
