/**
 * Signing in of the page: a key that was shown once comes back in a cookie, sealed, for some hours.
 *
 * Nothing is kept here. The cookie holds the key and its end, readable by this server only; a key that is
 * revoked meanwhile is worth nothing in a cookie either.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { Clock, Context, Effect, Layer, Option, Redacted, Schema } from "effect";
import { Settings } from "../../config.ts";

/** How long a sign-in lasts, in seconds: a working day. */
const signInSeconds = 8 * 3600;

/** The cookie of a sign-in. */
export const cookieName = "caisson_sign_in";
const nonceBytes = 12;
const tagBytes = 16;

/** Characters of a key; longer ones are no keys of ours, and a cookie has room for 4,096. */
export const keyCharsMax = 2_000;

const decodeSealed = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Tuple([Schema.String, Schema.Number])));

/** What sign-ins offer. */
export interface SignInsService {
  /** The cookie that stands for a key from now on; over HTTPS it never travels otherwise. */
  readonly cookieOf: (key: string, isSecure: boolean) => Effect.Effect<string>;
  /** The key that a request's `cookie` header stands for now. */
  readonly keyIn: (header: string | undefined) => Effect.Effect<Option.Option<string>>;
}

const attributes = "Path=/; HttpOnly; SameSite=Strict";

/** The cookie that ends a sign-in. */
export const noCookie = `${cookieName}=; ${attributes}; Max-Age=0`;

const cookieIn = (header: string): string | undefined =>
  header.split(";").map((part) => part.trim()).find((part) => part.startsWith(`${cookieName}=`))
    ?.slice(cookieName.length + 1);

const seal = (secret: Uint8Array, text: string): string => {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", secret, nonce);
  return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]).toString("base64url");
};

const unseal = (secret: Uint8Array, value: string): Option.Option<string> => {
  if (!/^[\w-]{40,4096}$/.test(value)) return Option.none();
  const sealed = Buffer.from(value, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", secret, sealed.subarray(0, nonceBytes));
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  return Option.liftThrowable(() =>
    Buffer.concat([decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes)), decipher.final()])
      .toString("utf8")
  )();
};

/** Sign-ins of the page. */
export class SignIns extends Context.Service<SignIns, SignInsService>()("caisson/http/SignIns") {
  /** With the secret of the settings, or one made now: then a restart signs everybody out. */
  static readonly layer: Layer.Layer<SignIns, never, Settings> = Layer.effect(
    SignIns,
    Effect.map(Settings, ({ linkSecret }) => {
      const secret = Option.match(linkSecret, {
        onNone: () => randomBytes(32),
        onSome: (text) => createHmac("sha256", Redacted.value(text)).update("caisson sign-in").digest(),
      });
      return SignIns.of({
        cookieOf: (key, isSecure) =>
          Effect.map(Clock.currentTimeMillis, (nowMs) => {
            const value = seal(secret, JSON.stringify([key, nowMs + signInSeconds * 1000]));
            return `${cookieName}=${value}; ${attributes}; Max-Age=${signInSeconds}${isSecure ? "; Secure" : ""}`;
          }),
        keyIn: (header) =>
          Effect.map(
            Clock.currentTimeMillis,
            (nowMs) =>
              Option.fromUndefinedOr(header === undefined ? undefined : cookieIn(header)).pipe(
                Option.flatMap((value) => unseal(secret, value)),
                Option.flatMap((text) => decodeSealed(text)),
                Option.filter(([, endsMs]) => nowMs < endsMs),
                Option.map(([key]) => key),
              ),
          ),
      });
    }),
  );
}
