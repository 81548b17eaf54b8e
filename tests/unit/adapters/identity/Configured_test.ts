import assert from "node:assert/strict";
import { createServer } from "node:http";
import { Effect, Layer, Option, Redacted, Result } from "effect";
import { TestClock } from "effect/testing";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { makeKey } from "../../../../src/adapters/identity/apiKeys.ts";
import * as Configured from "../../../../src/adapters/identity/Configured.ts";
import { createKey, keyFilePath, revokeKeys } from "../../../../src/adapters/identity/keyFile.ts";
import { Settings, type SettingsService } from "../../../../src/config.ts";
import { type Credential, Identity } from "../../../../src/services/Identity.ts";
import { it } from "../../../support/it.ts";
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts";

// Arrange ----------------------------------------------------------------------------------------

const secret = (text: string) => Option.some(Redacted.make(text));
const jwtSecret = "0123456789abcdef0123456789abcdef";
const otherSecret = "fedcba9876543210fedcba9876543210";

/** A data directory without a key file, whatever whoever runs the tests keeps in theirs. */
const nowhere = "/nonexistent/caisson";

const configured = (settings: Partial<SettingsService>) =>
  Configured.layer.pipe(Layer.provide(Settings.layerWith({ dataPath: nowhere, ...settings })));

const identify = (settings: Partial<SettingsService>, credential: Credential) =>
  Effect.flatMap(Identity, (identity) => Effect.result(identity.identify(credential))).pipe(
    Effect.provide(configured(settings)),
    Effect.map((result) => result._tag === "Success" ? result.success : result.failure),
  );

const bearer = (key: string): Credential => ({ authorization: `Bearer ${key}` });

interface TokenOptions {
  readonly key?: string;
  readonly algorithm?: string;
  readonly claims?: Record<string, unknown>;
}

/** A token that is right in everything its options do not change; virtual time begins at 0. */
const sign = ({ key = jwtSecret, algorithm = "HS256", claims = {} }: TokenOptions = {}) =>
  Effect.promise(() =>
    new SignJWT({ sub: "carol", iss: "https://issuer", aud: "caisson", exp: 300, ...claims })
      .setProtectedHeader({ alg: algorithm })
      .sign(new TextEncoder().encode(key))
  );

const unsigned = (claims: Record<string, unknown>) =>
  [{ alg: "none", typ: "JWT" }, claims].map((part) => btoa(JSON.stringify(part)).replaceAll("=", "")).join(".") + ".";

const keys = { apiKeys: secret("alice:sk-alice-0123456789, bob:sk-bob:with:colons,alice:sk-alice-next") };
const tokens = {
  jwtSecret: secret(jwtSecret),
  jwtIssuer: Option.some("https://issuer"),
  jwtAudience: Option.some("caisson"),
};

const apiKey = (name: string) => ({ principal: { name, kind: "api-key" } });

// API keys ---------------------------------------------------------------------------------------

it.effect("identify accepts every configured key when it is shown whole", () =>
  Effect.gen(function* () {
    assert.deepEqual(yield* identify(keys, bearer("sk-alice-0123456789")), apiKey("alice"));
    assert.deepEqual(yield* identify(keys, bearer("sk-alice-next")), apiKey("alice"));
    assert.deepEqual(yield* identify(keys, bearer("sk-bob:with:colons")), apiKey("bob"));
    assert.deepEqual(yield* identify(keys, { authorization: "bearer  sk-alice-next " }), apiKey("alice"));
  }));

it.effect("identify refuses every credential when it is not a whole key", () =>
  Effect.gen(function* () {
    const cut = ["sk-alice", "sk-alice-012345678", "sk-alice-01234567890", "SK-ALICE-0123456789", "x".repeat(100_000)];
    for (const key of cut) {
      const error = yield* identify(keys, { authorization: `Bearer ${key}` });
      assert.equal("reason" in error && error.reason, "Invalid", key.slice(0, 40));
    }
    const bare = ["sk-alice-next", "Basic sk-alice-next", "Bearer: sk-alice-next", "Bearersk-alice-next", "Token x"];
    for (const authorization of [...bare, "Bearer a b", "Bearer sk-alice-next\tx", `"Bearer sk-alice-next"`]) {
      const error = yield* identify(keys, { authorization });
      assert.equal("reason" in error && error.reason, "NotBearer", authorization);
      assert.match(error instanceof Error ? error.message : "", /Authorization: Bearer YOUR_KEY/);
    }
    for (const credential of [{}, ...["", "  ", "Bearer", "bearer "].map((authorization) => ({ authorization }))]) {
      const error = yield* identify(keys, credential);
      assert.equal("reason" in error && error.reason, "Missing");
    }
  }));

it.effect("identify takes everyone as anonymous when no credential is configured", () =>
  Effect.gen(function* () {
    for (const credential of [{}, bearer("anything"), { forwardedUserJwt: "x" }]) {
      assert.deepEqual(yield* identify({}, credential), { principal: { name: "anonymous", kind: "anonymous" } });
    }
  }));

it.effect("identify refuses anonymous requests under a foreign name when only loopback is served", () =>
  Effect.gen(function* () {
    for (const host of ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "[::1]", undefined]) {
      assert.ok("principal" in (yield* identify({}, { host })), host);
    }
    for (
      const host of ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:80", ""]
    ) {
      const error = yield* identify({}, { host });
      assert.equal("reason" in error && error.reason, "ForeignHost", host);
      assert.ok("principal" in (yield* identify({ insecure: true }, { host })));
      assert.ok("principal" in (yield* identify(keys, { ...bearer("sk-alice-next"), host })));
    }
  }));

it.effect("identify follows the key file when a key is added or revoked", () =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => Deno.makeTempDir()),
      (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
    );
    const path = `${directory}/keys.json`;
    const { key, stored } = makeKey("dora", "2026-01-01T00:00:00Z");
    const write = (kept: ReadonlyArray<typeof stored>) =>
      Effect.promise(() => Deno.writeTextFile(path, JSON.stringify({ version: 1, keys: kept })));
    yield* write([stored]);
    assert.ok(!(yield* Effect.promise(() => Deno.readTextFile(path))).includes(key.slice(-20)));

    yield* Effect.gen(function* () {
      const identity = yield* Identity;
      assert.deepEqual(yield* identity.identify(bearer(key)), apiKey("dora"));
      yield* write([]);
      yield* TestClock.adjust("1 second");
      assert.equal((yield* Effect.flip(identity.identify(bearer(key))))._tag, "Unauthorized");
      yield* Effect.promise(() => Deno.remove(path));
      yield* TestClock.adjust("1 second");
      assert.equal((yield* Effect.flip(identity.identify(bearer(key))))._tag, "IdentityUnavailable");
      yield* write([stored]);
      yield* TestClock.adjust("1 second");
      assert.deepEqual(yield* identity.identify(bearer(key)), apiKey("dora"));
    }).pipe(Effect.provide(configured({ apiKeysFile: Option.some(path) })));
  }));

it.effect("identify asks for keys from the moment the first is created, and after the last is revoked", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    yield* Effect.gen(function* () {
      const identity = yield* Identity;
      const named = Effect.map(Effect.result(identity.identify({})), Result.isSuccess);
      assert.ok(yield* named);
      const { key, stored } = yield* createKey(keyFilePath({ apiKeysFile: Option.none(), dataPath }), "me");
      yield* TestClock.adjust("1 second");
      assert.ok(!(yield* named));
      assert.deepEqual(yield* identity.identify(bearer(key)), apiKey("me"));
      yield* revokeKeys(keyFilePath({ apiKeysFile: Option.none(), dataPath }), stored.id);
      yield* TestClock.adjust("1 second");
      assert.ok(!(yield* named));
      yield* identity.mayListen("0.0.0.0");
    }).pipe(Effect.provide(configured({ dataPath })));
  }));

// Tokens -----------------------------------------------------------------------------------------

it.effect("identify accepts a token when issuer, audience, expiry and signature are right", () =>
  Effect.gen(function* () {
    const carol = { principal: { name: "carol", kind: "jwt" } };
    assert.deepEqual(yield* identify(tokens, bearer(yield* sign())), carol);
    assert.deepEqual(yield* identify({ ...tokens, ...keys }, bearer(yield* sign())), carol);
  }));

it.effect("identify refuses a token when anything about it is wrong", () =>
  Effect.gen(function* () {
    const good = yield* sign();
    const [header = "", payload = "", signature = ""] = good.split(".");
    const wrong: Record<string, string> = {
      "another secret": yield* sign({ key: otherSecret }),
      "another issuer": yield* sign({ claims: { iss: "https://else" } }),
      "no issuer": yield* sign({ claims: { iss: undefined } }),
      "another audience": yield* sign({ claims: { aud: "other" } }),
      "no audience": yield* sign({ claims: { aud: undefined } }),
      "no expiry": yield* sign({ claims: { exp: undefined } }),
      "no subject": yield* sign({ claims: { sub: undefined } }),
      "empty subject": yield* sign({ claims: { sub: "" } }),
      "not yet valid": yield* sign({ claims: { nbf: 100 } }),
      "HS512": yield* sign({ key: jwtSecret + jwtSecret, algorithm: "HS512" }),
      "no signature": `${header}.${payload}.`,
      "alg none": unsigned({ sub: "carol", iss: "https://issuer", aud: "caisson", exp: 300 }),
      "changed payload": `${header}.${btoa('{"sub":"root"}').replaceAll("=", "")}.${signature}`,
      "cut signature": good.slice(0, -4),
      "too long": yield* sign({ claims: { filler: "x".repeat(10_000) } }),
    };
    for (const [name, token] of Object.entries(wrong)) {
      const error = yield* identify(tokens, bearer(token));
      assert.deepEqual("reason" in error && [error._tag, error.reason], ["Unauthorized", "Invalid"], name);
    }
  }));

it.effect("identify says that a token has expired when its time has passed", () =>
  Effect.gen(function* () {
    const token = yield* sign();
    yield* TestClock.adjust("304 seconds");
    assert.ok("principal" in (yield* identify(tokens, bearer(token))));
    yield* TestClock.adjust("2 seconds");
    const error = yield* identify(tokens, bearer(token));
    assert.equal("reason" in error && error.reason, "Expired");
  }));

it.live("identify checks tokens against a key set and says when it cannot be fetched", () =>
  Effect.gen(function* () {
    const pair = yield* Effect.promise(() => generateKeyPair("ES256", { extractable: true }));
    const jwk = yield* Effect.promise(() => exportJWK(pair.publicKey));
    let status = 503;
    const server = yield* Effect.acquireRelease(
      Effect.promise(() =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const listening = createServer((_request, response) => {
            response.writeHead(status, { "content-type": "application/json", connection: "close" });
            response.end(JSON.stringify({ keys: [{ ...jwk, kid: "k1", alg: "ES256" }] }));
          });
          listening.listen(0, "127.0.0.1", () => resolve(listening));
        })
      ),
      (listening) => Effect.promise(() => new Promise((resolve) => listening.close(resolve))),
    );
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const signed = (algorithm: string, key: Parameters<SignJWT["sign"]>[0]) =>
      Effect.promise(() =>
        new SignJWT({ sub: "erin" }).setProtectedHeader({ alg: algorithm, kid: "k1" }).setIssuer("https://issuer")
          .setAudience("caisson").setExpirationTime("1h").sign(key)
      );
    const token = yield* signed("ES256", pair.privateKey);
    // The public key as an HMAC secret is the oldest confusion there is.
    const confused = yield* signed("HS256", new TextEncoder().encode(JSON.stringify(jwk)));
    const settings = {
      jwksUrl: Option.some(`http://127.0.0.1:${address.port}/jwks`),
      jwtIssuer: tokens.jwtIssuer,
      jwtAudience: tokens.jwtAudience,
    };
    yield* Effect.gen(function* () {
      const identity = yield* Identity;
      assert.equal((yield* Effect.flip(identity.identify(bearer(token))))._tag, "IdentityUnavailable");
      status = 200;
      assert.deepEqual(yield* identity.identify(bearer(token)), { principal: { name: "erin", kind: "jwt" } });
      assert.equal((yield* Effect.flip(identity.identify(bearer(confused))))._tag, "Unauthorized");
    }).pipe(Effect.provide(configured(settings)));
  }));

// Trusted proxy ----------------------------------------------------------------------------------

const proxy = { ...keys, trustedProxyKeys: "bob", forwardedUserJwtSecret: secret(otherSecret) };
const forwarded = (claims: Record<string, unknown> = {}) =>
  sign({ key: otherSecret, claims: { sub: "frank", iss: "open-webui", aud: undefined, ...claims } });

it.effect("identify takes the user of a signed header when a trusted proxy sends it", () =>
  Effect.gen(function* () {
    const forwardedUserJwt = yield* forwarded();
    assert.deepEqual(yield* identify(proxy, { ...bearer("sk-bob:with:colons"), forwardedUserJwt }), {
      ...apiKey("bob"),
      verifiedUser: "frank",
    });
    assert.deepEqual(yield* identify(proxy, bearer("sk-bob:with:colons")), apiKey("bob"));
  }));

it.effect("identify ignores the signed header when the key is not a trusted proxy's", () =>
  Effect.gen(function* () {
    const forwardedUserJwt = yield* forwarded();
    assert.deepEqual(yield* identify(proxy, { ...bearer("sk-alice-next"), forwardedUserJwt }), apiKey("alice"));
    const error = yield* identify(proxy, { forwardedUserJwt });
    assert.equal("reason" in error && error.reason, "Missing");
  }));

it.effect("identify refuses a trusted proxy's request when its signed header is wrong", () =>
  Effect.gen(function* () {
    const wrong = [
      yield* sign({ key: jwtSecret, claims: { iss: "open-webui" } }),
      yield* forwarded({ iss: "else" }),
      unsigned({ sub: "frank", iss: "open-webui", exp: 300 }),
      "",
      "x",
    ];
    for (const forwardedUserJwt of wrong) {
      const error = yield* identify(proxy, { ...bearer("sk-bob:with:colons"), forwardedUserJwt });
      assert.equal("_tag" in error && error._tag, "Unauthorized");
    }
  }));

// Boot -------------------------------------------------------------------------------------------

it.effect("Configured.layer names every setting that cannot be used and shows no secret", () =>
  Effect.gen(function* () {
    const cases: ReadonlyArray<readonly [Partial<SettingsService>, RegExp]> = [
      [{ apiKeys: secret("justakey") }, /CAISSON_API_KEYS: entry 1/],
      [{ apiKeys: secret("a:justakey,b:justakey") }, /repeats the key/],
      [{ apiKeys: secret("a b:justakey") }, /name of entry 1/],
      [{ apiKeys: secret(" , ") }, /at least one/],
      [{ apiKeysFile: Option.some("/no/such/file") }, /CAISSON_API_KEYS_FILE/],
      [{ ...tokens, jwtSecret: secret("justakey") }, /CAISSON_JWT_SECRET/],
      [{ jwtSecret: secret(jwtSecret) }, /CAISSON_JWT_ISSUER.*CAISSON_JWT_AUDIENCE/],
      [{ jwtIssuer: Option.some("https://issuer.example") }, /CAISSON_JWT_ISSUER is set.*CAISSON_JWKS_URL/],
      [{ ...tokens, jwksUrl: Option.some("http://example.org/jwks") }, /CAISSON_JWKS_URL/],
      [{ ...keys, trustedProxyKeys: "bob" }, /expected together/],
      [{ ...keys, forwardedUserJwtSecret: secret(otherSecret) }, /expected together/],
    ];
    for (const [settings, expected] of cases) {
      const error = yield* Effect.flip(Effect.provide(Effect.asVoid(Identity), configured(settings)));
      assert.match(error.message, expected);
      assert.doesNotMatch(error.message, /justakey/);
    }
  }));

it.effect("mayListen refuses an address beyond loopback when nobody needs a credential", () =>
  Effect.gen(function* () {
    const listen = (settings: Partial<SettingsService>, host: string) =>
      Effect.flatMap(Identity, (identity) => Effect.result(identity.mayListen(host))).pipe(
        Effect.provide(configured(settings)),
        Effect.map((result) => result._tag),
      );
    assert.equal(yield* listen({}, "127.0.0.1"), "Success");
    assert.equal(yield* listen({}, "0.0.0.0"), "Failure");
    assert.equal(yield* listen({ insecure: true }, "0.0.0.0"), "Success");
    assert.equal(yield* listen(keys, "0.0.0.0"), "Success");
  }));
