/**
 * Who calls the MCP server, told from a request's headers under the identity rule.
 */
import { Context, Effect, Layer } from "effect";
import { ownerOf } from "../domain/identity.ts";
import type { Owner } from "../domain/Owner.ts";
import { Identity } from "../services/Identity.ts";
import { CredentialsUnavailable, HeaderRefused, Unauthenticated } from "./errors.ts";

/** One caller: whose sandbox is worked in, and what a session is bound to. */
export interface Caller {
  readonly owner: Owner;
  /**
   * What was claimed, as one text: a session answers only to the claim that opened it.
   *
   * A caller who names no user makes the same claim at every request, though the random user it is
   * given differs; the session keeps the first.
   */
  readonly claim: string;
}

/** What the identity of callers is asked for. */
export interface CallersService {
  /**
   * Names the caller of a request.
   *
   * *Fails with* `Unauthenticated`, with `HeaderRefused` for an unusable user name, and with
   * `CredentialsUnavailable` when no credential can be checked at the moment.
   */
  readonly of: (headers: Headers) => Effect.Effect<Caller, Unauthenticated | HeaderRefused | CredentialsUnavailable>;
}

type Headers = Readonly<Record<string, string | undefined>>;

/** Characters of a user name; longer ones are refused before anything is keyed by them. */
const userNameCharactersMax = 512;

/** A caller that itself serves a one-request user says so, and the sandbox ends with the session. */
export const ephemeralHeader = "x-caisson-ephemeral";

/** Tells who calls. */
export class Callers extends Context.Service<Callers, CallersService>()("caisson/mcp/Callers") {
  /** Callers by credential, subdivided by `x-user-id`. */
  static readonly layer: Layer.Layer<Callers, never, Identity> = Layer.effect(
    Callers,
    Effect.gen(function* () {
      const identity = yield* Identity;
      return Callers.of({
        of: Effect.fnUntraced(function* (headers) {
          const user = headers["x-user-id"];
          if (user !== undefined && user.length > userNameCharactersMax) {
            return yield* new HeaderRefused({ header: "x-user-id" });
          }
          const identified = yield* identity.identify({
            authorization: headers["authorization"],
            forwardedUserJwt: headers["x-openwebui-user-jwt"],
          }).pipe(
            Effect.catchTags({
              Unauthorized: () => new Unauthenticated(),
              IdentityUnavailable: (error) =>
                Effect.andThen(Effect.logError(error.message, error), new CredentialsUnavailable()),
            }),
          );
          const owner = ownerOf(identified, { xUserId: user });
          return {
            owner: { ...owner, ephemeral: owner.ephemeral || headers[ephemeralHeader] === "true" },
            claim: JSON.stringify([owner.principal, owner.ephemeral ? null : owner.user]),
          };
        }),
      });
    }),
  );
}
