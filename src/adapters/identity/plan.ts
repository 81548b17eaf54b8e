/**
 * What the settings ask of identity, checked as a whole before anything listens.
 */
import { Effect, Option, Redacted, Result } from "effect";
import { ConfigurationRefused, type SettingsService } from "../../config.ts";
import { isLoopback } from "../../domain/identity.ts";
import { type KeyDigest, parseKeys } from "./apiKeys.ts";
import { keyFilePath } from "./keyFile.ts";
import type { TokenRules } from "./tokens.ts";

/** Shortest secret for signed tokens, in bytes: as long as the digest it keys. */
const secretBytesMin = 32;

/** The issuer that Open WebUI writes into the tokens it forwards. */
const forwardedIssuer = "open-webui";

/** The file of keys: one that the settings name has to be there, the usual one may appear while the server runs. */
export interface KeyFilePlan {
  readonly path: string;
  readonly isNamed: boolean;
}

/** Every source of credentials that is configured. */
export interface Plan {
  readonly keys: ReadonlyArray<KeyDigest>;
  readonly keyFile: KeyFilePlan;
  readonly tokens: ReadonlyArray<TokenRules>;
  /** The rules of a trusted proxy's tokens. */
  readonly forwarded: TokenRules | undefined;
  /** Names of the keys whose bearers are trusted proxies. */
  readonly trusted: ReadonlySet<string>;
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

const secretOf = (value: Option.Option<Redacted.Redacted>): string | undefined =>
  Option.getOrUndefined(Option.map(value, Redacted.value));

const namesIn = (list: string): ReadonlySet<string> =>
  new Set(list.split(",").map((name) => name.trim()).filter((name) => name !== ""));

/** The settings of identity. */
type IdentitySettings = Pick<
  SettingsService,
  | "apiKeys"
  | "apiKeysFile"
  | "dataPath"
  | "forwardedUserJwtSecret"
  | "insecure"
  | "jwksUrl"
  | "jwtAudience"
  | "jwtIssuer"
  | "jwtSecret"
  | "trustedProxyKeys"
>;

/** Reads the settings of identity. *Fails with* `ConfigurationRefused`, naming everything wrong at once. */
export const planOf = (settings: IdentitySettings): Effect.Effect<Plan, ConfigurationRefused> => {
  const problems: Array<string> = [];
  const longEnough = (key: string, secret: string | undefined) => {
    if (secret !== undefined && bytesOf(secret) < secretBytesMin) {
      problems.push(`${key} is <redacted>, expected at least ${secretBytesMin} bytes`);
    }
  };

  const given = secretOf(settings.apiKeys);
  const keys = given === undefined ? Result.succeed([]) : parseKeys(given);
  if (Result.isFailure(keys)) problems.push(`CAISSON_API_KEYS: ${keys.failure}`);

  const jwtSecret = secretOf(settings.jwtSecret);
  longEnough("CAISSON_JWT_SECRET", jwtSecret);
  const jwksUrl = Option.getOrUndefined(settings.jwksUrl);
  if (jwksUrl?.startsWith("http:") === true && !isLoopback(new URL(jwksUrl).hostname)) {
    problems.push(`CAISSON_JWKS_URL is "${jwksUrl}", expected https: keys fetched in the clear can be exchanged`);
  }
  const issuer = Option.getOrElse(settings.jwtIssuer, () => "");
  const audience = Option.getOrElse(settings.jwtAudience, () => "");
  if (jwtSecret !== undefined || jwksUrl !== undefined) {
    if (issuer === "") problems.push("CAISSON_JWT_ISSUER is not set, expected the issuer that a JWT must name");
    if (audience === "") problems.push("CAISSON_JWT_AUDIENCE is not set, expected the audience that a JWT must name");
  } else if (issuer !== "" || audience !== "") {
    problems.push(
      `${issuer === "" ? "CAISSON_JWT_AUDIENCE" : "CAISSON_JWT_ISSUER"} is set and no JWT is taken, expected ` +
        "CAISSON_JWT_SECRET or CAISSON_JWKS_URL beside it",
    );
  }

  const forwardedSecret = secretOf(settings.forwardedUserJwtSecret);
  longEnough("CAISSON_FORWARDED_USER_JWT_SECRET", forwardedSecret);
  const trusted = namesIn(settings.trustedProxyKeys);
  if ((forwardedSecret === undefined) !== (trusted.size === 0)) {
    problems.push("CAISSON_TRUSTED_PROXY_KEYS and CAISSON_FORWARDED_USER_JWT_SECRET are expected together");
  }

  if (problems.length > 0) return Effect.fail(new ConfigurationRefused({ problems }));
  return Effect.succeed({
    keys: Result.getOrElse(keys, () => []),
    keyFile: { path: keyFilePath(settings), isNamed: Option.isSome(settings.apiKeysFile) },
    tokens: [
      ...(jwtSecret === undefined ? [] : [{ key: { _tag: "Secret", secret: jwtSecret }, issuer, audience } as const]),
      ...(jwksUrl === undefined ? [] : [{ key: { _tag: "KeySet", url: jwksUrl }, issuer, audience } as const]),
    ],
    forwarded: forwardedSecret === undefined
      ? undefined
      : { key: { _tag: "Secret", secret: forwardedSecret }, issuer: forwardedIssuer },
    trusted,
  });
};
