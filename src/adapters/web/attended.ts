/**
 * Sandboxes whose record of egress has what the server read of the web for their owners, too.
 */
import { Effect, Layer } from "effect";
import { type EgressSummary, EgressTally } from "../../domain/EgressRecord.ts";
import { Sandbox } from "../../services/Sandbox.ts";
import { WebReader } from "../../services/WebReader.ts";

/** Kinds of connections of a sandbox and of what was read for it, together. */
const recordsMax = 128;

const together = (one: EgressSummary | undefined, other: EgressSummary | undefined): EgressSummary | undefined => {
  if (one === undefined || other === undefined) return one ?? other;
  const tally = new EgressTally(recordsMax);
  tally.addAll(one);
  tally.addAll(other);
  return tally.summary;
};

/**
 * Adds what a WebReader asked for an owner to what the owner's sandbox did; where it reads nothing, the sandboxes are
 * as they were.
 *
 * *Details*: a sandbox's record begins with the sandbox, the other with the server; both end when the sandbox is reset.
 */
export const attended = <E, R>(sandboxes: Layer.Layer<Sandbox, E, R>): Layer.Layer<Sandbox, E, R> =>
  Layer.effect(
    Sandbox,
    Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      const { asked } = yield* WebReader;
      if (asked === undefined) return sandbox;
      return Sandbox.of({
        ...sandbox,
        egress: (owner) => Effect.zipWith(sandbox.egress?.(owner) ?? Effect.undefined, asked.of(owner), together),
        reset: (owner) => Effect.andThen(asked.forget(owner), sandbox.reset(owner)),
      });
    }),
  ).pipe(Layer.provide(sandboxes));
