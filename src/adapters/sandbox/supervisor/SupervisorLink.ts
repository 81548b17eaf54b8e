/**
 * A live connection to the supervisor inside a sandbox, as the operations of a sandbox handle.
 *
 * Everything the supervisor says is untrusted, bounded input: a frame that breaks the protocol or a
 * bound closes the link, and every operation then fails with `SandboxLost`.
 */
import type { Duration, Effect, Scope } from "effect";
import type { SandboxError, SandboxHandle } from "../../../services/Sandbox.ts";
import type { ByteChannel } from "./ByteChannel.ts";

/** The operations of one supervisor; safe for concurrent use. */
export interface SupervisorLink extends Omit<SandboxHandle, "id"> {
  /** Completes with why when the link is dead; every pending and later operation fails with that error. */
  readonly closed: Effect.Effect<SandboxError>;
  readonly isClosed: () => boolean;
  /** One round trip through the supervisor's loop. *Fails with* `SandboxLost` when it takes too long. */
  readonly ping: Effect.Effect<void, SandboxError>;
}

/** Bounds of a link; what is absent takes the default that its constant explains. */
export interface SupervisorOptions {
  /** Bytes of stdout and of stderr that an outcome keeps, head and tail. */
  readonly outputBytesMax: number;
  /** Wait for the supervisor's hello. */
  readonly startTimeout: Duration.Duration;
  /** Workspace path as the sandbox sees it; `/workspace` when absent. */
  readonly workspace?: string;
}

/**
 * Speaks to a supervisor over raw bytes: sends the preamble, waits for hello.
 *
 * *Details*: closing the scope closes the channel, which ends the supervisor and all it runs.
 *
 * *Fails with* `SandboxError`, reason `StartFailed`, when no hello arrives in time.
 */
export type Connect = (
  channel: ByteChannel,
  options: SupervisorOptions,
) => Effect.Effect<SupervisorLink, SandboxError, Scope.Scope>;
