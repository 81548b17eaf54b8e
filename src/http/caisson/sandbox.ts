/**
 * `/v1/sandbox`: the sandbox of a user, looked at without starting one, stopped, and emptied.
 */
import { Effect, Schema } from "effect";
import { ownerKey } from "../../domain/ids.ts";
import type { Owner } from "../../domain/Owner.ts";
import { Sandbox, SandboxState } from "../../services/Sandbox.ts";
import { SnapshotStore } from "../../services/SnapshotStore.ts";
import { Caller } from "../frame/Caller.ts";

/** A user's sandbox. */
export const SandboxOut = Schema.Struct({
  object: Schema.Literal("sandbox"),
  state: Schema.NullOr(SandboxState).annotate({
    description: "Null where it cannot be told: the sandboxes are another server's.",
  }),
  kind: Schema.Literals(["docker", "embedded", "remote", "scripted"]),
}).annotate({ identifier: "Sandbox" });

interface UserQuery {
  readonly user?: string;
}

/** Builds the handlers of the sandbox's endpoints. */
export const make = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const snapshots = yield* SnapshotStore;

  const stateOf = (owner: Owner) =>
    Effect.map(
      sandbox.status?.(owner) ?? Effect.succeed(null),
      (state): typeof SandboxOut.Type => ({ object: "sandbox", state, kind: sandbox.info.kind }),
    );

  const show = Effect.fnUntraced(function* (query: UserQuery) {
    return yield* stateOf((yield* Caller).ownerOf(query));
  });

  const stop = Effect.fnUntraced(function* (query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    yield* sandbox.stop?.(owner) ?? Effect.void;
    return yield* stateOf(owner);
  });

  const reset = Effect.fnUntraced(function* (query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    yield* sandbox.reset(owner);
    yield* snapshots.erase(ownerKey(owner));
    return yield* stateOf(owner);
  });

  return { show, stop, reset };
});
