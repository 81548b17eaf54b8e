/**
 * Erases everything that is kept about a user: sessions, stored responses, conversations, containers and files,
 * sandbox and workspace.
 *
 *   deno task erase PRINCIPAL [USER]
 *   deno task erase PRINCIPAL --conversation CALL_ID
 *
 * `scripts/cli/commands.ts` has checked the line.
 */
import { Effect, Layer, Option, Schema } from "effect";
import { erase } from "../src/runs/erase.ts";
import { conversationNamed } from "../src/runs/unnamedOwners.ts";
import { containers, conversations, files, responses, runStore, sandbox, sessions, snapshotStore } from "../src/app.ts";
import type { ConfigurationRefused, Settings } from "../src/config.ts";
import type { Owner } from "../src/domain/Owner.ts";
import type { FilesUnavailable } from "../src/services/FileStore.ts";
import type { SandboxError } from "../src/services/Sandbox.ts";
import type { SnapshotsUnavailable } from "../src/services/SnapshotStore.ts";
import type { Sessions, SessionsUnavailable } from "../src/services/Sessions.ts";
import { settingsLayer } from "./settings.ts";

/** What stood in the way, and what to do about it. */
const messageOf = (
  error:
    | ConfigurationRefused
    | SandboxError
    | SessionsUnavailable
    | SnapshotsUnavailable
    | FilesUnavailable
    | NoConversation,
): string => {
  if (error._tag === "ConfigurationRefused" || error._tag === "NoConversation") return error.message;
  const said = `${error.message}: ${error.detail}`;
  return error._tag === "SandboxError" && error.reason._tag === "StartFailed"
    ? `${said}\nA running server holds this user's sandbox. Stop the server, or wait until the sandbox is idle for ` +
      "CAISSON_SANDBOX_IDLE_SECONDS, and erase again."
    : said;
};

const [principal = "", user = "", call = ""] = Deno.args;

/** No conversation of the principal has a call of that id. */
class NoConversation extends Schema.TaggedError<NoConversation>()("NoConversation", { message: Schema.String }) {}

/** Whose data is erased: a user's, or a conversation's that names nobody. */
const named: Effect.Effect<Owner, NoConversation | SessionsUnavailable, Sessions | Settings> = call === ""
  ? Effect.succeed({ principal, user, ephemeral: false })
  : Effect.flatMap(
    conversationNamed(principal, call),
    Option.match({
      onSome: Effect.succeed,
      onNone: () => Effect.fail(new NoConversation({ message: `no conversation of ${principal} has a call ${call}` })),
    }),
  );

if (principal === "anonymous" && user === "" && call === "") {
  console.error("anonymous has no default user: name the user whose data is to be erased");
  Deno.exitCode = 2;
} else {
  const erased = Effect.flatMap(named, erase).pipe(
    Effect.provide(
      Layer.provideMerge(
        Layer.mergeAll(
          Layer.provideMerge(containers, Layer.merge(sandbox, sessions)),
          responses,
          conversations,
          files,
          runStore,
          snapshotStore,
        ),
        settingsLayer,
      ),
    ),
  );
  const whose = call === "" ? `${principal} ${JSON.stringify(user)}` : `the conversation of ${call}`;
  Deno.exitCode = await Effect.runPromise(
    Effect.match(erased, {
      onSuccess: (done) => {
        console.log(`erased ${done.sessions} sessions and the workspace of ${whose}`);
        return 0;
      },
      onFailure: (error) => {
        console.error(messageOf(error));
        return 1;
      },
    }),
  );
}
