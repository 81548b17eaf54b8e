/**
 * Who a caller is: keys, tokens, and a proxy that vouches for its users.
 */
import { choice, flag, number, optionalText, optionalUrl, type Row, secret, text } from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const identityRows = {
  apiKeys: secret("CAISSON_API_KEYS", {
    why: "API keys as name:key,name:key. Unset, only loopback is served, to everyone as anonymous.",
  }),
  apiKeysFile: optionalText("CAISSON_API_KEYS_FILE", {
    why:
      "File of hashed API keys, kept by deno task keys; changes count within a second. Unset, keys.json of the data directory.",
  }),
  trustedProxyKeys: text("CAISSON_TRUSTED_PROXY_KEYS", {
    default: "",
    why: "Names of API keys, comma-separated, whose bearer may name its user in a signed X-OpenWebUI-User-Jwt header.",
  }),
  forwardedUserJwtSecret: secret("CAISSON_FORWARDED_USER_JWT_SECRET", {
    why: "Secret of that header: Open WebUI's FORWARD_USER_INFO_HEADER_JWT_SECRET.",
  }),
  jwtSecret: secret("CAISSON_JWT_SECRET", {
    why: "HS256 secret of at least 32 bytes; a JWT signed with it is a credential.",
  }),
  jwksUrl: optionalUrl("CAISSON_JWKS_URL", {
    why: "Public keys of an identity provider; a JWT signed with one of them is a credential.",
  }),
  jwtIssuer: optionalText("CAISSON_JWT_ISSUER", { why: "Issuer a JWT must name; required with a secret or a JWKS." }),
  jwtAudience: optionalText("CAISSON_JWT_AUDIENCE", {
    why: "Audience a JWT must name; required with a secret or a JWKS.",
  }),
  unnamed: choice("CAISSON_UNNAMED", {
    choices: ["conversation", "key", "request"],
    default: "conversation",
    why: "Who owns a completion that names neither user nor session: its conversation, found again by the ids of its " +
      "tool calls; everyone unnamed under one key; or the request, with which all ends.",
  }),
  unnamedDays: number("CAISSON_UNNAMED_DAYS", {
    default: 30,
    least: 0.01,
    most: 3650,
    unit: "days",
    why: "Time after its last use for which a conversation that names nobody is kept: its workspace with all files.",
  }),
  insecure: flag("CAISSON_INSECURE_ALLOW_ANONYMOUS", {
    default: false,
    why: "Serves anyone beyond loopback without credentials. Whoever reaches the port can run code.",
  }),
} as const satisfies Record<string, Row<unknown>>;
