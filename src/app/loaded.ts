/**
 * Modules that are loaded when they are wanted, and not before.
 */
import { Effect, Latch, Layer } from "effect";
import { SandboxAsked } from "../services/SandboxAsked.ts";

/**
 * Loads a module when a layer of it is built: what a process does not use costs it neither time nor memory.
 *
 * *Details*: what cannot be loaded is a defect that names the module; an interruption does not wait for the load.
 */
export const loaded = <M>(load: () => Promise<M>): Effect.Effect<M> => Effect.promise(load);

/**
 * A layer that is loaded while another, which it builds upon, waits for the machine.
 *
 * *Details*: loading keeps the process busy, so it begins when the first layer has sent off what it asks
 * ({@link SandboxAsked}), or is there. The first layer is built once, shared with whatever the loaded one takes from
 * it, and released when both are.
 *
 * *Fails with* what either fails with; nothing is loaded when the first fails before. What cannot be loaded is a
 * defect.
 */
export const loadedBeside = <A, E, R, A1, E1, R1>(
  first: Layer.Layer<A1, E1, R1>,
  load: () => Promise<Layer.Layer<A, E, R>>,
): Layer.Layer<A, E | E1, R | R1> =>
  Layer.unwrap(Effect.map(Latch.make(), (asked) =>
    Layer.merge(
      Layer.effectDiscard(asked.open).pipe(
        Layer.provide(first),
        Layer.provide(Layer.succeed(SandboxAsked, Effect.asVoid(asked.open))),
      ),
      Layer.unwrap(Effect.andThen(asked.await, loaded(load))),
    )));
