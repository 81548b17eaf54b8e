/**
 * What each container may reach: nothing, or the names it was made for, with secrets that are kept sealed.
 */
import { Effect, Option, Redacted } from "effect";
import { type DomainSecret, parseDomainSecrets } from "../domain/DomainSecret.ts";
import { type EgressRule, parseEgressRule } from "../domain/EgressRule.ts";
import { ownerKey } from "../domain/ids.ts";
import type { Owner, OwnerKey } from "../domain/Owner.ts";
import type { Container, ContainerStoreService, SealedNetwork } from "../services/ContainerStore.ts";
import { Egress } from "../services/Egress.ts";
import type { SessionsUnavailable } from "../services/Sessions.ts";
import { openText, sealText } from "./sealedText.ts";
import { signingSecret } from "./unnamedOwners.ts";

/** What a container may reach: no name means nothing. */
export interface ContainerNetwork {
  /** Names as rules of egress are written. */
  readonly allowedDomains: ReadonlyArray<string>;
  readonly secrets: ReadonlyArray<DomainSecret>;
}

/** A container that is held to its network in this process. */
interface Admitted {
  readonly keeper: OwnerKey;
  readonly id: string;
  readonly owner: Owner;
}

const textOf = (secrets: ReadonlyArray<DomainSecret>): string =>
  JSON.stringify(secrets.map(({ domain, name, value }) => ({ domain, name, value: Redacted.value(value) })));

const rulesOf = (domains: ReadonlyArray<string>): ReadonlyArray<EgressRule> =>
  domains.map(parseEgressRule).filter((rule) => rule !== undefined);

/** Holds containers to their networks. */
export interface ContainerEgress {
  /** Those of some names that no container of this server may reach. */
  readonly beyond: (domains: ReadonlyArray<string>) => ReadonlyArray<string>;
  /** A network as it is kept; its secrets can be opened by this server only. */
  readonly sealed: (owner: Owner, network: ContainerNetwork) => Effect.Effect<SealedNetwork, SessionsUnavailable>;
  /** Whether a container has this very network, its secrets included. */
  readonly has: (container: Container, network: ContainerNetwork) => Effect.Effect<boolean, SessionsUnavailable>;
  /** Holds a container to its network before anything runs in it; one that is held already costs nothing. */
  readonly admit: (keeper: OwnerKey, container: Container) => Effect.Effect<void, SessionsUnavailable>;
  /** Forgets a container that is gone. */
  readonly release: (container: Pick<Container, "owner">) => Effect.Effect<void>;
  /** Forgets the containers that are gone for whatever reason, of other instances too. */
  readonly sweep: (store: ContainerStoreService) => Effect.Effect<void, SessionsUnavailable>;
}

/**
 * Makes what holds containers to their networks.
 *
 * *Details*: secrets are sealed under `CAISSON_LINK_SECRET`, or the session store's own secret where that is unset.
 * What cannot be opened any more, because that was changed, is left out with a warning: the container keeps its names.
 */
export const makeContainerEgress = Effect.gen(function* () {
  const egress = yield* Egress;
  const secretOfServer = yield* signingSecret;
  const admitted = new Map<OwnerKey, Admitted>();

  const secretsOf = Effect.fnUntraced(function* ({ owner, network }: Container) {
    if (network?.sealedSecrets === undefined) return [];
    const text = openText(yield* secretOfServer, ownerKey(owner), network.sealedSecrets);
    const secrets = Option.flatMap(text, parseDomainSecrets);
    if (Option.isNone(secrets)) yield* Effect.logWarning("the secrets of a container cannot be opened any more");
    return Option.getOrElse(secrets, (): ReadonlyArray<DomainSecret> => []);
  });

  const release: ContainerEgress["release"] = ({ owner }) =>
    Effect.suspend(() => admitted.delete(ownerKey(owner)) ? egress.limit(owner, undefined) : Effect.void);

  const parts: ContainerEgress = {
    beyond: (domains) => egress.beyond(rulesOf(domains)),
    sealed: Effect.fnUntraced(function* (owner, { allowedDomains, secrets }) {
      if (secrets.length === 0) return { allowedDomains, secretNames: [] };
      const sealedSecrets = sealText(yield* secretOfServer, ownerKey(owner), textOf(secrets));
      return { allowedDomains, secretNames: [...new Set(secrets.map(({ name }) => name))], sealedSecrets };
    }),
    has: Effect.fnUntraced(function* (container, { allowedDomains, secrets }) {
      const kept = container.network?.allowedDomains ?? [];
      const isSame = kept.length === allowedDomains.length && kept.every((name, at) => name === allowedDomains[at]);
      return isSame && textOf(yield* secretsOf(container)) === textOf(secrets);
    }),
    admit: Effect.fnUntraced(function* (keeper, container) {
      const { id, owner, network } = container;
      const key = ownerKey(owner);
      if (egress.offer === undefined || admitted.has(key)) return;
      yield* egress.limit(owner, {
        rules: rulesOf(network?.allowedDomains ?? []),
        secrets: yield* secretsOf(container),
      });
      admitted.set(key, { keeper, id, owner });
    }),
    release,
    sweep: Effect.fnUntraced(function* (store) {
      for (const { keeper, id, owner } of [...admitted.values()]) {
        const found = yield* store.find(keeper, id);
        if (Option.isNone(found) || found.value.isEmptied) yield* release({ owner });
      }
    }),
  };
  return parts;
});
