/**
 * `GET /v1/sessions/{id}/executions`: every command and file operation that ran in a session.
 */
import { Effect, Option, Schema } from "effect";
import { type ExecutionRecord, executionsOf } from "./executionHistory.ts";
import { ownerKey } from "../../domain/ids.ts";
import { Sessions } from "../../services/Sessions.ts";
import { Caller } from "../frame/Caller.ts";
import { SessionNotFound } from "../frame/errors.ts";

/** One call of a tool, with how a command ended. */
const ExecutionOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("execution"),
  turn: Schema.String,
  tool: Schema.String,
  command: Schema.NullOr(Schema.String).annotate({ description: "The command of execute_bash, null for other tools." }),
  code: Schema.NullOr(Schema.String).annotate({ description: "The code of execute_python, null for other tools." }),
  arguments: Schema.String,
  exit_code: Schema.NullOr(Schema.Int),
  stdout: Schema.NullOr(Schema.String),
  stderr: Schema.NullOr(Schema.String),
  flags: Schema.Array(Schema.Literals(["timed_out", "truncated", "oom_killed"])),
  result: Schema.String.annotate({ description: "What the model read." }),
  is_error: Schema.Boolean,
  started_at_ms: Schema.Number,
  duration_ms: Schema.Number,
}).annotate({ identifier: "Execution" });

/** What ran in a session, in the order it ran. */
export const ExecutionList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(ExecutionOut),
}).annotate({ identifier: "ListExecutionsResponse" });

const flags = ["timed_out", "truncated", "oom_killed"] as const;

const shown = (record: ExecutionRecord): typeof ExecutionOut.Type => {
  const outcome = Option.getOrUndefined(record.outcome);
  return {
    id: record.callId,
    object: "execution",
    turn: record.turn,
    tool: record.tool,
    command: Option.getOrNull(record.command),
    code: Option.getOrNull(record.code),
    arguments: record.argumentsJson,
    exit_code: outcome !== undefined && "exit_code" in outcome ? outcome.exit_code : null,
    stdout: outcome?.stdout ?? null,
    stderr: outcome?.stderr ?? null,
    flags: flags.filter((flag) => outcome?.[flag] === true),
    result: record.result,
    is_error: record.isError,
    started_at_ms: record.startedAtMs,
    duration_ms: record.durationMs,
  };
};

/** Builds the handler of the endpoint. */
export const make = Effect.gen(function* () {
  const sessions = yield* Sessions;

  return Effect.fnUntraced(function* (id: string, query: { readonly user?: string }) {
    const owner = ownerKey((yield* Caller).ownerOf(query));
    const { turns } = yield* sessions.load({ owner, id });
    // Another's session is answered like one that never was.
    if (turns.length === 0) return yield* new SessionNotFound({ id });
    const body: typeof ExecutionList.Type = { object: "list", data: executionsOf(turns).map(shown) };
    return body;
  });
});
