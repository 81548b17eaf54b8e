/**
 * Erasing an owner: everything that is kept about one user of one principal.
 */
import { Effect, Option } from "effect";
import { ownerKey } from "../domain/ids.ts";
import type { Owner } from "../domain/Owner.ts";
import { ConversationStore } from "../services/ConversationStore.ts";
import { Containers } from "./Containers.ts";
import { Files } from "./Files.ts";
import type { FilesUnavailable } from "../services/FileStore.ts";
import { ResponseStore } from "../services/ResponseStore.ts";
import { RunStore } from "../services/RunStore.ts";
import { Sandbox, type SandboxError } from "../services/Sandbox.ts";
import { SnapshotStore, type SnapshotsUnavailable } from "../services/SnapshotStore.ts";
import { Sessions, type SessionsUnavailable } from "../services/Sessions.ts";

/** What was erased. */
export interface Erased {
  readonly sessions: number;
}

/**
 * Removes an owner's sessions, stored responses, conversations, containers and files where there are stores of them,
 * sandbox, workspace and snapshots.
 *
 * *Details*: it goes on until a list of the owner's sessions is empty, so a session that is stored
 * meanwhile is removed as well. Erasing again is harmless.
 *
 * *Fails with* `SessionsUnavailable`, `SandboxError`, `SnapshotsUnavailable` or `FilesUnavailable`; what was erased
 * until then stays erased.
 *
 * *Example* (forget a user):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { app, Conversation, erase, Message, Sandbox, Settings, Usage } from "@caisson/caisson";
 *
 * const owner = { principal: "api-key:shop", user: "ada", ephemeral: false };
 * const program = Effect.gen(function* () {
 *   const { store } = yield* Conversation.open({ owner, messages: [Message.user("Hello")] });
 *   yield* store({ produced: [], status: "cancelled", model: "m", usage: Usage.zero });
 *   return [yield* erase(owner), yield* erase(owner)];
 * });
 * const info: Sandbox.SandboxInfo = { kind: "scripted", why: "an example asked for it", controls: [], notes: [] };
 * const sandbox = Layer.mock(Sandbox.Sandbox, { info, reset: () => Effect.void });
 * const sessions = Layer.provide(app.sessions, Settings.layerWith({ sessions: "memory" }));
 * const erased = await Effect.runPromise(Effect.provide(program, [sandbox, sessions]));
 * assert.deepEqual(erased, [{ sessions: 1 }, { sessions: 0 }]);
 * ```
 */
export const erase = Effect.fnUntraced(
  function* (
    owner: Owner,
  ): Effect.fn.Return<
    Erased,
    SessionsUnavailable | SandboxError | SnapshotsUnavailable | FilesUnavailable,
    Sessions | Sandbox
  > {
    const sessions = yield* Sessions;
    const sandbox = yield* Sandbox;
    yield* sandbox.reset(owner);
    yield* (yield* SnapshotStore).erase(ownerKey(owner));
    const responses = yield* Effect.serviceOption(ResponseStore);
    if (Option.isSome(responses)) yield* responses.value.erase(ownerKey(owner));
    const conversations = yield* Effect.serviceOption(ConversationStore);
    if (Option.isSome(conversations)) yield* conversations.value.erase(ownerKey(owner));
    yield* (yield* RunStore).erase(ownerKey(owner));
    const containers = yield* Effect.serviceOption(Containers);
    if (Option.isSome(containers)) yield* containers.value.erase(owner);
    const files = yield* Effect.serviceOption(Files);
    if (Option.isSome(files)) yield* files.value.erase(owner);
    let removed = 0;
    for (;;) {
      const left = yield* sessions.list(ownerKey(owner));
      if (left.length === 0) return { sessions: removed };
      for (const { key } of left) if (yield* sessions.remove(key)) removed++;
    }
  },
  Effect.withSpan("erase", {}, { captureStackTrace: false }),
);
