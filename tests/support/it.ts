/**
 * Effects as tests: the only place in the tests that runs one.
 *
 * `it.effect` gives virtual time (`TestClock`), `it.live` real time for tests that talk to sockets,
 * processes or an engine. A test's scope is closed when it ends, whatever its outcome.
 */
import { Cause, Effect, Exit, Layer, type Scope } from "effect";
import { TestClock } from "effect/testing";

type Body<R> = () => Effect.Effect<void, unknown, R>;

/** Runs a scoped effect as a promise that rejects with the readable cause of a failure. */
export const run = async <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => {
  const exit = await Effect.runPromiseExit(Effect.scoped(effect));
  if (Exit.isSuccess(exit)) return exit.value;
  const error = Cause.squash(exit.cause);
  throw error instanceof Error ? error : new Error(Cause.pretty(exit.cause));
};

interface Options {
  /** Why the test cannot run here; it is reported as ignored under a name that says so. */
  readonly skip?: string | undefined;
}

const register = (title: string, options: Options, body: () => Promise<void>) =>
  Deno.test({
    name: options.skip === undefined ? title : `${title} [SKIPPED: ${options.skip}]`,
    ignore: options.skip !== undefined,
    fn: body,
  });

export const it = {
  /** A test in virtual time: nothing that sleeps proceeds until the test adjusts `TestClock`. */
  effect: (title: string, body: Body<Scope.Scope>, options: Options = {}): void =>
    register(title, options, () => run(body().pipe(Effect.provide(TestClock.layer())))),
  /** A test in real time. */
  live: (title: string, body: Body<Scope.Scope>, options: Options = {}): void =>
    register(title, options, () => run(body())),
  /** Tests that each get a fresh build of a layer. */
  layer: <R, E>(layer: Layer.Layer<R, E>) => ({
    effect: (title: string, body: Body<R | Scope.Scope>, options: Options = {}): void =>
      register(title, options, () => run(body().pipe(Effect.provide(Layer.provideMerge(layer, TestClock.layer()))))),
    live: (title: string, body: Body<R | Scope.Scope>, options: Options = {}): void =>
      register(title, options, () => run(body().pipe(Effect.provide(layer)))),
  }),
};
