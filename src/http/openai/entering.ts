/**
 * What a request that wants a run passes before its body is read: a crowd, refused or let in, must cost those who are
 * there as little as it can.
 */
import { Effect } from "effect";
import { HttpServerRequest } from "effect/http";
import { principalName } from "../../domain/identity.ts";
import type { Runs } from "../../runs/Runs.ts";
import type { TooManyRequests } from "../../services/Limits.ts";
import { Caller } from "../frame/Caller.ts";
import { mayJoin } from "./attempt.ts";

/**
 * Looks for a place, as far as the headers tell whose run it would be, and waits for the request's turn.
 *
 * *Details*: a user counts where a proxy vouches for it; one that the body may name is counted when the run starts.
 * What may be a second try needs no place: it may join a run that has its own.
 *
 * *Fails with* `TooManyRequests` when no such run could begin now.
 */
export const enter = (
  runs: Runs["Service"],
): Effect.Effect<void, TooManyRequests, Caller | HttpServerRequest.HttpServerRequest> =>
  Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest.HttpServerRequest;
    const caller = yield* Caller;
    const principal = principalName(caller.identity.principal);
    if (!mayJoin(headers)) {
      const isVouchedFor = caller.identity.verifiedUser !== undefined;
      yield* runs.room({ principal, ...(isVouchedFor && { owner: caller.ownerOf() }) });
    }
    yield* runs.turn(principal);
  });
