/**
 * The Egress port as the settings say.
 */
import { Clock, Effect, Layer, Option } from "effect";
import { ConfigurationRefused, Settings, type SettingsService, settingsTable } from "../../config.ts";
import { type EgressRule, egressRuleText, httpPort, isCovered, tlsPort } from "../../domain/EgressRule.ts";
import { ownerKey } from "../../domain/ids.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { Egress, EgressBeyond, type EgressOffer } from "../../services/Egress.ts";
import { Allowances } from "./Allowances.ts";
import { makeAuthority } from "./certificates.ts";
import type { Interception } from "./interception.ts";
import type { EgressPolicy } from "./judge.ts";
import { machine, type Outside } from "./Outside.ts";
import { serve } from "./Proxy.ts";
import { makeSecrets } from "./secrets.ts";

/** Handed to sandboxes as a variable, which kernels bound at 128 KiB. */
const certificatesBytesMax = 64 * 1024;
/** Names that the prompt lists; a longer list would crowd out the rest. */
const namesShownMax = 20;

const mib = 1024 * 1024;

const policyOf = ({ egress, egressAllow }: SettingsService): EgressPolicy | undefined =>
  egress === "off" ? undefined : egress === "open" ? { _tag: "Open" } : { _tag: "Allowlist", rules: egressAllow };

/** Whether the operator allows all that a rule does. */
const mayBe = (policy: EgressPolicy, rule: EgressRule): boolean =>
  policy._tag === "Open" ? rule.port === tlsPort || rule.port === httpPort : isCovered(rule, policy.rules);

/** Certificates of the operator in PEM, "" for none. *Fails with* `ConfigurationRefused`. */
export const readCertificates = Effect.fnUntraced(function* ({ egressCaFile }: SettingsService) {
  if (Option.isNone(egressCaFile)) return "";
  const refused = (why: string) =>
    new ConfigurationRefused({ problems: [`${settingsTable.egressCaFile.key} names ${egressCaFile.value}, ${why}`] });
  const text = yield* Effect.tryPromise({
    try: () => Deno.readTextFile(egressCaFile.value),
    catch: () => refused("which cannot be read"),
  });
  if (text.length > certificatesBytesMax) return yield* refused(`which is longer than ${certificatesBytesMax} bytes`);
  if (!text.includes("-----BEGIN CERTIFICATE-----")) return yield* refused("which holds no certificate in PEM");
  return text;
});

/** An authority in memory for the hosts that have secrets; no such thing where none has one. */
const interceptionOf = Effect.fnUntraced(function* (
  { egressSecrets }: SettingsService,
  policy: EgressPolicy,
  certificates: string,
) {
  if (egressSecrets.length === 0) return undefined;
  const beyond = egressSecrets.filter(({ domain: name }) => !mayBe(policy, { name, subdomains: false, port: tlsPort }));
  if (beyond.length > 0) {
    const { key } = settingsTable.egressSecrets;
    return yield* new ConfigurationRefused({
      problems: beyond.map(({ domain, name }) => `${key} has ${name} for ${domain}, which may not be reached`),
    });
  }
  const interception: Interception = {
    secrets: makeSecrets(egressSecrets),
    authority: makeAuthority(yield* Clock.currentTimeMillis),
    certificates,
  };
  return interception;
});

const toldOf = (policy: EgressPolicy, more: ReadonlyArray<string>): Pick<EgressOffer, "promise" | "notes"> => {
  const how = "Programs reach the network by HTTP and HTTPS only, through the proxy that their environment names; " +
    "pip, npm, git over https and curl use it, and what pip and npm install stays in /workspace/.local.";
  if (policy._tag === "Open") {
    return { promise: "HTTP(S) to every public name, through the server", notes: [how, ...more] };
  }
  const names = policy.rules.map(egressRuleText);
  const rest = names.length > namesShownMax ? ` and ${names.length - namesShownMax} more` : "";
  const listed = names.length === 0 ? "nothing" : `${names.slice(0, namesShownMax).join(", ")}${rest}`;
  return {
    promise: `HTTP(S) to ${names.length} names, through the server`,
    notes: [how, `Only these names can be reached, everything else is refused: ${listed}.`, ...more],
  };
};

const offerOf = (policy: EgressPolicy, operators: string, interception: Interception | undefined): EgressOffer => {
  const certificates = `${operators}${interception?.authority.certificate ?? ""}`;
  const variables = interception?.secrets.variables ?? {};
  const names = Object.keys(variables);
  const secret = names.length === 0 ? [] : [
    `In request headers to the hosts they belong to, the values of ${names.map((name) => `$${name}`).join(", ")} are ` +
    "replaced by secrets on the way out; their values here are placeholders.",
  ];
  const exact = policy._tag === "Open" ? undefined : policy.rules.find(({ subdomains }) => !subdomains);
  const sample = exact && `${exact.name}:${exact.port}`;
  return { ...toldOf(policy, secret), certificates, variables, sample };
};

/** The port over a network that is given, for tests of what no network here has. */
export const layerOver = (outside: Outside): Layer.Layer<never, ConfigurationRefused, Settings> =>
  Layer.effect(
    Egress,
    Effect.gen(function* () {
      const settings = yield* Settings;
      const policy = policyOf(settings);
      if (policy === undefined) return Egress.defaultValue();
      const certificates = yield* readCertificates(settings);
      const interception = yield* interceptionOf(settings, policy, certificates);
      const limits = new Map<OwnerKey, ReadonlyArray<EgressRule>>();
      const totals = { allowed: 0, refused: 0, failed: 0, open: 0, upBytes: 0, downBytes: 0 };
      const allowances = new Allowances({
        connectionsMax: settings.egressConnectionsMax,
        connectionsPerMinute: settings.egressConnectionsPerMinute,
        bytesPerConnection: settings.egressMbPerConnection * mib,
        bytesPerDay: settings.egressMbPerDay * mib,
      });
      return {
        offer: offerOf(policy, certificates, interception),
        serve: serve({
          outside,
          policy,
          limits,
          interception,
          privateRanges: settings.egressPrivate,
          allowances,
          totals,
        }),
        limit: (owner, rules) =>
          Effect.suspend(() => {
            const beyond = (rules ?? []).filter((rule) => !mayBe(policy, rule));
            if (beyond.length > 0) return Effect.fail(new EgressBeyond({ names: beyond.map(egressRuleText) }));
            if (rules === undefined) limits.delete(ownerKey(owner));
            else limits.set(ownerKey(owner), rules);
            return Effect.void;
          }),
        totals: Effect.sync(() => ({ ...totals })),
      };
    }),
  );

/**
 * What sandboxes may reach over the network of this machine. *Fails with* `ConfigurationRefused` when the file of
 * certificates cannot be used.
 */
export const layer = layerOver(machine);
