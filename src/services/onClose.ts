/**
 * What is done when a scope closes, for scopes that live as long as a request.
 *
 * `Effect.addFinalizer` and `Effect.acquireRelease` merge the context in which they were called into that of whoever
 * closes the scope, which copies all services of the process twice; here the context is handed over as it was.
 */
import { type Context, Effect, type Exit, Scope } from "effect";

/** Does something when the scope closes, in the context of this call. */
export const onClose = <R>(
  finalizer: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void, never, R>,
): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.flatMap(
    Effect.scope,
    (scope) =>
      Effect.contextWith((context: Context.Context<R>) =>
        Scope.addFinalizerExit(scope, (exit) => Effect.setContext(finalizer(exit), context))
      ),
  );

/** Takes something that is given back when the scope closes; neither can be interrupted. */
export const heldUntilClose = <A, E, R, R2>(
  take: Effect.Effect<A, E, R>,
  giveBack: (taken: A) => Effect.Effect<void, never, R2>,
): Effect.Effect<A, E, R | R2 | Scope.Scope> =>
  Effect.uninterruptible(Effect.tap(take, (taken) => onClose(() => giveBack(taken))));
