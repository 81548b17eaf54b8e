/**
 * Jobs that keep their sandbox: nobody else may use it, and still it does not idle away under them.
 */
import { Effect, type Scope } from "effect";
import type { Owner } from "../../../domain/Owner.ts";
import type { SandboxError, SandboxJobs } from "../../../services/Sandbox.ts";
import type { LinkJobs } from "../supervisor/jobs.ts";

/** Makes the jobs of an owner's sandbox hold it, from their start to their end. */
export type HoldJobs = (owner: Owner, jobs: LinkJobs) => SandboxJobs;

/**
 * Makes what lets jobs hold sandboxes that `open` opens, as long as the service lives.
 *
 * *Details*: those of an owner that ends with its session hold nothing: nobody could ask for them afterwards.
 */
export const holdJobs = (
  open: (owner: Owner) => Effect.Effect<unknown, SandboxError, Scope.Scope>,
): Effect.Effect<HoldJobs, never, Scope.Scope> =>
  Effect.map(Effect.scope, (service): HoldJobs => (owner, jobs) => ({
    ...jobs,
    start: (request) =>
      Effect.tap(jobs.start(request), ({ id }) =>
        owner.ephemeral ? Effect.void : Effect.andThen(open(owner), jobs.ended(id)).pipe(
          Effect.scoped,
          // A sandbox that cannot be opened any more has no job left to hold it for.
          Effect.ignore,
          Effect.forkIn(service, { startImmediately: true }),
        )),
  }));
