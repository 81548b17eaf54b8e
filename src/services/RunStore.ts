/**
 * The RunStore port: what is remembered of runs that have ended, by owner.
 */
import { Context, Effect, Option } from "effect";
import type { OwnerKey } from "../domain/Owner.ts";
import type { RunHistory } from "../domain/RunHistory.ts";
import type { SessionsUnavailable } from "./Sessions.ts";

/** Which runs are listed. */
export interface RunFilter {
  readonly session?: string | undefined;
  readonly status?: RunHistory["status"] | undefined;
  /** The newest so many. */
  readonly limit: number;
}

/** What a store of runs offers. */
export interface RunStoreService {
  /** Keeps a run for the time of the settings; one of the same id is replaced. */
  readonly put: (owner: OwnerKey, run: RunHistory) => Effect.Effect<void, SessionsUnavailable>;
  /** A run of this owner by its id, or the newest that a request of this id started. */
  readonly find: (owner: OwnerKey, id: string) => Effect.Effect<Option.Option<RunHistory>, SessionsUnavailable>;
  /** The newest runs of this owner, in the order they were started. */
  readonly list: (
    owner: OwnerKey,
    filter: RunFilter,
  ) => Effect.Effect<ReadonlyArray<RunHistory>, SessionsUnavailable>;
  /** Forgets the runs of a session of this owner. */
  readonly forget: (owner: OwnerKey, session: string) => Effect.Effect<void, SessionsUnavailable>;
  /** Forgets every run of this owner. */
  readonly erase: (owner: OwnerKey) => Effect.Effect<void, SessionsUnavailable>;
}

/** The RunStore port; a program that provides none remembers no run that has ended. */
export const RunStore: Context.Reference<RunStoreService> = Context.Reference("caisson/services/RunStore", {
  defaultValue: (): RunStoreService => ({
    put: () => Effect.void,
    find: () => Effect.succeed(Option.none()),
    list: () => Effect.succeed([]),
    forget: () => Effect.void,
    erase: () => Effect.void,
  }),
});
