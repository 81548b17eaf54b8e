/**
 * Erases everything that is kept about a user: sessions, stored responses, sandbox and workspace.
 *
 *   deno task erase PRINCIPAL [USER]
 *
 * `scripts/cli/commands.ts` has checked the line.
 */
import { Effect, Layer } from "effect";
import { erase } from "../src/runs/erase.ts";
import { responses, sandbox, sessions } from "../src/app.ts";
import type { ConfigurationRefused } from "../src/config.ts";
import type { SandboxError } from "../src/services/Sandbox.ts";
import type { SessionsUnavailable } from "../src/services/Sessions.ts";
import { settingsLayer } from "./settings.ts";

/** What stood in the way, and what to do about it. */
const messageOf = (error: ConfigurationRefused | SandboxError | SessionsUnavailable): string => {
  if (error._tag === "ConfigurationRefused") return error.message;
  const said = `${error.message}: ${error.detail}`;
  return error._tag === "SandboxError" && error.reason._tag === "StartFailed"
    ? `${said}\nA running server holds this user's sandbox. Stop the server, or wait until the sandbox is idle for ` +
      "CAISSON_SANDBOX_IDLE_SECONDS, and erase again."
    : said;
};

const [principal = "", user = ""] = Deno.args;

if (principal === "anonymous" && user === "") {
  console.error("anonymous has no default user: name the user whose data is to be erased");
  Deno.exitCode = 2;
} else {
  const erased = erase({ principal, user, ephemeral: false }).pipe(
    Effect.provide(Layer.provide(Layer.mergeAll(sandbox, sessions, responses), settingsLayer)),
  );
  Deno.exitCode = await Effect.runPromise(
    Effect.match(erased, {
      onSuccess: (done) => {
        console.log(`erased ${done.sessions} sessions and the workspace of ${principal} ${JSON.stringify(user)}`);
        return 0;
      },
      onFailure: (error) => {
        console.error(messageOf(error));
        return 1;
      },
    }),
  );
}
