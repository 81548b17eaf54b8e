/**
 * `network_policy` of a container: read, checked against what the operator allows, and as it is answered.
 */
import { Effect, Option, Schema } from "effect";
import { type DomainSecret, parseDomainSecrets } from "../../../domain/DomainSecret.ts";
import { allowsHost, egressRuleText, parseEgressRule, tlsPort } from "../../../domain/EgressRule.ts";
import type { ContainerNetwork } from "../../../runs/containerEgress.ts";
import type { ContainersService } from "../../../runs/Containers.ts";
import type { Container } from "../../../services/ContainerStore.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import type { JsonObject } from "../responses/wire.ts";
import { withoutArchives } from "./skills.ts";

/** Names that one container may be made for, and its secrets. */
const domainsMax = 100;
const secretsMax = 20;
/** Names that a refusal lists. */
const namedMax = 5;

const decodeDomains = Schema.decodeUnknownOption(Schema.NonEmptyArray(Schema.String));
const decodeSecrets = Schema.decodeUnknownOption(Schema.Array(Schema.Unknown));

/** A container's network as it is answered: never a secret. */
export const NetworkPolicyOut = Schema.Union([
  Schema.Struct({ type: Schema.Literal("disabled") }),
  Schema.Struct({ type: Schema.Literal("allowlist"), allowed_domains: Schema.Array(Schema.String) }),
]).annotate({ identifier: "ContainerNetworkPolicy" });

/** A container's network as it is answered. */
export const networkOut = ({ network }: Container): typeof NetworkPolicyOut.Type =>
  network === undefined || network.allowedDomains.length === 0
    ? { type: "disabled" }
    : { type: "allowlist", allowed_domains: network.allowedDomains };

type Json = JsonObject[string];

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A member that wishes for a container, without the secrets that the container got, and without what is large. */
const stripped = (place: Json): Json => {
  if (!isObject(place)) return place;
  const { network_policy: policy, skills } = place;
  const { domain_secrets: _secrets, ...told } = isObject(policy) ? policy : {};
  return {
    ...place,
    ...(isObject(policy) && { network_policy: told }),
    ...(Array.isArray(skills) && { skills: withoutArchives(skills) }),
  };
};

/** A tool as a response repeats it, and stores keep it: never with a secret. */
export const withoutSecrets = (tool: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(tool).map(([key, value]) => [
      key,
      key === "container" || key === "environment" ? stripped(value) : value,
    ]),
  );

/**
 * Reads a network; undefined where none is wished for.
 *
 * *Fails with* `InvalidRequest`, naming the parameter, for what is none and for what the operator lets nobody reach.
 */
export const readNetwork = Effect.fnUntraced(function* (
  written: JsonObject | null | undefined,
  param: string,
  { beyond }: Pick<ContainersService, "beyond">,
): Effect.fn.Return<ContainerNetwork | undefined, InvalidRequest> {
  if (written === undefined || written === null) return undefined;
  const at = param === "" ? "network_policy" : `${param}.network_policy`;
  const refuse = (field: string, why: string) =>
    new InvalidRequest({ param: `${at}.${field}`, why, code: "invalid_value" });
  const { type, allowed_domains: domains, domain_secrets: given } = written;
  if (type === "disabled") return { allowedDomains: [], secrets: [] };
  if (type !== "allowlist") return yield* refuse("type", "Expected 'disabled' or 'allowlist'");
  const names = Option.getOrUndefined(decodeDomains(domains));
  if (names === undefined || names.length > domainsMax) {
    return yield* refuse("allowed_domains", `Expected a list of 1 to ${domainsMax} names`);
  }
  const rules = names.map(parseEgressRule);
  for (const [index, rule] of rules.entries()) {
    if (rule !== undefined) continue;
    return yield* refuse(
      `allowed_domains[${index}]`,
      "Expected a name such as 'api.example.com', '*.example.org:8443' or 'plain.example.net:80'",
    );
  }
  const known = rules.filter((rule) => rule !== undefined);
  const allowedDomains = [...new Set(known.map(egressRuleText))];
  const refused = beyond(allowedDomains);
  if (refused.length > 0) {
    const rest = refused.length > namedMax ? ` and ${refused.length - namedMax} more` : "";
    return yield* refuse(
      "allowed_domains",
      `Containers of this server cannot reach ${refused.slice(0, namedMax).join(", ")}${rest}`,
    );
  }
  const entries = given === undefined || given === null ? [] : Option.getOrUndefined(decodeSecrets(given));
  if (entries === undefined || entries.length > secretsMax) {
    return yield* refuse("domain_secrets", `Expected a list of at most ${secretsMax} secrets`);
  }
  const secrets: Array<DomainSecret> = [];
  for (const [index, entry] of entries.entries()) {
    const [secret] = Option.getOrElse(parseDomainSecrets(JSON.stringify([entry])), () => []);
    if (secret === undefined) {
      return yield* refuse(
        `domain_secrets[${index}]`,
        "Expected 'domain', 'name' of a variable, and a 'value' that a header can carry",
      );
    }
    if (!allowsHost(known, secret.domain, tlsPort)) {
      return yield* refuse(`domain_secrets[${index}].domain`, `${secret.domain} is not among 'allowed_domains'`);
    }
    secrets.push(secret);
  }
  // One variable with two values would leave open which of them a host gets.
  const all = parseDomainSecrets(JSON.stringify(entries));
  if (Option.isNone(all)) return yield* refuse("domain_secrets", "One name has two values");
  return { allowedDomains, secrets };
});
