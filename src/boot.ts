/**
 * Starting a process: run the door until it is told to stop, or say in one line why it cannot open.
 */
import { Cause, Effect, Layer } from "effect";
import type { HttpServerError } from "effect/http";
import { SandboxChosen } from "./announcements.ts";
import type { ConfigurationRefused } from "./config.ts";
import type { OpenDoorRefused } from "./services/Identity.ts";
import type { SandboxError } from "./services/Sandbox.ts";
import type { SessionsUnavailable } from "./services/Sessions.ts";

/** Everything that can keep a door from opening. */
export type BootError =
  | ConfigurationRefused
  | HttpServerError.ServeError
  | OpenDoorRefused
  | SandboxError
  | SessionsUnavailable;

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause);

/** What to do about an address that cannot be listened on, by the code of the system. */
const listenAdvice = (cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  switch (code) {
    case "EACCES":
      return "Ports below 1024 are for root: choose another one with AGENT_API_PORT or CAISSON_MCP_PORT";
    case "ENOTFOUND":
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return "AGENT_API_HOST and CAISSON_MCP_HOST are addresses of this machine: 127.0.0.1, ::1 without brackets, or " +
        "0.0.0.0 for every one";
    default:
      return "Choose another port with AGENT_API_PORT or CAISSON_MCP_PORT, or stop what uses this one";
  }
};

/** What is wrong and what to do, for the person who started the process. */
export const bootMessage = (error: BootError): string => {
  switch (error._tag) {
    case "ConfigurationRefused":
      return `${error.message}. docs/configuration.md has every setting`;
    case "OpenDoorRefused":
      return error.message;
    case "ServeError":
      return `cannot listen: ${messageOf(error.cause)}. ${listenAdvice(error.cause)}`;
    case "SandboxError":
      return `${error.message}: ${error.detail}. ${
        error.reason._tag === "ImageMissing"
          ? "Where Debian's image cannot be pulled, make a base with scripts/base-image.sh"
          : "Start a container engine, name its socket in DOCKER_HOST, or set CAISSON_SANDBOX=embedded"
      }`;
    case "SessionsUnavailable":
      return `${error.message}: ${error.detail}. ${
        error.store === "redis"
          ? "Check CAISSON_REDIS_URL, and that Redis runs"
          : "Check that CAISSON_DATA_PATH is a directory this user can write to, on a disk with room"
      }`;
  }
};

// Permissions ------------------------------------------------------------------------------------

/** What only the embedded sandbox starts. */
const embeddedCommands = (): ReadonlyArray<string> => [Deno.execPath(), "/usr/bin/bwrap", "/usr/local/bin/bwrap"];

/**
 * Gives back the leave to start sandboxes when code runs elsewhere: a process that may run Deno may do anything.
 *
 * *Details*: for programs that are a whole process; leave to run anything at all cannot be given back in part.
 */
export const givesBackPermissions: Layer.Layer<never> = Layer.succeed(
  SandboxChosen,
  ({ kind }) =>
    kind === "embedded" ? Effect.void : Effect.sync(() => {
      for (const command of embeddedCommands()) Deno.permissions.revokeSync({ name: "run", command });
    }),
);

// End --------------------------------------------------------------------------------------------

/** The process ends with exit code 1; what was wrong has been said. */
export class BootFailed {
  readonly _tag = "BootFailed";
}

/** Turns a failure into one log line and {@link BootFailed}; a bug is logged with its cause, an interruption passes. */
export const explained = <A>(program: Effect.Effect<A, BootError>): Effect.Effect<A, BootFailed> =>
  Effect.catchCause(program, (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(Cause.interrupt());
    const failure = cause.reasons.find(Cause.isFailReason);
    const told = failure === undefined
      ? Effect.logFatal("the process died of a bug", cause)
      : Effect.logFatal(bootMessage(failure.error));
    return Effect.andThen(told, Effect.fail(new BootFailed()));
  });
