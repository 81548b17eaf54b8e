/**
 * The lines of the log that connections to the world are, and what persons granted of it.
 */
import { Effect, References } from "effect";
import type { OwnerKey } from "../../domain/Owner.ts";
import type { EgressConnection } from "../../services/Egress.ts";

/** Characters of an owner's key that tell it from others of one log. */
const keyShown = 12;

/** Tells one connection of an owner, and never what it carried. */
export const logged = (
  what: string,
  key: OwnerKey,
  { host, port, verdict, address, why, upBytes, downBytes, durationMs }: EgressConnection,
): Effect.Effect<void> =>
  // Not what the line would inherit: of the request that opened the sandbox, which may be long over.
  Effect.logInfo(`${what} ${verdict}: ${host}:${port}`).pipe(
    Effect.provideService(References.CurrentLogAnnotations, {
      owner: key.slice(0, keyShown),
      upBytes,
      downBytes,
      durationMs,
      ...(address !== undefined && { address }),
      ...(why !== undefined && { why }),
    }),
  );

/** Tells what a person granted an owner's sandbox. */
export const loggedGrant = (key: OwnerKey, target: string, seconds: number): Effect.Effect<void> =>
  Effect.logInfo(`egress granted: ${target}`).pipe(
    Effect.annotateLogs({ owner: key.slice(0, keyShown), seconds }),
  );
