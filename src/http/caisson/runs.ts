/**
 * `/v1/runs`: the runs of a user that go on, or that ended lately, to look at, to hear and to end.
 *
 * They are of this process; another's run does not exist: its id is answered 404 like any other that is not there.
 */
import { Duration, Effect, Option, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import { Settings } from "../../config.ts";
import type { KnownRun } from "../../runs/KnownRun.ts";
import { Runs } from "../../runs/Runs.ts";
import { Converter } from "../../services/Converter.ts";
import { Caller, UserName } from "../frame/Caller.ts";
import { RunNotFound } from "../frame/errors.ts";
import { refused } from "../frame/respond.ts";
import { streamed } from "../openai/chat/answer.ts";

// Wire -------------------------------------------------------------------------------------------

/** How a run stands. */
const RunStatus = Schema.Literals(["in_progress", "completed", "cancelled", "failed"]);

/** A run. */
export const RunOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("run"),
  status: RunStatus,
  session: Schema.NullOr(Schema.String).annotate({ description: "Null until the run has its place." }),
  turn: Schema.NullOr(Schema.String).annotate({ description: "The id under which the turn is stored." }),
  parent: Schema.NullOr(Schema.String),
  model: Schema.String,
  input: Schema.String.annotate({ description: "The beginning of what the user said." }),
  started_at_ms: Schema.Number,
  ended_at_ms: Schema.NullOr(Schema.Number),
}).annotate({ identifier: "Run" });

/** Runs, in the order they were started. */
export const RunList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(RunOut),
}).annotate({ identifier: "ListRunsResponse" });

/** The query of a list of runs. */
export const RunsQuery = {
  user: Schema.optionalKey(UserName),
  status: Schema.optionalKey(RunStatus),
  session: Schema.optionalKey(Schema.String),
};

interface UserQuery {
  readonly user?: string;
}

const runOut = (run: KnownRun): typeof RunOut.Type => ({
  id: run.id,
  object: "run",
  status: run.status,
  session: run.session ?? null,
  turn: run.turn ?? null,
  parent: run.parent,
  model: run.model,
  input: run.input,
  started_at_ms: run.startedAtMs,
  ended_at_ms: run.endedAtMs ?? null,
});

/** A response's id names its run too, as clients know it. */
const runIdOf = (id: string): string => id.startsWith("chatcmpl-") ? id.slice("chatcmpl-".length) : id;

/** The number of the last frame that a client has, 0 when it has none. */
const lastFrameOf = (header: string | undefined): number =>
  header !== undefined && /^\d{1,9}$/.test(header) ? Number(header) : 0;

// Handlers ---------------------------------------------------------------------------------------

/** Builds the handlers of the runs' endpoints. */
export const make = Effect.gen(function* () {
  const converter = yield* Converter;
  const runs = yield* Runs;
  const keepAlive = Duration.seconds((yield* Settings).keepAliveSeconds);

  const known = (id: string, found: Option.Option<KnownRun>) =>
    Option.match(found, {
      onNone: () => Effect.fail(new RunNotFound({ id })),
      onSome: (run) => Effect.succeed(runOut(run)),
    });

  const list = Effect.fnUntraced(function* (query: {
    readonly user?: string;
    readonly status?: KnownRun["status"];
    readonly session?: string;
  }) {
    const found = yield* runs.list((yield* Caller).ownerOf(query));
    const wanted = found.filter((run) =>
      (query.status === undefined || run.status === query.status) &&
      (query.session === undefined || run.session === query.session)
    );
    return { object: "list", data: wanted.map(runOut) } satisfies typeof RunList.Type;
  });

  const show = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    return yield* known(id, yield* runs.find((yield* Caller).ownerOf(query), runIdOf(id)));
  });

  const cancel = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    return yield* known(id, yield* runs.cancel((yield* Caller).ownerOf(query), runIdOf(id)));
  });

  /** The run in the view `events`, from behind `Last-Event-ID`; it goes on whether or not it is heard. */
  const events = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const { headers } = yield* HttpServerRequest.HttpServerRequest;
    const owner = (yield* Caller).ownerOf(query);
    const [run, about] = [yield* runs.listen(owner, runIdOf(id)), yield* runs.find(owner, runIdOf(id))];
    if (Option.isNone(run) || Option.isNone(about)) return yield* refused(new RunNotFound({ id }));
    const options = {
      view: "events",
      id: `chatcmpl-${run.value.id}`,
      createdSeconds: run.value.createdSeconds,
      model: about.value.model,
      includeUsage: false,
      answerOnly: false,
    } as const;
    const answer = streamed(run.value, converter, options, keepAlive, lastFrameOf(headers["last-event-id"]));
    return yield* Effect.catch(answer, (error) => refused(error));
  });

  return { list, show, cancel, events };
});
