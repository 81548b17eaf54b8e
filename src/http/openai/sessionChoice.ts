/**
 * Which session a request belongs to: the client names one, or the user's default session it is.
 *
 * A session is never guessed from what is said.
 */
import { Effect } from "effect";
import type { Headers } from "effect/http";
import { headerText } from "../../web/headerText.ts";
import type { ChatUi } from "../frame/chatUi.ts";
import { InvalidRequest } from "../frame/errors.ts";

/** The session a client named, and what that says about the client. */
export interface SessionChoice {
  readonly sessionId?: string;
  /** A chat UI named its chat: it always sends the whole conversation. */
  readonly sendsWholeHistory: boolean;
}

const sessionHeader = "x-session-id";
const sessionMetadata = "session_id";

/** Characters of a session's name; chat UIs use UUIDs. */
const sessionIdMax = 256;

const given = (value: string | undefined): string | undefined => (value?.trim() === "" ? undefined : value);

/**
 * Chooses by `x-session-id`, then `metadata.session_id`, then a chat UI's own chat id.
 *
 * *Fails with* `InvalidRequest` for a name that is too long.
 */
export const chooseSession = (
  headers: Headers.Headers,
  metadata: Readonly<Record<string, string>> | null | undefined,
  ui: ChatUi,
): Effect.Effect<SessionChoice, InvalidRequest> => {
  const sources = [
    [sessionHeader, given(headerText(headers[sessionHeader] ?? ""))],
    [`metadata.${sessionMetadata}`, given(metadata?.[sessionMetadata])],
    ["x-openwebui-chat-id", given(ui.chatId)],
  ] as const;
  const [param, sessionId] = sources.find(([, id]) => id !== undefined) ?? [];
  if (sessionId === undefined) return Effect.succeed({ sendsWholeHistory: false });
  if (sessionId.length > sessionIdMax) {
    return Effect.fail(
      new InvalidRequest({
        param: param ?? null,
        why: `Expected a session name of at most ${sessionIdMax} characters`,
        code: "invalid_value",
      }),
    );
  }
  return Effect.succeed({ sessionId, sendsWholeHistory: sessionId === ui.chatId });
};
