/**
 * Who sends a request, and for which user: told once, before any endpoint is asked.
 */
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect";
import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api";
import { HttpServerRequest } from "effect/http";
import { Settings, type SettingsService } from "../../config.ts";
import { type Identity as Identified, namesUser, ownerOf, type UserClaims } from "../../domain/identity.ts";
import type { Owner } from "../../domain/Owner.ts";
import { Identity, type IdentityService, Unauthorized } from "../../services/Identity.ts";
import { ForeignOrigin, isForeignPage, originsOf } from "../../web/origins.ts";
import { userInHeaders, userNameMax } from "../../web/userHeaders.ts";
import { InvalidRequest } from "./errors.ts";
import { failsWith } from "./failures.ts";
import { RequestNotes } from "./RequestNotes.ts";
import { SignIns, type SignInsService } from "./SignIns.ts";

/** A user's name in a query. */
export const UserName = Schema.String.check(Schema.isMaxLength(userNameMax)).annotate({
  description: "The user within the caller's own key. Absent: the header x-user-id, then the key's default user.",
});

/** The users that a body or a query names. */
export interface NamedUsers {
  readonly user?: string | null | undefined;
  readonly safety_identifier?: string | null | undefined;
}

/** What is known of who sends a request. */
export interface CallerService {
  readonly identity: Identified;
  /** The owner that the request acts for, within the caller's principal. */
  readonly ownerOf: (named?: NamedUsers) => Owner;
  /** Whether the request names a user: in its body or query, in a header, or by a proxy's signature. */
  readonly namesUser: (named?: NamedUsers) => boolean;
}

/** The sender of the current request. */
export class Caller extends Context.Service<Caller, CallerService>()("caisson/http/Caller") {}

/** The credential of this server, as the contract describes it. */
const bearer = HttpApiSecurity.bearer.pipe(
  HttpApiSecurity.annotate(OpenApi.Description, "An API key of this server, or a signed JWT."),
);

/** What asking who calls can fail with. */
const refusals = failsWith("InvalidRequest", "Unauthorized", "ForeignOrigin", "IdentityUnavailable", "InternalError");

/** Lets nobody in without a credential where one is needed, and provides the {@link Caller}. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: Caller }>()(
  "caisson/http/Authorization",
  { security: { bearer }, error: refusals },
) {}

/** How a file is asked for: by its owner, or with a signed link. */
export type Access =
  | { readonly _tag: "Caller"; readonly caller: CallerService }
  | { readonly _tag: "Link"; readonly signature: string };

/** The right by which a file is asked for. */
export class FileAccess extends Context.Service<FileAccess, Access>()("caisson/http/FileAccess") {}

const link = HttpApiSecurity.apiKey({ key: "signature", in: "query" }).pipe(
  HttpApiSecurity.annotate(
    OpenApi.Description,
    "The signature of a link to a file; it opens that file until it expires.",
  ),
);

/** As {@link Authorization}, but a signed link is a credential too; its worth is for the endpoint to tell. */
export class FileAuthorization extends HttpApiMiddleware.Service<FileAuthorization, { provides: FileAccess }>()(
  "caisson/http/FileAuthorization",
  { security: { link, bearer }, error: refusals },
) {}

/** Nothing but the server's own page counts as such for a cookie. */
const noOthers: ReadonlySet<string> = new Set();

/**
 * The credential of a request: its header, or from the server's own page the cookie of a sign-in.
 *
 * *Details*: browsers add a cookie by themselves, so it counts only where the request is seen to be the page's own:
 * by `Sec-Fetch-Site`, or by a header that no other page can send unasked.
 */
const credentialOf = (signIns: SignInsService, headers: Readonly<Record<string, string | undefined>>) => {
  const given = headers["authorization"];
  const isOwnPage = !isForeignPage(headers, noOthers) &&
    (headers["sec-fetch-site"] === "same-origin" || headers["x-user-id"] !== undefined);
  return given !== undefined || !isOwnPage
    ? Effect.succeed(given)
    : Effect.map(signIns.keyIn(headers["cookie"]), (key) =>
      Option.getOrUndefined(Option.map(key, (known) => `Bearer ${known}`)));
};

/**
 * Identifies the sender of a request.
 *
 * *Details*: where nobody needs a credential, a web page of another origin is refused whatever it asks.
 */
const identify = Effect.fnUntraced(function* (
  identity: IdentityService,
  signIns: SignInsService,
  allowedOrigins: ReadonlySet<string>,
  { unnamed, insecure }: Pick<SettingsService, "unnamed" | "insecure">,
) {
  const { headers } = yield* HttpServerRequest.HttpServerRequest;
  const who = yield* identity.identify({
    authorization: yield* credentialOf(signIns, headers),
    forwardedUserJwt: headers["x-openwebui-user-jwt"],
    host: headers["host"],
  });
  const notes = yield* RequestNotes;
  notes.user = who.principal.name;
  // A stranger's trace is not ours to continue: whoever reaches an open door could choose what is kept.
  if (who.principal.kind !== "anonymous" || !insecure) notes.span?.adopt();
  if (identity.anonymous && isForeignPage(headers, allowedOrigins)) return yield* new ForeignOrigin();
  const headerUser = userInHeaders(headers);
  if (headerUser !== undefined && headerUser.name.length > userNameMax) {
    return yield* new InvalidRequest({
      param: headerUser.header,
      why: `Expected a user's name of at most ${userNameMax} characters`,
      code: "invalid_value",
    });
  }
  const claimsOf = (named: NamedUsers): UserClaims => ({
    user: named.user,
    safetyIdentifier: named.safety_identifier,
    xUserId: headerUser?.name,
  });
  const caller: CallerService = {
    identity: who,
    ownerOf: (named = {}) => ownerOf(who, claimsOf(named), unnamed),
    namesUser: (named = {}) => namesUser(who, claimsOf(named)),
  };
  return caller;
});

/** Both middlewares over the Identity port. */
export const layer = Layer.unwrap(Effect.gen(function* () {
  const identity = yield* Identity;
  const settings = yield* Settings;
  const known = identify(identity, yield* SignIns, originsOf(settings.corsOrigins), settings);
  return Layer.mergeAll(
    Layer.succeed(
      Authorization,
      Authorization.of({
        bearer: (app) => Effect.flatMap(known, (caller) => Effect.provideService(app, Caller, caller)),
      }),
    ),
    Layer.succeed(
      FileAuthorization,
      FileAuthorization.of({
        link: (app, { credential }) => {
          const signature = Redacted.value(credential);
          return signature === ""
            ? Effect.fail(new Unauthorized({ reason: "Missing" }))
            : Effect.provideService(app, FileAccess, { _tag: "Link", signature });
        },
        bearer: (app) =>
          Effect.flatMap(known, (caller) => Effect.provideService(app, FileAccess, { _tag: "Caller", caller })),
      }),
    ),
  );
}));
