/**
 * Who owns a request that names neither user nor session.
 */
import { Effect, Option, Redacted } from "effect";
import { Settings } from "../config.ts";
import {
  conversationKeys,
  conversationOfHistory,
  conversationOwner,
  issueCallId,
  newConversation,
  ownerOfCall,
} from "../domain/conversationIds.ts";
import { type Identity, principalName, unnamedOwner } from "../domain/identity.ts";
import type { Message } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import { Sessions, type SessionsUnavailable } from "../services/Sessions.ts";
import type { OwnConversation } from "../agent/OwnConversation.ts";

/** The owner of a request that names nobody, and the conversation that it is, if it is its own owner. */
export interface UnnamedOwner {
  readonly owner: Owner;
  readonly ownConversation?: OwnConversation;
}

/** Finds the owner of a request that names nobody. */
export type FindUnnamedOwner = (
  identity: Identity,
  messages: ReadonlyArray<Message>,
) => Effect.Effect<UnnamedOwner, SessionsUnavailable>;

/** The secret of this server that signs and seals: of the settings, else the session store's own. */
export const signingSecret = Effect.gen(function* () {
  const { linkSecret } = yield* Settings;
  const sessions = yield* Sessions;
  return Option.match(linkSecret, {
    onSome: (given) => Effect.succeed(Redacted.value(given)),
    onNone: () => sessions.secret,
  });
});

/**
 * The owner of the conversation that the id of one of its tool calls names, none for an id that was not issued to the
 * principal.
 *
 * *Fails with* `SessionsUnavailable` as {@link makeFindUnnamedOwner} does.
 */
export const conversationNamed = Effect.fnUntraced(function* (principal: string, callId: string) {
  const secret = yield* yield* signingSecret;
  return Option.fromUndefinedOr(ownerOfCall(conversationKeys(secret), principal, callId));
});

/**
 * Makes the finder that `CAISSON_UNNAMED` asks for.
 *
 * *Details*: a conversation is found by the ids that this server issued to its principal, and by nothing that was said.
 * The ids are good for as long as the session store, whose secret signs them; with `CAISSON_LINK_SECRET`, as long as
 * that.
 *
 * *Fails with* `SessionsUnavailable` when the store has to be asked for its secret and does not answer.
 */
export const makeFindUnnamedOwner = Effect.gen(function* () {
  const { unnamed } = yield* Settings;
  const secret = yield* signingSecret;
  // A store that does not answer is asked again by the next request.
  let known: ReturnType<typeof conversationKeys> | undefined;
  const keysOfSecret = Effect.map(secret, (text) => known = conversationKeys(text));

  const find: FindUnnamedOwner = Effect.fnUntraced(function* (identity, messages) {
    if (unnamed !== "conversation") return { owner: unnamedOwner(identity, unnamed) };
    const keys = known ?? (yield* keysOfSecret);
    const principal = principalName(identity.principal);
    const found = conversationOfHistory(keys, principal, messages);
    const conversation = found ?? newConversation();
    return {
      owner: conversationOwner(keys, principal, conversation),
      ownConversation: { isNew: found === undefined, issueCallId: () => issueCallId(keys, principal, conversation) },
    };
  });
  return find;
});
