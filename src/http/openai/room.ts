/**
 * Refusing a request for whose run there is no place, before its body is read: a crowd that is refused must cost
 * those who are there as little as it can.
 */
import { Effect } from "effect";
import { HttpServerRequest } from "effect/http";
import { principalName } from "../../domain/identity.ts";
import type { Runs } from "../../runs/Runs.ts";
import type { TooManyRequests } from "../../services/Limits.ts";
import { Caller } from "../frame/Caller.ts";
import { mayJoin } from "./attempt.ts";

/**
 * Looks for a place, as far as the headers tell whose run it would be.
 *
 * *Details*: a user counts where a proxy vouches for it; one that the body may name is counted when the run starts.
 * What may be a second try passes: it may join a run that has its place.
 *
 * *Fails with* `TooManyRequests` when no such run could begin now.
 */
export const hasRoom = (
  runs: Runs["Service"],
): Effect.Effect<void, TooManyRequests, Caller | HttpServerRequest.HttpServerRequest> =>
  Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest.HttpServerRequest;
    if (mayJoin(headers)) return;
    const caller = yield* Caller;
    const { principal, verifiedUser } = caller.identity;
    yield* runs.room({
      principal: principalName(principal),
      ...(verifiedUser !== undefined && { owner: caller.ownerOf() }),
    });
  });
