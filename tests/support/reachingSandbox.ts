/**
 * A fake sandbox whose programs have a way out, for tests of what is said about it; nothing is reached.
 */
import { Effect, Layer } from "effect";
import { layerOver } from "../../src/adapters/egress/Configured.ts";
import { Sandbox } from "../../src/services/Sandbox.ts";
import type { FakeSandbox } from "./fakeSandbox.ts";

/** The same sandbox with a way out. */
export const reaching = ({ layer, ...fake }: FakeSandbox): FakeSandbox => ({
  ...fake,
  layer: Layer.provide(
    Layer.effect(
      Sandbox,
      Effect.map(Sandbox, (sandbox) => ({ ...sandbox, info: { ...sandbox.info, hasEgress: true } })),
    ),
    layer,
  ),
});

/** A way out as the settings say, over a network that nobody may ask. */
export const unreached = layerOver({
  resolve: () => Effect.die("nothing is looked up"),
  connect: () => Effect.die("nothing is connected to"),
});
