/**
 * What is loaded at its first use: a vendor's SDK and its client.
 */
import { Effect } from "effect";

/**
 * Loads something once, at its first use.
 *
 * *Details*: even a module that is there is looked for anew by each `import()`, which costs every turn a way through
 * the loader. Uses at the same time may load twice; an interrupted one leaves the loading to the next. A rejection
 * is a defect.
 */
export const loadedOnce = <A>(load: () => Promise<A>): Effect.Effect<A> => {
  let loaded: { readonly value: A } | undefined;
  return Effect.suspend(() =>
    loaded !== undefined ? Effect.succeed(loaded.value) : Effect.map(Effect.promise(load), (value) => {
      loaded = { value };
      return value;
    })
  );
};
