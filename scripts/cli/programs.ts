/**
 * The programs behind the command `caisson`: what each is launched from and what Deno must allow it.
 *
 * Pure, for it is read under Deno and under Node.
 */
import { settingVariables } from "../../src/config/permissions.ts";
import type { settingsAreas } from "../../src/config.ts";

/** A program and its permissions. */
export interface Program {
  /** Its module below the folder of the checkout or of the package, without the ending. */
  readonly entry: string;
  /** Flags that are the same on every machine. */
  readonly flags: ReadonlyArray<string>;
  /** Names of the flags that are computed from settings; `src/config/permissions.ts` has them. */
  readonly granted: ReadonlyArray<string>;
  /** The areas of settings that it reads, and so takes as flags. */
  readonly areas: ReadonlyArray<keyof typeof settingsAreas>;
}

const settingsEnv = `--allow-env=${settingVariables.join(",")}`;
const serverFlags = [settingsEnv, "--allow-net", "--allow-read"];
const engineFlags = [settingsEnv, "--allow-read"];

/** Every program, by the command that launches it. */
export const programs = {
  serve: {
    entry: "server",
    // How full the disk is on which snapshots are kept.
    flags: [...serverFlags, "--allow-sys=statfs"],
    granted: ["write", "run"],
    areas: ["doors", "identity", "limits", "agent", "models", "sandbox", "egress", "sessions", "webhooks", "telemetry"],
  },
  mcp: {
    entry: "mcp",
    flags: serverFlags,
    granted: ["write", "run"],
    areas: ["doors", "identity", "limits", "agent", "sandbox", "egress", "sessions", "telemetry"],
  },
  doctor: {
    entry: "scripts/doctor",
    // The way out of a sandbox is tried, too.
    flags: [...engineFlags, "--allow-net"],
    granted: ["write", "sockets"],
    areas: ["sandbox", "egress", "telemetry"],
  },
  image: {
    entry: "scripts/image",
    flags: engineFlags,
    granted: ["write", "sockets"],
    areas: ["sandbox", "egress", "telemetry"],
  },
  keys: { entry: "scripts/keys", flags: [settingsEnv, "--allow-read"], granted: ["keys"], areas: ["sessions"] },
  erase: {
    entry: "scripts/erase",
    flags: serverFlags,
    granted: ["write", "run"],
    areas: ["sandbox", "egress", "sessions", "telemetry"],
  },
  skills: { entry: "scripts/skills", flags: ["--allow-env=INIT_CWD", "--allow-read"], granted: [], areas: [] },
} as const satisfies Record<string, Program>;

/** The name of a program. */
export type ProgramName = keyof typeof programs;
