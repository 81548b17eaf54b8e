/**
 * What every start needs and no start should pay for twice: the image and the mounts of `/tools` and `/skills`.
 *
 * *unready → ready* when the first caller has found or built them; *ready → unready* when an image turns
 * out to be gone. A failure is not kept.
 */
import { Effect, Exit, Scope, Semaphore } from "effect";
import type { SandboxError } from "../../../services/Sandbox.ts";
import type { ContainerContext } from "./container.ts";
import type { Engine } from "./Engine.ts";
import { Image } from "./Image.ts";
import type { Installation } from "./Installation.ts";
import { engineSees, readOnlyMounts } from "./mounts.ts";

/** The image to start from and everything else a container is made of. */
export interface Prepared {
  readonly reference: string;
  readonly context: ContainerContext;
}

/** Prepares once. */
export interface Preparation {
  /** What is prepared, preparing it when it is not; concurrent callers share one preparation. */
  readonly get: Effect.Effect<Prepared, SandboxError, Engine | Installation>;
  readonly isReady: () => boolean;
  /** Makes the next caller prepare again. */
  readonly forget: () => void;
}

/** Where the read-only directories of the host are. */
export interface ShownPaths {
  readonly tools: string;
  readonly skills: string;
}

/** Makes a preparation that is unready; volumes it makes are gone with the scope. */
export const make = Effect.fnUntraced(function* (
  base: ContainerContext,
  paths: ShownPaths,
): Effect.fn.Return<Preparation, never, Image | Scope.Scope> {
  const image = yield* Image;
  // Made before anything that starts containers, and so closed after the last of them is gone.
  const mountsScope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void));
  const oneAtATime = yield* Semaphore.make(1);
  let ready: Prepared | undefined;
  const prepare = Effect.gen(function* () {
    const reference = yield* image.ensure;
    const copied = !(yield* engineSees(reference, [paths.tools, paths.skills]));
    const mounts = yield* Scope.provide(readOnlyMounts(paths, reference, copied), mountsScope);
    ready = { reference, context: { ...base, readOnlyMounts: mounts } };
    return ready;
  });
  return {
    get: oneAtATime.withPermits(1)(Effect.suspend(() => ready === undefined ? prepare : Effect.succeed(ready))),
    isReady: () => ready !== undefined,
    forget: () => {
      ready = undefined;
    },
  };
});
