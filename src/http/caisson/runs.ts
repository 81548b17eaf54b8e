/**
 * `/v1/runs`: the runs of a user that go on, to look at, to hear and to end; and those that have ended, to see what
 * happened in them.
 *
 * Another's run does not exist: its id is answered 404 like any other that is not there. A run that goes on is of the
 * process that is asked.
 */
import { Duration, Effect, Option, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import { Settings } from "../../config.ts";
import { ownerKey } from "../../domain/ids.ts";
import { firstWords } from "../../domain/Session.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import type { RunHistory } from "../../domain/RunHistory.ts";
import { Runs } from "../../runs/Runs.ts";
import { Converter } from "../../services/Converter.ts";
import { RunStore } from "../../services/RunStore.ts";
import { Sessions } from "../../services/Sessions.ts";
import { Caller, UserName } from "../frame/Caller.ts";
import { RunNotFound } from "../frame/errors.ts";
import { refused } from "../frame/respond.ts";
import { streamed } from "../openai/chat/answer.ts";
import { detailOut, type RunList, runOut, RunStatus } from "./runWire.ts";

/** Runs of a list where no number is given, and at most. */
const listed = { usual: 100, most: 1_000 } as const;

/** The query of a list of runs. */
export const RunsQuery = {
  user: Schema.optionalKey(UserName),
  status: Schema.optionalKey(RunStatus),
  session: Schema.optionalKey(Schema.String),
  limit: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^(?:[1-9]\d{0,2}|1000)$/)).annotate({
      description: `The newest so many, at most ${listed.most}; ${listed.usual} where it is absent.`,
    }),
  ),
};

/** The query of one run. */
export const RunQuery = {
  user: Schema.optionalKey(UserName),
  include: Schema.optionalKey(Schema.Literal("content")).annotate({
    description: "`content`: what was said and run too, as long as the session remembers it.",
  }),
};

interface UserQuery {
  readonly user?: string;
}

interface OneQuery extends UserQuery {
  readonly include?: "content";
}

interface ListQuery extends UserQuery {
  readonly status?: RunHistory["status"];
  readonly session?: string;
  readonly limit?: string;
}

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
  const store = yield* RunStore;
  const sessions = yield* Sessions;
  const keepAlive = Duration.seconds((yield* Settings).keepAliveSeconds);

  const list = Effect.fnUntraced(function* ({ status, session, limit, ...query }: ListQuery) {
    const owner = (yield* Caller).ownerOf(query);
    const count = limit === undefined ? listed.usual : Number(limit);
    const found = new Map<string, ReturnType<typeof runOut>>();
    for (const run of yield* store.list(ownerKey(owner), { status, session, limit: count })) {
      found.set(run.id, runOut(run));
    }
    for (const { id, input } of yield* runs.list(owner)) {
      const history = Option.getOrUndefined(yield* runs.history(owner, id));
      if (history !== undefined) found.set(id, runOut(history, input));
    }
    const wanted = [...found.values()].filter((run) =>
      (status === undefined || run.status === status) && (session === undefined || run.session === session)
    ).sort((left, right) => left.started_at_ms - right.started_at_ms);
    return { object: "list", data: wanted.slice(-count) } satisfies typeof RunList.Type;
  });

  /** The turn of a run as its session remembers it; none where that is over. */
  const storedTurn = Effect.fnUntraced(function* (owner: OwnerKey, { session, turn }: RunHistory) {
    if (session === undefined || turn === undefined) return Option.none();
    const { turns } = yield* sessions.load({ owner, id: session });
    return Option.fromUndefinedOr(turns.find(({ id }) => id === turn));
  });

  const show = Effect.fnUntraced(function* (given: string, { include, ...query }: OneQuery) {
    const owner = (yield* Caller).ownerOf(query);
    const key = ownerKey(owner);
    const id = runIdOf(given);
    const live = yield* runs.history(owner, id);
    const found = Option.isSome(live) ? live : yield* store.find(key, id);
    if (Option.isNone(found)) return yield* new RunNotFound({ id: given });
    const known = Option.getOrUndefined(yield* runs.find(owner, found.value.id));
    const stored = include === "content" ? yield* storedTurn(key, found.value) : Option.none();
    const input = known?.input ?? Option.getOrElse(Option.map(stored, firstWords), () => "");
    return detailOut(found.value, input, stored);
  });

  const cancel = Effect.fnUntraced(function* (given: string, query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    const id = runIdOf(given);
    const cancelled = yield* runs.cancel(owner, id);
    const history = yield* runs.history(owner, id);
    const remembered = Option.isSome(history) || Option.isNone(cancelled)
      ? history
      : yield* store.find(ownerKey(owner), id);
    if (Option.isNone(cancelled) || Option.isNone(remembered)) return yield* new RunNotFound({ id: given });
    return runOut(remembered.value, cancelled.value.input);
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
