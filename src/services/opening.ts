/**
 * Streams that are opened by an effect, at no cost for what they say afterwards.
 *
 * `Stream.unwrap` asks for each array anew whether its stream has been opened, and a way from a provider to a client
 * has many such places.
 */
import { type Array as Arr, type Cause, Channel, Effect, Scope, Stream } from "effect";

/** How a stream is read: an array of what is ready, `Done` at its end. */
export type Pulling<A, E, R = never> = Effect.Effect<Arr.NonEmptyReadonlyArray<A>, E | Cause.Done, R>;

/**
 * The stream that is read by what an effect gives.
 *
 * *Details*: the effect runs when the stream is opened, before it is first read; its scope is the stream's.
 *
 * *Fails with* what opening fails with, when it is first read.
 */
export const readBy = <A, E, R, E2, R2>(
  open: Effect.Effect<Pulling<A, E, R>, E2, R2>,
): Stream.Stream<A, E | E2, R | Exclude<R2, Scope.Scope>> =>
  Stream.fromChannel(Channel.fromTransform((_, scope) => Scope.provide(open, scope)));

/** Streams one after the other, each asked for and opened when the one before has ended, in one layer for them all. */
export const oneByOne = <A, E, R>(streams: () => Iterator<Stream.Stream<A, E, R>>): Stream.Stream<A, E, R> =>
  Stream.fromChannel(Channel.flatMap(Channel.fromIterator(streams), Stream.toChannel));

/** The stream that an effect gives, opened as {@link readBy} says. */
export const openedBy = <A, E, R, E2, R2>(
  open: Effect.Effect<Stream.Stream<A, E, R>, E2, R2>,
): Stream.Stream<A, E | E2, R | Exclude<R2, Scope.Scope>> =>
  Stream.fromChannel(
    Channel.fromTransform((_, scope) =>
      Effect.flatMap(Scope.provide(open, scope), (stream) => Channel.toPullScoped(Stream.toChannel(stream), scope))
    ),
  );
