/**
 * Erases everything that is kept about a user: sessions, sandbox and workspace.
 *
 *   deno task erase PRINCIPAL [USER]
 */
import { Effect, Layer } from "effect";
import { erase } from "../src/runs/erase.ts";
import { sandbox, sessions } from "../src/app.ts";
import { settingsLayer } from "./settings.ts";

const usage = `usage: deno task erase PRINCIPAL [USER]

PRINCIPAL is api-key:NAME, jwt:SUBJECT or anonymous. Without USER, the principal's own default user is erased.`;

const [principal = "", user = "", ...rest] = Deno.args;
const isPrincipal = /^(?:(?:api-key|jwt):.+|anonymous)$/.test(principal);

if (!isPrincipal || rest.length > 0 || (principal === "anonymous" && user === "")) {
  console.error(usage);
  Deno.exitCode = 2;
} else {
  const erased = erase({ principal, user, ephemeral: false }).pipe(
    Effect.provide(Layer.provide(Layer.mergeAll(sandbox, sessions), settingsLayer)),
  );
  Deno.exitCode = await Effect.runPromise(
    Effect.match(erased, {
      onSuccess: (done) => {
        console.log(`erased ${done.sessions} sessions and the workspace of ${principal} ${JSON.stringify(user)}`);
        return 0;
      },
      onFailure: (error) => {
        console.error(error.message);
        return 1;
      },
    }),
  );
}
