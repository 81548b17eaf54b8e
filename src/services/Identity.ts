/**
 * The Identity port: from the credential of a request to the principal it belongs to.
 *
 * Both doors ask here and nowhere else. Which user of the principal a request is for is decided by
 * `ownerOf` in the domain.
 */
import { Context, type Effect, Schema } from "effect";
import type { Identity as Identified } from "../domain/identity.ts";

// Errors -----------------------------------------------------------------------------------------

const refusals = {
  Missing: "You did not provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.",
  NotBearer:
    "The Authorization header is not the word Bearer and one key. Send it as 'Authorization: Bearer YOUR_KEY'.",
  Invalid: "Incorrect API key provided. Whoever runs this server makes one with: caisson keys create NAME",
  Expired: "The token provided has expired.",
  ForeignHost: "Without credentials this server answers to localhost only, under no other name.",
} as const;

/** The credential is missing or not accepted; the answer must not tell more than the reason. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  reason: Schema.Literals(["Missing", "NotBearer", "Invalid", "Expired", "ForeignHost"]),
}) {
  override get message(): string {
    return refusals[this.reason];
  }
}

/** Credentials cannot be checked at the moment; `detail` is for the log only. */
export class IdentityUnavailable extends Schema.TaggedError<IdentityUnavailable>()("IdentityUnavailable", {
  source: Schema.Literals(["key-file", "jwks"]),
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `credentials cannot be checked: ${this.source} is not available`;
  }
}

/**
 * A door would be open to strangers: nobody needs a credential and the address is reachable from elsewhere.
 *
 * *Example* (learn why a server does not start):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { app, Identity, Settings } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const identity = yield* Identity.Identity;
 *   yield* identity.mayListen("127.0.0.1");
 *   return yield* Effect.flip(identity.mayListen("0.0.0.0"));
 * });
 * const refused = await Effect.runPromise(
 *   Effect.provide(program, Layer.provide(app.identity, Settings.layerWith())),
 * );
 * assert.match(refused.message, /set CAISSON_API_KEYS/);
 * ```
 */
export class OpenDoorRefused extends Schema.TaggedError<OpenDoorRefused>()("OpenDoorRefused", {
  host: Schema.String,
}) {
  override get message(): string {
    return `listening on ${this.host} without credentials is refused: set CAISSON_API_KEYS, or listen on 127.0.0.1 ` +
      "(AGENT_API_HOST, CAISSON_MCP_HOST), or set CAISSON_INSECURE_ALLOW_ANONYMOUS=true to let anyone who reaches the " +
      "port run code";
  }
}

/** What a request shows of itself, headers as received. */
export interface Credential {
  /** The `authorization` header. */
  readonly authorization?: string | undefined;
  /** The `x-openwebui-user-jwt` header; it counts only beside the key of a trusted proxy. */
  readonly forwardedUserJwt?: string | undefined;
  /**
   * The `host` header. A web page can let a name of its own point to this machine; its requests carry
   * that name, and without credentials nothing else tells them apart.
   */
  readonly host?: string | undefined;
}

// Port -------------------------------------------------------------------------------------------

/** What identity offers. */
export interface IdentityService {
  /**
   * Whether no credential is configured at the start, so that everyone is `anonymous` until the first key is created.
   * What is refused for that reason stays refused.
   */
  readonly anonymous: boolean;
  /**
   * Identifies the bearer of a credential.
   *
   * *Details*: with credentials configured one is required; without any, everyone is `anonymous`
   * whatever they send, but on loopback only under a name of loopback. Keys are compared in constant time.
   * The first key that is created while the server runs ends the anonymous time.
   *
   * *Fails with* `Unauthorized`, and with `IdentityUnavailable` when a key file or a key set cannot be read.
   */
  readonly identify: (credential: Credential) => Effect.Effect<Identified, Unauthorized | IdentityUnavailable>;
  /**
   * Refuses an address that would serve strangers: beyond loopback credentials must be configured.
   *
   * *Fails with* `OpenDoorRefused` unless `CAISSON_INSECURE_ALLOW_ANONYMOUS` is set.
   */
  readonly mayListen: (host: string) => Effect.Effect<void, OpenDoorRefused>;
}

/**
 * The Identity port.
 *
 * *Example* (tell whose key it is):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer, Option, Redacted } from "effect";
 * import { app, Identity, ownerOf, Settings } from "@caisson/caisson";
 *
 * const owner = (authorization: string) =>
 *   Effect.gen(function* () {
 *     const identity = yield* Identity.Identity;
 *     return ownerOf(yield* identity.identify({ authorization }), { user: "ada" });
 *   });
 *
 * const apiKeys = Option.some(Redacted.make("shop:a-long-random-key"));
 * const identity = Layer.provide(app.identity, Settings.layerWith({ apiKeys }));
 * const run = <A, E>(effect: Effect.Effect<A, E, Identity.Identity>) =>
 *   Effect.runPromise(Effect.provide(effect, identity));
 *
 * assert.equal((await run(owner("Bearer a-long-random-key"))).principal, "api-key:shop");
 * assert.equal((await run(Effect.flip(owner("Bearer a-wrong-key"))))._tag, "Unauthorized");
 * ```
 */
export class Identity extends Context.Service<Identity, IdentityService>()("caisson/services/Identity") {}
