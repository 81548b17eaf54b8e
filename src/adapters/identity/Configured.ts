/**
 * Identity as the settings configure it: API keys, signed tokens, a trusted proxy's users, or nobody.
 */
import { readFile } from "node:fs/promises";
import { Effect, Layer, Option } from "effect";
import { ConfigurationRefused, Settings } from "../../config.ts";
import { credentialIn, type Identity as Identified, isLoopback } from "../../domain/identity.ts";
import {
  type Credential,
  Identity,
  IdentityUnavailable,
  OpenDoorRefused,
  Unauthorized,
} from "../../services/Identity.ts";
import { decodeKeyFile, findKey, type KeyDigest, storedDigest } from "./apiKeys.ts";
import { isMissing } from "./keyFile.ts";
import { type KeyFilePlan, planOf } from "./plan.ts";
import { looksLikeToken, makeVerifyToken, type VerifyToken } from "./tokens.ts";

/** How long a key file is believed before it is read again: a revoked key is refused after this time. */
const keyFileTtl = "1 second";

/** Reads the key file, none when the usual one is not there. */
const readKeyFile = (
  { path, isNamed }: KeyFilePlan,
): Effect.Effect<Option.Option<ReadonlyArray<KeyDigest>>, IdentityUnavailable> =>
  Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: (cause) => cause }).pipe(
    Effect.flatMap(decodeKeyFile),
    Effect.map((file) => Option.some(file.keys.map(storedDigest))),
    Effect.catch((cause) =>
      !isNamed && isMissing(cause)
        ? Effect.succeed(Option.none())
        : Effect.fail(new IdentityUnavailable({ source: "key-file", detail: `cannot read ${path}`, cause }))
    ),
  );

/** The name in a `host` header, without its port. */
const hostName = (host: string): string => host.replace(/:\d*$/, "");

/** Tries each kind of token in turn: the first that does not call it invalid decides. */
const verifyAny = (
  verifiers: ReadonlyArray<VerifyToken>,
  token: string,
): Effect.Effect<string, Unauthorized | IdentityUnavailable> =>
  verifiers.reduceRight<Effect.Effect<string, Unauthorized | IdentityUnavailable>>(
    (otherwise, verify) =>
      Effect.catch(
        verify(token),
        (error) => error._tag === "Unauthorized" && error.reason === "Invalid" ? otherwise : Effect.fail(error),
      ),
    Effect.fail(new Unauthorized({ reason: "Invalid" })),
  );

const make = Effect.gen(function* () {
  const settings = yield* Settings;
  const plan = yield* planOf(settings);
  const verifiers = yield* Effect.forEach(plan.tokens, makeVerifyToken);
  const verifyForwarded = plan.forwarded === undefined ? undefined : yield* makeVerifyToken(plan.forwarded);

  const keysOfFile = yield* Effect.cachedWithTTL(readKeyFile(plan.keyFile), keyFileTtl);
  // A file without keys is a wish for keys too: whoever revokes the last one does not open the door to everyone.
  const anonymous = plan.keys.length > 0 || plan.tokens.length > 0
    ? Effect.succeed(false)
    : Effect.map(keysOfFile, Option.isNone);
  yield* Effect.mapError(keysOfFile, ({ detail }) =>
    new ConfigurationRefused({
      problems: [
        Option.isSome(settings.apiKeysFile)
          ? `CAISSON_API_KEYS_FILE: ${detail}, expected a file made by deno task keys`
          : `CAISSON_DATA_PATH: ${detail}, expected a directory this user can read and write, with a keys.json made by ` +
            "deno task keys or none",
      ],
    }));

  const byKey = Effect.fnUntraced(function* (name: string, forwardedUserJwt: string | undefined) {
    const principal = { name, kind: "api-key" } as const;
    if (verifyForwarded === undefined || forwardedUserJwt === undefined || !plan.trusted.has(name)) {
      return { principal };
    }
    return { principal, verifiedUser: yield* verifyForwarded(forwardedUserJwt) };
  });

  const identify = Effect.fnUntraced(function* (
    { authorization, forwardedUserJwt, host }: Credential,
  ): Effect.fn.Return<Identified, Unauthorized | IdentityUnavailable> {
    if (yield* anonymous) {
      if (!settings.insecure && host !== undefined && !isLoopback(hostName(host))) {
        return yield* new Unauthorized({ reason: "ForeignHost" });
      }
      return { principal: { name: "anonymous", kind: "anonymous" } };
    }
    const shown = credentialIn(authorization);
    if (shown._tag !== "Key") return yield* new Unauthorized({ reason: shown._tag });
    const presented = shown.key;
    const ofFile = Option.getOrElse(yield* keysOfFile, (): ReadonlyArray<KeyDigest> => []);
    const name = findKey([...plan.keys, ...ofFile], presented);
    if (name !== undefined) return yield* byKey(name, forwardedUserJwt);
    if (verifiers.length === 0 || !looksLikeToken(presented)) return yield* new Unauthorized({ reason: "Invalid" });
    return { principal: { name: yield* verifyAny(verifiers, presented), kind: "jwt" } };
  });

  return Identity.of({
    anonymous: yield* Effect.orElseSucceed(anonymous, () => false),
    identify,
    mayListen: (host) =>
      settings.insecure || isLoopback(host) ? Effect.void : Effect.flatMap(
        // Where the keys cannot be read, nobody is let in.
        Effect.orElseSucceed(anonymous, () => false),
        (open) => open ? Effect.fail(new OpenDoorRefused({ host })) : Effect.void,
      ),
  });
});

/** Identity from the settings. *Fails with* `ConfigurationRefused`, naming every setting that cannot be used. */
export const layer: Layer.Layer<Identity, ConfigurationRefused, Settings> = Layer.effect(Identity, make);
