/**
 * `POST` and `DELETE /ui/session`: signing the page in with a key, and out again.
 */
import { Effect, Schema } from "effect";
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http";
import { Identity } from "../../services/Identity.ts";
import { ForeignOrigin, isForeignPage } from "../../web/origins.ts";
import { InvalidRequest } from "../frame/errors.ts";
import { failed } from "../frame/respond.ts";
import { keyCharsMax, noCookie, SignIns } from "../frame/SignIns.ts";

const path = "/ui/session";

const decode = Schema.decodeUnknownEffect(
  Schema.Struct({ key: Schema.NonEmptyString.check(Schema.isMaxLength(keyCharsMax)) }),
);

const unreadable = () => new InvalidRequest({ param: "key", why: "Expected a key", code: "invalid_value" });

/** No page but the server's own may sign anybody in or out. */
const isElsewhere = (headers: Readonly<Record<string, string | undefined>>): boolean =>
  isForeignPage(headers, new Set<string>());

const done = (cookie: string) =>
  HttpServerResponse.jsonUnsafe({ object: "ui.session" }, {
    headers: { "set-cookie": cookie, "cache-control": "no-store" },
  });

/** The routes of signing in. */
export const make = Effect.gen(function* () {
  const identity = yield* Identity;
  const signIns = yield* SignIns;

  const signIn = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const { headers } = request;
    if (isElsewhere(headers)) return yield* new ForeignOrigin();
    const body = yield* Effect.mapError(request.json, unreadable);
    const { key } = yield* Effect.mapError(decode(body), unreadable);
    yield* identity.identify({ authorization: `Bearer ${key}`, host: headers["host"] });
    return done(yield* signIns.cookieOf(key, headers["x-forwarded-proto"] === "https"));
  }).pipe(Effect.catch((error) => Effect.succeed(failed(error))));

  const signOut = Effect.map(
    HttpServerRequest.HttpServerRequest,
    ({ headers }) => isElsewhere(headers) ? failed(new ForeignOrigin()) : done(noCookie),
  );

  return [HttpRouter.add("POST", path, signIn), HttpRouter.add("DELETE", path, signOut)] as const;
});
