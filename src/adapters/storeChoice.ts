/**
 * Which store a port is kept in: the one that `CAISSON_SESSIONS` names, so that all of a deployment lies together.
 */
import { Effect, Layer } from "effect";
import { Settings, type SettingsService } from "../config.ts";

/** A store's module, loaded only when it is chosen, its driver with it. */
type Load<A, E> = () => Promise<{ readonly layer: Layer.Layer<A, E, Settings> }>;

/** The layer of the chosen store. */
export const besideSessions = <A, E>(
  stores: Readonly<Record<SettingsService["sessions"], Load<A, E>>>,
): Layer.Layer<A, E, Settings> =>
  Layer.unwrap(
    Effect.flatMap(
      Settings,
      ({ sessions }) => Effect.map(Effect.promise(stores[sessions]), (chosen) => chosen.layer),
    ),
  );
