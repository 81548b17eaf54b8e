/**
 * Containers in the memory of this process: nothing survives a restart.
 */
import { Clock, Effect, Layer, Option } from "effect";
import { Settings } from "../../config.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { type Container, ContainerStore, expiryOf } from "../../services/ContainerStore.ts";
import { dayMs, expiredMax } from "./bounds.ts";

/** Containers kept at once; those kept for longest go first. */
const containersMax = 10_000;

interface Entry {
  readonly keeper: OwnerKey;
  readonly container: Container;
  readonly forgottenAtMs: number;
}

/** Containers in memory, bounded in number. */
export const layer: Layer.Layer<ContainerStore, never, Settings> = Layer.effect(
  ContainerStore,
  Effect.gen(function* () {
    const { responseRetentionDays } = yield* Settings;
    const entries = new Map<string, Entry>();
    const name = (keeper: OwnerKey, id: string): string => `${keeper} ${id}`;
    const at = <A>(work: (nowMs: number) => A) => Effect.map(Clock.currentTimeMillis, work);
    const alive = (nowMs: number) => [...entries.values()].filter(({ forgottenAtMs }) => forgottenAtMs > nowMs);

    const found = (keeper: OwnerKey, id: string, nowMs: number): Option.Option<Container> => {
      const entry = entries.get(name(keeper, id));
      return Option.fromUndefinedOr(entry !== undefined && entry.forgottenAtMs > nowMs ? entry.container : undefined);
    };
    const put = (keeper: OwnerKey, container: Container, nowMs: number): void => {
      const key = name(keeper, container.id);
      entries.delete(key);
      entries.set(key, { keeper, container, forgottenAtMs: nowMs + responseRetentionDays * dayMs });
      for (const [oldest, { forgottenAtMs }] of entries) {
        if (entries.size <= containersMax && forgottenAtMs > nowMs) break;
        entries.delete(oldest);
      }
    };

    return ContainerStore.of({
      add: (keeper, container) => at((nowMs) => put(keeper, container, nowMs)),
      change: (keeper, id, next) =>
        at((nowMs) =>
          Option.map(found(keeper, id, nowMs), (container) => {
            const changed = next(container);
            put(keeper, changed, nowMs);
            return changed;
          })
        ),
      find: (keeper, id) => at((nowMs) => found(keeper, id, nowMs)),
      list: (keeper) =>
        at((nowMs) =>
          alive(nowMs).filter((entry) => entry.keeper === keeper).map(({ container }) => container)
            .toSorted((a, b) => b.createdAtMs - a.createdAtMs)
        ),
      remove: (keeper, id) => Effect.sync(() => entries.delete(name(keeper, id))),
      expired: (nowMs) =>
        Effect.sync(() =>
          alive(nowMs).filter(({ container }) => !container.isEmptied && expiryOf(container) <= nowMs)
            .slice(0, expiredMax).map(({ keeper, container }) => [keeper, container] as const)
        ),
    });
  }),
);
