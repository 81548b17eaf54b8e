/**
 * Started sandboxes held ready for new users.
 *
 * A member serves one owner and is never returned. The pool refills itself in the background, and a
 * member that dies while it waits is replaced.
 */
import { Effect, Exit, Latch, Scope } from "effect";
import type { SandboxError } from "../../../services/Sandbox.ts";

/** What the pool needs to know of a member. */
export interface PoolMember {
  readonly isClosed: () => boolean;
  /** Completes when the member is dead. */
  readonly closed: Effect.Effect<unknown>;
}

interface Held<A> {
  readonly member: A;
  readonly scope: Scope.Closeable;
}

/** Ready members of one kind. */
export interface Pool<A> {
  /** Takes a member for the current scope, whose closing stops it; nothing when none is ready. */
  readonly take: Effect.Effect<A | undefined, never, Scope.Scope>;
  readonly ready: Effect.Effect<number>;
}

/** Wait after a start that failed, doubled up to the longest: an engine in trouble is not hammered. */
const backoffFirstMs = 1_000;
const backoffMostMs = 60_000;

/**
 * Wait after a member was taken before its successor is started: a start takes a core for a fifth of a
 * second, and whoever took the member is about to run its first command.
 */
const refillPauseMs = 500;

/** Fills a pool and keeps it filled; closing the scope stops all members at once. */
export const make = Effect.fnUntraced(function* <A extends PoolMember>(
  size: number,
  start: Effect.Effect<A, SandboxError, Scope.Scope>,
): Effect.fn.Return<Pool<A>, never, Scope.Scope> {
  const held: Array<Held<A>> = [];
  let taken = false;
  const wanted = yield* Latch.make(size > 0);
  const poolScope = yield* Effect.scope;

  const drop = (entry: Held<A>) =>
    Effect.suspend(() => {
      const at = held.indexOf(entry);
      if (at < 0) return Effect.void;
      held.splice(at, 1);
      return Effect.andThen(Scope.close(entry.scope, Exit.void), wanted.open);
    }).pipe(Effect.uninterruptible);

  const addOne = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make();
      const exit = yield* Effect.exit(restore(Scope.provide(start, scope)));
      if (Exit.isFailure(exit)) {
        yield* Scope.close(scope, exit);
        return yield* exit;
      }
      const entry = { member: exit.value, scope };
      held.push(entry);
      yield* entry.member.closed.pipe(Effect.andThen(drop(entry)), Effect.forkIn(poolScope));
    })
  );

  yield* Effect.addFinalizer(() =>
    Effect.forEach([...held], ({ scope }) => Scope.close(scope, Exit.void), {
      concurrency: "unbounded",
      discard: true,
    })
  );

  let backoffMs = backoffFirstMs;
  if (size > 0) {
    yield* Effect.gen(function* () {
      yield* wanted.await;
      // Closed before the look, so that a member taken meanwhile opens it again.
      yield* wanted.close;
      if (held.length >= size) return;
      yield* wanted.open;
      if (taken) yield* Effect.sleep(refillPauseMs);
      taken = false;
      const exit = yield* Effect.exit(addOne);
      if (Exit.isSuccess(exit)) {
        backoffMs = backoffFirstMs;
        return;
      }
      yield* Effect.logWarning(`the sandbox pool cannot be filled, next try in ${backoffMs} ms`, exit.cause);
      yield* Effect.sleep(backoffMs);
      backoffMs = Math.min(backoffMs * 2, backoffMostMs);
    }).pipe(Effect.forever, Effect.forkIn(poolScope));
  }

  return {
    take: Effect.gen(function* () {
      const entry = held.find(({ member }) => !member.isClosed());
      if (entry === undefined) return undefined;
      held.splice(held.indexOf(entry), 1);
      taken = true;
      yield* wanted.open;
      yield* Effect.addFinalizer((exit) => Scope.close(entry.scope, exit));
      return entry.member;
    }).pipe(Effect.uninterruptible),
    ready: Effect.sync(() => held.length),
  };
});
