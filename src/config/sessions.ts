/**
 * What is kept between requests, where and for how long.
 */
import { choice, number, type Row, secret, text } from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const sessionsRows = {
  sessions: choice("CAISSON_SESSIONS", {
    choices: ["memory", "sqlite", "redis"],
    default: "sqlite",
    why:
      "Where sessions are kept: in this process, in one file under the data directory, or in Redis for several instances.",
  }),
  redisUrl: secret("CAISSON_REDIS_URL", {
    why:
      "Redis as redis://host:port or rediss://…; required by CAISSON_SESSIONS=redis, and shares limits between instances.",
  }),
  sessionTimeoutSeconds: number("SESSION_TIMEOUT_SECONDS", {
    default: 3600,
    least: 1,
    most: 31536000,
    unit: "seconds",
    why: "Idle time after which a session expires.",
  }),
  responseRetentionDays: number("CAISSON_RESPONSE_RETENTION_DAYS", {
    default: 30,
    least: 0.01,
    most: 3650,
    unit: "days",
    why: "Time for which a response of /v1/responses is kept after it ended, to be fetched and to be gone on from.",
  }),
  runRetentionDays: number("CAISSON_RUN_RETENTION_DAYS", {
    default: 14,
    least: 0.01,
    most: 3650,
    unit: "days",
    why: "Time for which /v1/runs tells of a run that has ended: when what happened in it, not what was said.",
  }),
  conversationRetentionDays: number("CAISSON_CONVERSATION_RETENTION_DAYS", {
    default: 365,
    least: 0.01,
    most: 3650,
    unit: "days",
    why: "Time for which a conversation of /v1/conversations is kept after it was changed last.",
  }),
  fileRetentionDays: number("CAISSON_FILE_RETENTION_DAYS", {
    default: 365,
    least: 0.05,
    most: 3650,
    unit: "days",
    why: "Time for which a file of /v1/files is kept after it was sent; its client may ask for less.",
  }),
  filesMb: number("CAISSON_FILES_MB", {
    default: 2048,
    least: 1,
    most: 1048576,
    unit: "MB",
    why: "What the files of one user in /v1/files may take together.",
  }),
  onSessionEnd: choice("CAISSON_ON_SESSION_END", {
    choices: ["keep", "reset"],
    default: "keep",
    why:
      "What becomes of a user's workspace when the user deletes their last session: kept for the next one, or destroyed " +
      "with the sandbox. A session that merely expires never takes the workspace with it.",
  }),
  rewindFiles: choice("CAISSON_REWIND_FILES", {
    choices: ["off", "keep", "undo"],
    default: "off",
    why:
      "Whether what a turn did to the workspace is kept, so that it can be taken back: not at all, on request, or also " +
      "by itself when a message of a named session is regenerated or edited.",
  }),
  snapshotMb: number("CAISSON_SNAPSHOT_MB", {
    default: 512,
    least: 1,
    most: 1048576,
    unit: "MB",
    why: "What is kept of a workspace at a time; of a larger one the smaller files are kept.",
  }),
  dataPath: text("CAISSON_DATA_PATH", {
    default: "./.caisson",
    why: "Directory for what must survive a restart.",
  }),
} as const satisfies Record<string, Row<unknown>>;
