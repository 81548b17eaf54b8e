/**
 * Who calls the MCP server, told from a request's headers under the identity rule.
 */
import { Context, Effect, Layer } from "effect";
import { Settings } from "../config.ts";
import { connectionOwner } from "../domain/identity.ts";
import type { Owner } from "../domain/Owner.ts";
import { Identity, type IdentityUnavailable, type Unauthorized } from "../services/Identity.ts";
import { ephemeralHeader } from "../services/toolServerCaller.ts";
import { userInHeaders, userNameMax } from "../web/userHeaders.ts";
import { HeaderRefused } from "./errors.ts";

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
  /** Who it is, as the log says it. */
  readonly shown: string;
}

/** What the identity of callers is asked for. */
export interface CallersService {
  /**
   * Names the caller of a request.
   *
   * *Fails with* `Unauthorized`, with `HeaderRefused` for an unusable user name, and with
   * `IdentityUnavailable` when no credential can be checked at the moment.
   */
  readonly of: (headers: Headers) => Effect.Effect<Caller, Unauthorized | HeaderRefused | IdentityUnavailable>;
}

type Headers = Readonly<Record<string, string | undefined>>;

/**
 * The one-request user of a name: an owner apart from the lasting user of that name, whose files would
 * otherwise end with it. No header can hold the character that keeps the two apart.
 */
const oneRequestUser = (user: string): string => `once\u0000${user}`;

/** Tells who calls. */
export class Callers extends Context.Service<Callers, CallersService>()("caisson/mcp/Callers") {
  /** Callers by credential, subdivided by the user that their headers name; the others by `CAISSON_UNNAMED`. */
  static readonly layer: Layer.Layer<Callers, never, Identity | Settings> = Layer.effect(
    Callers,
    Effect.gen(function* () {
      const identity = yield* Identity;
      const { unnamed } = yield* Settings;
      return Callers.of({
        of: Effect.fnUntraced(function* (headers) {
          const named = userInHeaders(headers);
          // Refused before anything is keyed by it.
          if (named !== undefined && named.name.length > userNameMax) {
            return yield* new HeaderRefused({ header: named.header });
          }
          const identified = yield* identity.identify({
            authorization: headers["authorization"],
            forwardedUserJwt: headers["x-openwebui-user-jwt"],
          }).pipe(
            Effect.tapErrorTag("IdentityUnavailable", (error) => Effect.logError(error.message, error)),
          );
          const lasting = connectionOwner(identified, { xUserId: named?.name }, unnamed);
          const owner = lasting.ephemeral || headers[ephemeralHeader] !== "true"
            ? lasting
            : { ...lasting, user: oneRequestUser(lasting.user), ephemeral: true };
          const { name } = identified.principal;
          const shown = lasting.ephemeral ? name : `${name}/${lasting.user}`;
          return { owner, shown, claim: JSON.stringify([owner.principal, lasting.ephemeral ? null : owner.user]) };
        }),
      });
    }),
  );
}
