/**
 * Removing what dead servers left on the engine.
 *
 * A sandbox normally ends with its server, because the attached stream is its lease. This is the second
 * line: for an engine that was restarted in between, and for volumes and networks, which have no lease.
 * Only things of this installation's dead servers go; a live server's and a stranger's never do, and no
 * volume that is on record as somebody's workspace.
 */
import { Duration, Effect, Option } from "effect";
import type { SandboxError } from "../../../services/Sandbox.ts";
import { label } from "./container.ts";
import { Engine } from "./Engine.ts";
import { type EngineError, toSandboxError } from "./EngineError.ts";
import { Installation } from "./Installation.ts";

/** Removals at once: each takes the engine some tens of milliseconds of its own. */
const removalsAtOnce = 4;

/** A sweep at the start must not hold up the server, and one of a hung engine must end before the next. */
const sweepMax = Duration.seconds(15);
/**
 * An engine carries out what a killed server asked of it, which takes seconds under load: the first look
 * is after that.
 */
const firstSweepAfter = Duration.seconds(30);
/**
 * Later leftovers come from other servers that die while this one lives; a sweep is three listings when
 * there are none.
 */
const sweepEvery = Duration.minutes(5);

/** What a sweep removed. */
export interface Reaped {
  readonly containers: number;
  readonly networks: number;
  readonly volumes: number;
}

/**
 * Removes what dead servers of this installation left behind; one that will not go is logged and stays for
 * the next sweep.
 */
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
  const candidates = yield* Effect.flatMap(
    engine.listVolumes(mine),
    Effect.filter((volume) => isDead(volume.Labels)),
  );
  // Read when their servers are known to be dead: what one of them recorded at its last is then on record.
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

/** One sweep within its time, which says what it removed and fails nothing: what stays is there for the next. */
export const reapOnce: Effect.Effect<void, never, Engine | Installation> = reap.pipe(
  Effect.timeoutOption(sweepMax),
  Effect.flatMap((reaped) =>
    Option.isNone(reaped)
      ? Effect.logWarning("removing what dead servers left took too long; the next sweep goes on")
      : Object.values(reaped.value).some((count) => count > 0)
      ? Effect.logInfo("removed what dead servers had left", reaped.value)
      : Effect.void
  ),
  Effect.catch((error) => Effect.logWarning(`leftovers were not removed: ${error.detail}`)),
);

/**
 * Sweeps half a minute after the start and every few minutes from then on, until interrupted.
 *
 * *Details*: an engine may carry out requests of a killed server after its successor's first sweep, and
 * other servers of the installation die while this one lives.
 */
export const reapAgainAndAgain: Effect.Effect<never, never, Engine | Installation> = Effect.sleep(firstSweepAfter).pipe(
  Effect.andThen(Effect.forever(Effect.andThen(reapOnce, Effect.sleep(sweepEvery)))),
);
