/**
 * Snapshots of the workspaces behind the Sandbox port, kept in the SnapshotStore.
 */
import { Clock, Deferred, Effect, Fiber, Layer, Option } from "effect";
import { Settings } from "../../config.ts";
import { ownerKey } from "../../domain/ids.ts";
import type { Owner } from "../../domain/Owner.ts";
import { Sandbox } from "../../services/Sandbox.ts";
import { SnapshotStore } from "../../services/SnapshotStore.ts";
import { Keeper, type Working } from "./Keeper.ts";
import { conclude, prepare } from "./keepTurn.ts";
import { changesOf, restore } from "./restore.ts";
import { expireAll, letGo } from "./retention.ts";
import {
  type Restored,
  type RestoreError,
  type RestoreRequest,
  SnapshotNotFound,
  Snapshots,
  type SnapshotsService,
  WorkspaceBusy,
} from "./Snapshots.ts";
import { noWatch } from "./TurnWatch.ts";

/** Wait of a request for what is kept in the background. */
const restoreWait = "30 seconds";
/** Between looks for what is too old. */
const expiryInterval = "1 hour";

/**
 * Takes back what records did once it is their turn; one that has begun goes on to its end, whoever leaves.
 *
 * *Details*: it is answered once it is remembered. What may go then is let go of behind the answer, before the next.
 */
const takeBack = Effect.fnUntraced(function* (
  keeper: Keeper,
  owner: Owner,
  session: string,
  request: RestoreRequest,
): Effect.fn.Return<Restored, RestoreError> {
  const key = ownerKey(owner);
  const begun = yield* Deferred.make<void>();
  const answer = yield* Deferred.make<Restored, RestoreError>();
  const tidied = Effect.catch(
    letGo(keeper.store, key),
    (error) => Effect.logWarning("what no snapshot leads to could not be let go", error),
  );
  const work = Effect.acquireUseRelease(
    Effect.sync(() => keeper.enter(key)),
    (workspace) =>
      workspace.lock.withPermits(1)(
        Deferred.succeed(begun, undefined).pipe(
          Effect.andThen(restore(keeper, owner, session, workspace, request)),
          Effect.onExit((exit) => Deferred.done(answer, exit)),
          Effect.andThen(({ id }) => id === undefined ? Effect.void : tidied),
        ),
      ),
    (workspace) => Effect.sync(() => keeper.leave(key, workspace)),
  );
  // At once, so that it waits in line behind what was asked before.
  const working = yield* Effect.forkIn(work, keeper.scope, { startImmediately: true });
  /** What has begun goes on to its end; what has not is given up. */
  const giveUp = Effect.suspend(() => Deferred.isDoneUnsafe(begun) ? Effect.void : Fiber.interrupt(working));
  return yield* Deferred.await(begun).pipe(
    Effect.timeoutOption(restoreWait),
    Effect.onInterrupt(() => giveUp),
    Effect.flatMap((waited) =>
      Option.isSome(waited) || Deferred.isDoneUnsafe(begun)
        ? Deferred.await(answer)
        : Effect.andThen(giveUp, Effect.fail(new WorkspaceBusy()))
    ),
  );
});

const make = Effect.fnUntraced(function* (mode: "keep" | "undo", bytesMax: number) {
  const store = yield* SnapshotStore;
  const keeper = new Keeper(yield* Sandbox, store, yield* Effect.scope, bytesMax);
  const expire = Effect.flatMap(Clock.currentTimeMillis, (nowMs) => expireAll(store, nowMs)).pipe(
    Effect.catch((error) => Effect.logWarning("old snapshots could not be let go", error)),
  );
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(expire, Effect.sleep(expiryInterval))));

  const watch = Effect.fnUntraced(function* (owner: Owner, session: string, turn: string) {
    // The workspace of an ephemeral owner is gone when the run is over.
    if (owner.ephemeral) return noWatch;
    const key = ownerKey(owner);
    const working: Working = { turn, before: undefined, startedAtMs: 0 };
    const workspace = keeper.enter(key);
    workspace.working.add(working);
    const beforeTool = yield* Effect.cached(prepare(keeper, owner, workspace, working));
    const ended = yield* Effect.cached(conclude(keeper, owner, session, { workspace, working }));
    return { beforeTool, ended };
  });

  return {
    mode,
    watch,
    list: Effect.fnUntraced(function* ({ owner, id }) {
      yield* keeper.settled(owner);
      return (yield* store.load(owner)).records.filter(({ session }) => session === id);
    }),
    changes: Effect.fnUntraced(function* ({ owner, id: session }, id) {
      yield* keeper.settled(owner);
      const { records } = yield* store.load(owner);
      const record = records.findLast((one) => one.session === session && (one.id === id || one.turn === id));
      if (record === undefined) return yield* new SnapshotNotFound({ id });
      return { record, changes: yield* changesOf(store, owner, record) };
    }),
    restore: (owner, session, request) => takeBack(keeper, owner, session, request),
  } satisfies SnapshotsService;
});

/** Snapshots as the settings say; where they are off nothing is made. */
export const layer: Layer.Layer<never, never, Sandbox | Settings> = Layer.unwrap(
  Effect.map(
    Settings,
    ({ rewindFiles, snapshotMb }) =>
      rewindFiles === "off" ? Layer.empty : Layer.effect(Snapshots, make(rewindFiles, snapshotMb * 1024 * 1024)),
  ),
);
