/**
 * Sandboxes whose record of egress tells what persons granted them, which ends with them.
 */
import { Effect, Layer } from "effect";
import type { EgressGrant, EgressSummary } from "../../../domain/EgressRecord.ts";
import { Egress } from "../../../services/Egress.ts";
import { Sandbox } from "../../../services/Sandbox.ts";

const told = (
  summary: EgressSummary | undefined,
  granted: ReadonlyArray<EgressGrant>,
): EgressSummary | undefined =>
  granted.length === 0 ? summary : { ...summary ?? { records: [], connectionsLeftOut: 0 }, granted };

/**
 * Adds what persons granted an owner to what its sandbox tells, also before that has started; where nobody is asked,
 * the sandboxes are as they were.
 *
 * *Details*: a sandbox that is stopped or reset loses what it was granted.
 */
export const granted = <E, R>(sandboxes: Layer.Layer<Sandbox, E, R>): Layer.Layer<Sandbox, E, R> =>
  Layer.effect(
    Sandbox,
    Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      const { access } = yield* Egress;
      if (access === undefined) return sandbox;
      const { stop } = sandbox;
      return Sandbox.of({
        ...sandbox,
        egress: (owner) => Effect.zipWith(sandbox.egress?.(owner) ?? Effect.undefined, access.granted(owner), told),
        reset: (owner) => Effect.andThen(access.forget(owner), sandbox.reset(owner)),
        ...(stop !== undefined && { stop: (owner) => Effect.andThen(access.forget(owner), stop(owner)) }),
      });
    }),
  ).pipe(Layer.provide(sandboxes));
