/**
 * Stored responses: fetched, heard again, cancelled and deleted.
 *
 * A response is its owner's alone; another's id is answered 404 like any other that is not there.
 */
import { Clock, Duration, Effect, Option, Schema, Stream } from "effect";
import { Settings } from "../../../config.ts";
import { ownerKey } from "../../../domain/ids.ts";
import { eventsOf } from "../../../domain/keptEvents.ts";
import type { Owner } from "../../../domain/Owner.ts";
import { Runs } from "../../../runs/Runs.ts";
import { ResponseStore, type StoredResponse } from "../../../services/ResponseStore.ts";
import { sse } from "../../../web/sse.ts";
import { Caller } from "../../frame/Caller.ts";
import { InvalidRequest, ResponseNotFound } from "../../frame/errors.ts";
import { ErrorEnvelope } from "../../frame/reply.ts";
import { json, refused } from "../../frame/respond.ts";
import { Sessions } from "../../../services/Sessions.ts";
import { pageOf, type PageQuery, type UserQuery } from "../listPage.ts";
import type { ResponseDeleted } from "./contract.ts";
import { ResponseDialect } from "./dialect.ts";
import { lostBody } from "./lost.ts";
import { keeperOf } from "./read.ts";
import { framesAfter, streamed } from "./stream.ts";
import { sealerOf } from "./thoughts.ts";
import type { JsonObject } from "./wire.ts";

const decodeError = Schema.decodeUnknownOption(ErrorEnvelope.fields.error);

interface StreamQuery extends UserQuery {
  readonly stream?: "true" | "false";
  readonly starting_after?: number;
}
/** Tools that stood among the input of a stored response. */
const furtherOf = (input: ReadonlyArray<JsonObject>): ReadonlyArray<JsonObject> =>
  input.flatMap(({ type, tools }) =>
    type === "additional_tools" && Array.isArray(tools)
      ? tools.filter((tool): tool is JsonObject => typeof tool === "object" && tool !== null && !Array.isArray(tool))
      : []
  );

/** A stored response as it began. */
const begunOf = (body: JsonObject): JsonObject => ({
  ...body,
  status: "in_progress",
  output: [],
  usage: null,
  error: null,
  incomplete_details: null,
  completed_at: null,
});

/** The events of a response that has ended; one whose events are not kept has only its end. */
const again = (dialect: ResponseDialect, response: StoredResponse, body: JsonObject, after: number) => {
  const told = [...dialect.begin(), ...eventsOf(response.events ?? []).flatMap((event) => dialect.step(event))];
  const failure = body["status"] === "failed" ? decodeError(body["error"]) : Option.none();
  const ending = Option.isSome(failure) ? dialect.fail(failure.value) : [];
  return sse(Stream.make(framesAfter([...told, ...ending], after)));
};

/** Builds the handlers of what is stored. */
export const makeStored = Effect.gen(function* () {
  const runs = yield* Runs;
  const store = yield* ResponseStore;
  const { secret } = yield* Sessions;
  const keepAlive = Duration.seconds((yield* Settings).keepAliveSeconds);

  const ownerOf = (query: UserQuery) => Effect.map(Caller, (caller) => keeperOf(caller, query));

  /** The id of the run that makes a response now, in this process. */
  const runOf = (owner: Owner, id: string) =>
    Effect.map(
      runs.list(owner),
      (known) => known.find((run) => run.turn === id && run.status === "in_progress")?.id,
    );

  const stored = Effect.fnUntraced(function* (owner: Owner, id: string) {
    const found = yield* store.find(ownerKey(owner), id);
    if (Option.isNone(found)) return yield* new ResponseNotFound({ id });
    return found.value;
  });

  /** A response as it is now: one whose instance is no more has failed. */
  const bodyOf = ({ body, aliveUntilMs }: StoredResponse) =>
    Effect.map(Clock.currentTimeMillis, (nowMs) => aliveUntilMs > 0 && aliveUntilMs < nowMs ? lostBody(body) : body);

  /** A dialect that tells a response anew as it was told. */
  const dialectOf = Effect.fnUntraced(function* (owner: Owner, { input, isSealed }: StoredResponse, begun: JsonObject) {
    const seal = isSealed === true ? sealerOf(yield* secret, ownerKey(owner)) : undefined;
    return new ResponseDialect(begun, furtherOf(input), seal);
  });

  const retrieve = Effect.fnUntraced(function* (id: string, query: StreamQuery) {
    const owner = yield* ownerOf(query);
    const response = yield* stored(owner, id);
    const body = yield* bodyOf(response);
    if (query.stream !== "true") return json(body);
    const after = query.starting_after ?? -1;
    const run = response.aliveUntilMs === 0 ? undefined : yield* runOf(owner, id);
    const heard = run === undefined ? Option.none() : yield* runs.listen(owner, run);
    const dialect = yield* dialectOf(owner, response, Option.isNone(heard) ? begunOf(body) : body);
    if (Option.isNone(heard)) return again(dialect, response, body, after);
    return yield* Effect.catch(
      streamed(heard.value, dialect, keepAlive, after),
      (error) => refused(error),
    );
  });

  const cancel = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const owner = yield* ownerOf(query);
    const response = yield* stored(owner, id);
    if (response.body["background"] !== true) {
      return yield* new InvalidRequest({ param: null, why: "Cannot cancel a synchronous response.", code: null });
    }
    const nowMs = yield* Clock.currentTimeMillis;
    const run = yield* runOf(owner, id);
    if (run !== undefined) yield* runs.cancel(owner, run);
    else if (response.aliveUntilMs > nowMs) {
      // Another instance makes it, and finds that it was ended.
      const body = { ...response.body, status: "cancelled" };
      yield* store.put(ownerKey(owner), { ...response, body, aliveUntilMs: 0 });
    }
    return yield* bodyOf(yield* stored(owner, id));
  });

  const remove = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const owner = yield* ownerOf(query);
    const run = yield* runOf(owner, id);
    if (run !== undefined) yield* runs.cancel(owner, run);
    if (!(yield* store.remove(ownerKey(owner), id))) return yield* new ResponseNotFound({ id });
    return { id, object: "response", deleted: true } satisfies typeof ResponseDeleted.Type;
  });

  const inputItems = Effect.fnUntraced(function* (id: string, query: PageQuery) {
    const { input } = yield* stored(yield* ownerOf(query), id);
    return yield* pageOf(input, query);
  });

  return { retrieve, cancel, remove, inputItems };
});
