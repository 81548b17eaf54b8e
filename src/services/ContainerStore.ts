/**
 * The ContainerStore port: what is known of the containers that clients made, beside the sandboxes behind them.
 *
 * A container is a sandbox of its own within its owner's; its files lie there, and here only what cannot be seen from
 * them.
 */
import { Context, type Effect, type Option, Schema } from "effect";
import { Owner, type OwnerKey } from "../domain/Owner.ts";
import type { SessionsUnavailable } from "./Sessions.ts";

/** Memory that a container may be asked for. */
export const MemoryLimit = Schema.Literals(["1g", "4g", "16g", "64g"]);
export type MemoryLimit = typeof MemoryLimit.Type;

/** What a container may reach, as it is kept: its secrets cannot be read there. */
export const SealedNetwork = Schema.Struct({
  /** Names as rules of egress are written; none means that nothing may be reached. */
  allowedDomains: Schema.Array(Schema.String),
  /** Variables that stand for its secrets. */
  secretNames: Schema.Array(Schema.String),
  sealedSecrets: Schema.optionalKey(Schema.String),
});
export type SealedNetwork = typeof SealedNetwork.Type;

/** A skill that a container has. */
export const ContainerSkill = Schema.Struct({
  name: Schema.String,
  /** On one line. */
  description: Schema.String,
  /** Where its `SKILL.md` is. */
  location: Schema.String,
  /** Of the archive that it came in; absent for one of the operator's. */
  sha256: Schema.optionalKey(Schema.String),
});
export type ContainerSkill = typeof ContainerSkill.Type;

/** A container as it is kept. */
export const Container = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  createdAtMs: Schema.Number,
  lastActiveAtMs: Schema.Number,
  /** Minutes after its last use for which it is kept. */
  idleMinutes: Schema.Number,
  memoryLimit: MemoryLimit,
  /** Whose sandbox is behind it. */
  owner: Owner,
  /** Its time is over and its files are gone. */
  isEmptied: Schema.Boolean,
  /** Paths of the files that its client put there; all others its code has made. */
  uploads: Schema.Array(Schema.String),
  /** What it may reach; absent, nothing. */
  network: Schema.optionalKey(SealedNetwork),
  /** Files of `/v1/files` that were copied there, and where each is. */
  storedFiles: Schema.optionalKey(Schema.Array(Schema.Struct({ id: Schema.String, path: Schema.String }))),
  /** Skills that it was asked for, each name once. */
  skills: Schema.optionalKey(Schema.Array(ContainerSkill)),
});
export type Container = typeof Container.Type;

/** When a container's time is over, in milliseconds since the epoch. */
export const expiryOf = ({ lastActiveAtMs, idleMinutes }: Container): number => lastActiveAtMs + idleMinutes * 60_000;

/**
 * What a store of containers offers. Every operation *fails with* `SessionsUnavailable` when the store does not answer.
 *
 * *Details*: a container is forgotten the retention of responses after it was kept last.
 */
export interface ContainerStoreService {
  /** Keeps a new container. */
  readonly add: (keeper: OwnerKey, container: Container) => Effect.Effect<void, SessionsUnavailable>;
  /**
   * Puts in the place of a container what `next` makes of it, and gives that; none where it is not there any more.
   *
   * *Details*: nothing comes between reading and writing, whoever else changes it; `next` may be asked several times.
   */
  readonly change: (
    keeper: OwnerKey,
    id: string,
    next: (container: Container) => Container,
  ) => Effect.Effect<Option.Option<Container>, SessionsUnavailable>;
  readonly find: (keeper: OwnerKey, id: string) => Effect.Effect<Option.Option<Container>, SessionsUnavailable>;
  /** The containers of a keeper, those made last first. */
  readonly list: (keeper: OwnerKey) => Effect.Effect<ReadonlyArray<Container>, SessionsUnavailable>;
  /** Forgets a container and says whether there was one. */
  readonly remove: (keeper: OwnerKey, id: string) => Effect.Effect<boolean, SessionsUnavailable>;
  /** Some of the containers, of any keeper, whose time is over and whose files are not gone yet. */
  readonly expired: (
    nowMs: number,
  ) => Effect.Effect<ReadonlyArray<readonly [OwnerKey, Container]>, SessionsUnavailable>;
}

/** The ContainerStore port. */
export class ContainerStore
  extends Context.Service<ContainerStore, ContainerStoreService>()("caisson/services/ContainerStore") {}
