/**
 * Erasing an owner: everything that is kept about one user of one principal.
 */
import { Effect } from "effect";
import { ownerKey } from "../domain/ids.ts";
import type { Owner } from "../domain/Owner.ts";
import { Sandbox, type SandboxError } from "../services/Sandbox.ts";
import { Sessions, type SessionsUnavailable } from "../services/Sessions.ts";

/** What was erased. */
export interface Erased {
  readonly sessions: number;
}

/**
 * Removes an owner's sessions, sandbox and workspace.
 *
 * *Details*: it goes on until a list of the owner's sessions is empty, so a session that is stored
 * meanwhile is removed as well. Erasing again is harmless.
 *
 * *Fails with* `SessionsUnavailable` or `SandboxError`; what was erased until then stays erased.
 */
export const erase = Effect.fn("erase")(
  function* (owner: Owner): Effect.fn.Return<Erased, SessionsUnavailable | SandboxError, Sessions | Sandbox> {
    const sessions = yield* Sessions;
    const sandbox = yield* Sandbox;
    yield* sandbox.reset(owner);
    let removed = 0;
    for (;;) {
      const left = yield* sessions.list(ownerKey(owner));
      if (left.length === 0) return { sessions: removed };
      for (const { key } of left) if (yield* sessions.remove(key)) removed++;
    }
  },
);
