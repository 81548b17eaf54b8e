/**
 * Live output of a command as progress notifications.
 */
import { Duration, Effect, Latch, type Scope } from "effect";
import type { ProgressToken } from "@modelcontextprotocol/sdk/types";
import type { McpCall } from "./Surface.ts";

/** Least time between two notifications: a program that prints byte by byte must not flood the client. */
const betweenNotifications = Duration.millis(100);

/** Characters that wait for the next notification; beyond them only the newest are kept. */
const pendingCharactersMax = 16 * 1024;

/** Takes live output; it never blocks. */
export type OutputListener = (stream: "stdout" | "stderr", text: string) => void;

/**
 * Makes a listener that turns output into notifications until the scope closes.
 *
 * *Details*: `progress` is the number of characters seen, so it always grows; `message` is the new
 * output itself. The result of the call holds the whole output, so what is still pending at the end is
 * not sent any more.
 */
export const makeProgress: (
  call: Pick<McpCall, "notify">,
  token: ProgressToken,
) => Effect.Effect<OutputListener, never, Scope.Scope> = Effect.fnUntraced(function* (call, token) {
  const arrived = yield* Latch.make();
  let pending = "";
  let seen = 0;

  const flush = Effect.suspend(() => {
    const message = pending;
    pending = "";
    arrived.closeUnsafe();
    return call.notify({ method: "notifications/progress", params: { progressToken: token, progress: seen, message } });
  });
  yield* Effect.forkScoped(
    Effect.forever(arrived.await.pipe(Effect.andThen(flush), Effect.andThen(Effect.sleep(betweenNotifications)))),
  );

  return (_stream, text) => {
    seen += text.length;
    pending = (pending + text).slice(-pendingCharactersMax);
    arrived.openUnsafe();
  };
});
