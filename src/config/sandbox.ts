/**
 * Where code runs, out of what it is made and what it may use.
 */
import { choice, imageName, integer, number, optionalText, type Row, text } from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const sandboxRows = {
  sandbox: choice("CAISSON_SANDBOX", {
    choices: ["auto", "docker", "embedded"],
    default: "auto",
    why: "Which sandbox runs code; auto takes Docker when an engine answers, the embedded one otherwise.",
  }),
  dockerHost: optionalText("DOCKER_HOST", {
    why:
      "Socket of the container engine as unix:///path; an engine that is named and cannot be used is refused. Unset, " +
      "the usual paths of Docker, Podman, Docker Desktop, OrbStack, Colima and Rancher Desktop are tried.",
  }),
  homePath: optionalText("HOME", { why: "Directory below which the container engine of one user is looked for." }),
  runtimePath: optionalText("XDG_RUNTIME_DIR", {
    why: "Directory below which a container engine without root is looked for.",
  }),
  executorImage: imageName("MCP_EXECUTOR_IMAGE", {
    default: "mcp-code-executor:latest",
    why: "Sandbox image, by tag or digest; the default and mcp-code-executor:full are built on first use.",
  }),
  imageBase: optionalText("CAISSON_IMAGE_BASE", {
    why: "Base of the default sandbox image; unset, caisson/base:bookworm when the engine has it, else Debian's own.",
  }),
  toolsPath: text("MCP_TOOLS_PATH", { default: "./tools", why: "Python modules mounted read-only at /tools." }),
  skillsPath: text("MCP_SKILLS_PATH", { default: "./skills", why: "Agent Skills mounted read-only at /skills." }),
  sandboxMemoryMb: integer("CAISSON_SANDBOX_MEMORY_MB", {
    default: 1024,
    least: 64,
    most: 1024 * 1024,
    unit: "MiB",
    why: "Memory of one sandbox; a program that wants more is killed and told so.",
  }),
  sandboxCpus: number("CAISSON_SANDBOX_CPUS", {
    default: 1,
    least: 0.1,
    most: 512,
    unit: "CPUs",
    why: "CPU share of one sandbox.",
  }),
  sandboxPidsMax: integer("CAISSON_SANDBOX_PIDS_MAX", {
    default: 256,
    least: 16,
    most: 65536,
    unit: "processes",
    why: "Processes and threads in one sandbox; a fork bomb ends there.",
  }),
  sandboxOpenFilesMax: integer("CAISSON_SANDBOX_OPEN_FILES_MAX", {
    default: 1024,
    least: 64,
    most: 1048576,
    unit: "files",
    why: "Open files of one process in a sandbox.",
  }),
  sandboxFileMb: integer("CAISSON_SANDBOX_FILE_MB", {
    default: 512,
    least: 1,
    most: 1024 * 1024,
    unit: "MiB",
    why: "Largest single file a sandbox may write.",
  }),
  sandboxWorkspaceMb: integer("CAISSON_SANDBOX_WORKSPACE_MB", {
    default: 1024,
    least: 8,
    most: 1024 * 1024,
    unit: "MiB",
    why: "Size of a workspace.",
  }),
  sandboxEntriesMax: integer("CAISSON_SANDBOX_ENTRIES_MAX", {
    default: 250_000,
    least: 1_000,
    most: 10_000_000,
    unit: "entries",
    why: "Files, directories and links in a workspace; a disk has only so many inodes for all.",
  }),
  sandboxOutputBytesMax: integer("CAISSON_SANDBOX_OUTPUT_BYTES_MAX", {
    default: 16 * 1024,
    least: 1024,
    most: 16 * 1024 * 1024,
    unit: "bytes",
    why:
      "Bytes of stdout and of stderr that a result keeps, head and tail; a model pays for them again each turn, and a longer output lies whole in the workspace.",
  }),
  sandboxNetwork: choice("CAISSON_SANDBOX_NETWORK", {
    choices: ["none", "bridge"],
    default: "none",
    why: "Network of a sandbox; bridge gives each its own network with a way out.",
  }),
  sandboxIdleSeconds: number("CAISSON_SANDBOX_IDLE_SECONDS", {
    default: 600,
    least: 1,
    most: 86400,
    unit: "seconds",
    why: "Time after its last use at which a sandbox is stopped; the workspace stays.",
  }),
  sandboxPoolSize: integer("CAISSON_SANDBOX_POOL_SIZE", {
    default: 0,
    least: 0,
    most: 64,
    unit: "containers",
    why: "Started containers held ready for new users.",
  }),
  sandboxesMax: integer("CAISSON_SANDBOXES_MAX", {
    default: 100,
    least: 1,
    most: 10000,
    unit: "sandboxes",
    why: "Sandboxes at once in all; more are answered 503.",
  }),
  sandboxesPerPrincipalMax: integer("CAISSON_SANDBOXES_PER_PRINCIPAL_MAX", {
    default: 50,
    least: 1,
    most: 10000,
    unit: "sandboxes",
    why: "Sandboxes at once for one principal; more are answered 503.",
  }),
  dockerRuntime: optionalText("CAISSON_DOCKER_RUNTIME", {
    why: "OCI runtime of the containers, such as runsc or kata; unset, the engine's default.",
  }),
  artifactMbMax: integer("MCP_ARTIFACT_SIZE_LIMIT_MB", {
    default: 50,
    least: 1,
    most: 10240,
    unit: "MiB",
    why: "Largest file that can be fetched from or uploaded to a workspace.",
  }),
} as const satisfies Record<string, Row<unknown>>;
