/**
 * Signed tokens: JSON Web Tokens checked by `jose`, with pinned algorithms.
 *
 * The library is loaded only when a secret or a key set is configured.
 */
import { DateTime, Effect, Option, Schema } from "effect";
import type { JWTVerifyGetKey, JWTVerifyOptions } from "jose";
import { IdentityUnavailable, Unauthorized } from "../../services/Identity.ts";

/** Clocks of two machines may differ by this many seconds. */
const clockToleranceSeconds = 5;

/** Wait for a provider's key set, in milliseconds. */
const keySetTimeoutMs = 5_000;

/** Characters of a token that is looked at: real ones are far shorter. */
const tokenLengthMax = 8_192;

/** How a kind of token is signed and what it must claim; an absent `audience` is not checked. */
export interface TokenRules {
  readonly key: { readonly _tag: "Secret"; readonly secret: string } | {
    readonly _tag: "KeySet";
    readonly url: string;
  };
  readonly issuer: string;
  readonly audience?: string;
}

/** Checks a token and returns its subject. */
export type VerifyToken = (token: string) => Effect.Effect<string, Unauthorized | IdentityUnavailable>;

/** A shared secret allows HS256 only, a key set asymmetric algorithms only: neither can stand in for the other. */
const algorithms = {
  Secret: ["HS256"],
  KeySet: ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"],
} as const;

const decodeSubject = Schema.decodeUnknownOption(Schema.Struct({ sub: Schema.NonEmptyString }));

/** Whether a presented credential has the shape of a signed token. */
export const looksLikeToken = (text: string): boolean =>
  text.length <= tokenLengthMax && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);

/** Makes the check of one kind of token. */
export const makeVerifyToken = Effect.fnUntraced(function* (rules: TokenRules) {
  const jose = yield* Effect.promise(() => import("jose"));
  const secret = rules.key._tag === "Secret" ? new TextEncoder().encode(rules.key.secret) : undefined;
  const keySet = rules.key._tag === "KeySet"
    ? jose.createRemoteJWKSet(new URL(rules.key.url), { timeoutDuration: keySetTimeoutMs })
    : undefined;
  const key: JWTVerifyGetKey = (header, token) => {
    if (secret !== undefined) return secret;
    if (keySet !== undefined) return keySet(header, token);
    throw new jose.errors.JWKSNoMatchingKey();
  };

  const classify = (cause: unknown): Unauthorized | IdentityUnavailable => {
    if (cause instanceof jose.errors.JWTExpired) return new Unauthorized({ reason: "Expired" });
    const refused = cause instanceof jose.errors.JOSEError && !(cause instanceof jose.errors.JWKSTimeout) &&
      !(cause instanceof jose.errors.JWKSInvalid) && cause.code !== jose.errors.JOSEError.code;
    return refused
      ? new Unauthorized({ reason: "Invalid" })
      : new IdentityUnavailable({ source: "jwks", detail: "the key set could not be fetched", cause });
  };

  const verify: VerifyToken = Effect.fnUntraced(function* (token) {
    if (!looksLikeToken(token)) return yield* new Unauthorized({ reason: "Invalid" });
    const options: JWTVerifyOptions = {
      algorithms: [...algorithms[rules.key._tag]],
      issuer: rules.issuer,
      ...(rules.audience === undefined ? {} : { audience: rules.audience }),
      requiredClaims: ["exp", "sub"],
      clockTolerance: clockToleranceSeconds,
      currentDate: DateTime.toDateUtc(yield* DateTime.now),
    };
    const { payload } = yield* Effect.tryPromise({ try: () => jose.jwtVerify(token, key, options), catch: classify });
    const subject = decodeSubject(payload);
    return Option.isSome(subject) ? subject.value.sub : yield* new Unauthorized({ reason: "Invalid" });
  });
  return verify;
});
