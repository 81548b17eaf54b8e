/**
 * Removing what dead servers left on the engine.
 *
 * A sandbox normally ends with its server, because the attached stream is its lease. This is the second
 * line: for an engine that was restarted in between, and for volumes and networks, which have no lease.
 * Only things of this installation's dead servers go; a live server's and a stranger's never do, and no
 * volume that is on record as somebody's workspace.
 */
import { Effect } from "effect";
import type { SandboxError } from "../../../services/Sandbox.ts";
import { label } from "./container.ts";
import { Engine } from "./Engine.ts";
import { type EngineError, toSandboxError } from "./EngineError.ts";
import { Installation } from "./Installation.ts";

/** Removals at once: each takes the engine some tens of milliseconds of its own. */
const removalsAtOnce = 4;

/** What a sweep removed. */
export interface Reaped {
  readonly containers: number;
  readonly networks: number;
  readonly volumes: number;
}

/** Removes what dead servers of this installation left behind; one that will not go is logged and stays for the next sweep. */
export const reap: Effect.Effect<Reaped, SandboxError, Engine | Installation> = Effect.gen(function* () {
  const engine = yield* Engine;
  const installation = yield* Installation;
  const mine = [`${label.app}=caisson`, `${label.installation}=${installation.id}`];
  const alive = new Map<string, boolean>();
  const isDead = Effect.fnUntraced(function* (labels: Readonly<Record<string, string>> | null) {
    const instance = labels?.[label.instance] ?? "";
    const known = alive.get(instance) ?? (yield* installation.isAlive(instance));
    alive.set(instance, known);
    return !known;
  });
  const sweep = Effect.fnUntraced(function* <A extends { readonly Labels: Readonly<Record<string, string>> | null }>(
    what: string,
    found: ReadonlyArray<A>,
    remove: (item: A) => Effect.Effect<void, EngineError>,
  ) {
    const dead = yield* Effect.filter(found, (item) => isDead(item.Labels));
    const removed = yield* Effect.forEach(dead, (item) =>
      remove(item).pipe(
        Effect.as(1),
        Effect.catch((error) => Effect.as(Effect.logWarning(`a leftover ${what} stays: ${error.message}`), 0)),
      ), { concurrency: removalsAtOnce });
    return removed.reduce((sum, one) => sum + one, 0);
  });

  const seen = yield* installation.instances;
  // Containers first: they hold the volumes and networks.
  const containers = yield* Effect.flatMap(
    engine.listContainers(mine),
    (found) => sweep("container", found, (container) => engine.removeContainer(container.Id)),
  );
  const networks = yield* Effect.flatMap(
    engine.listNetworks(mine),
    (found) => sweep("network", found, (network) => engine.removeNetwork(network.Id)),
  );
  const candidates = yield* engine.listVolumes(mine);
  // Read after the list: a volume whose server recorded it and died in between is then on record.
  const recorded = yield* installation.workspaces;
  const volumes = yield* sweep(
    "volume",
    candidates.filter((volume) => !recorded.has(volume.Name)),
    (volume) => engine.removeVolume(volume.Name),
  );
  for (const instance of seen) {
    if (!(yield* installation.isAlive(instance))) yield* installation.forgetInstance(instance);
  }
  return { containers, networks, volumes };
}).pipe(Effect.catchTag("EngineError", (error) => Effect.fail(toSandboxError(error))));
