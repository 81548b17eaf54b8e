/**
 * Starting an owner's container: on the workspace on record, on one from the pool, or on a fresh one.
 */
import { type Context, Effect, Option, Scope } from "effect";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import { Egress, type EgressOffer } from "../../../services/Egress.ts";
import type { SandboxError } from "../../../services/Sandbox.ts";
import * as Pool from "../owned/Pool.ts";
import type { StartLine } from "../owned/startLine.ts";
import type { Workspace } from "./container.ts";
import { Engine } from "./Engine.ts";
import { Installation } from "./Installation.ts";
import type { Preparation } from "./preparation.ts";
import { randomName, type RunningSandbox, startSandbox } from "./sandbox.ts";
import { createWorkspace, dropVolume } from "./volumes.ts";

/** Wait before a container from the pool gets its owner's name, so that the first command need not share the engine. */
const renamePauseMs = 1_000;
/** The pool waits in line as one principal among the others; no principal has this name. */
const poolPrincipal = "";

/** A ready container on a fresh volume that becomes the workspace of whoever takes it. */
interface PooledSandbox extends Pool.PoolMember, RunningSandbox {
  readonly volume: string;
  /** Whether the volume is somebody's workspace now and outlives the container. */
  readonly fate: { keep: boolean };
}

type OnEngine<A> = Effect.Effect<A, SandboxError, Engine | Installation | Scope.Scope>;

/** Starts containers for owners. */
export interface Starting {
  /**
   * Starts the owner's container; closing the scope removes it and keeps a workspace that lasts.
   *
   * *Fails with* `SandboxError`.
   */
  readonly start: (owner: Owner, key: OwnerKey) => OnEngine<RunningSandbox>;
  /** Containers that wait in the pool. */
  readonly pooled: Effect.Effect<number>;
}

/** Starts a container on a workspace when its turn in the line comes. */
const startOn = Effect.fnUntraced(function* (
  preparation: Preparation,
  line: StartLine,
  workspace: Workspace,
  principal: string,
  owner: OwnerKey | undefined,
  own?: EgressOffer,
): Effect.fn.Return<RunningSandbox, SandboxError, Engine | Installation | Scope.Scope> {
  const scope = yield* Effect.scope;
  const start = Effect.flatMap(preparation.get, ({ reference, context }) =>
    // The turn ends when the sandbox is up; the sandbox lives on in the caller's scope.
    Effect.scoped(Effect.andThen(
      line.turn(principal),
      Scope.provide(
        startSandbox(own === undefined ? context : { ...context, egress: own }, reference, workspace, owner),
        scope,
      ),
    )));
  return yield* start.pipe(
    // Somebody removed the image since it was found: look, or build, again.
    Effect.catchIf((error) => error.reason._tag === "ImageMissing" && preparation.isReady(), () => {
      preparation.forget();
      return start;
    }),
  );
});

/** Starts a container for nobody in particular. */
const startPooled = Effect.fnUntraced(function* (
  preparation: Preparation,
  line: StartLine,
): Effect.fn.Return<PooledSandbox, SandboxError, Engine | Installation | Scope.Scope> {
  const volume = randomName("ws");
  const fate = { keep: false };
  yield* Effect.acquireRelease(
    createWorkspace(volume, undefined),
    () => fate.keep ? Effect.void : dropVolume(volume),
  );
  const running = yield* startOn(preparation, line, { _tag: "Volume", name: volume }, poolPrincipal, undefined);
  return { ...running, volume, fate, isClosed: running.link.isClosed, closed: running.link.closed };
});

/** Makes a pooled container's volume the owner's workspace; false when another server gave the owner one meanwhile. */
const adopt = Effect.fnUntraced(function* (member: PooledSandbox, key: OwnerKey) {
  const engine = yield* Engine;
  const installation = yield* Installation;
  if ((yield* installation.recordWorkspace(key, member.volume)) !== member.volume) return false;
  member.fate.keep = true;
  // Labels cannot change after creation; the name tells people whose container it is now.
  yield* engine.rename(member.id, randomName(key.slice(0, 12))).pipe(
    Effect.delay(renamePauseMs),
    Effect.catch((error) => Effect.logDebug(error.message)),
    Effect.forkScoped,
  );
  return true;
});

/** Makes what starts containers, with a pool that fills itself; closing the scope stops what waits in it. */
export const make = Effect.fnUntraced(function* (
  preparation: Preparation,
  line: StartLine,
  poolSize: number,
  services: Context.Context<Engine | Installation>,
): Effect.fn.Return<Starting, never, Scope.Scope> {
  const pool = yield* Pool.make<PooledSandbox>(
    poolSize,
    Effect.provideContext(startPooled(preparation, line), services),
  );

  const startDurable = Effect.fnUntraced(function* (owner: Owner, key: OwnerKey) {
    const installation = yield* Installation;
    const own = yield* (yield* Egress).ownOffer(owner);
    const known = yield* installation.workspaceOf(key);
    // What waits in the pool was told what everyone is.
    if (Option.isNone(known) && own === undefined) {
      const member = yield* pool.take;
      if (member !== undefined && (yield* adopt(member, key))) return member;
    }
    // On record before it exists, so that no volume is ever without an owner.
    const name = Option.isSome(known) ? known.value : yield* installation.recordWorkspace(key, randomName("ws"));
    yield* createWorkspace(name, key);
    return yield* startOn(preparation, line, { _tag: "Volume", name }, owner.principal, key, own);
  });

  const startEphemeral = Effect.fnUntraced(function* (owner: Owner, key: OwnerKey) {
    const own = yield* (yield* Egress).ownOffer(owner);
    const member = own === undefined ? yield* pool.take : undefined;
    return member ?? (yield* startOn(preparation, line, { _tag: "Memory" }, owner.principal, key, own));
  });

  return {
    start: (owner, key): OnEngine<RunningSandbox> =>
      owner.ephemeral ? startEphemeral(owner, key) : startDurable(owner, key),
    pooled: pool.ready,
  };
});
