/**
 * The Egress port as the settings say.
 */
import { Clock, Effect, Layer, Option } from "effect";
import { type Access, type AccessTarget, accessTo, requestAccess, targetText } from "../../domain/accessRequest.ts";
import { ConfigurationRefused, Settings, type SettingsService, settingsTable } from "../../config.ts";
import { type EgressRule, egressRuleText, httpPort, isCovered, tlsPort } from "../../domain/EgressRule.ts";
import { hostPatternText, meansHost } from "../../domain/HostPattern.ts";
import { ownerKey } from "../../domain/ids.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { Egress, type EgressAccess, type EgressOffer } from "../../services/Egress.ts";
import { Allowances } from "./Allowances.ts";
import { type Authority, makeAuthority } from "./certificates.ts";
import { Grants } from "./Grants.ts";
import type { Interception } from "./interception.ts";
import type { EgressPolicy } from "./judge.ts";
import { loggedGrant } from "./logged.ts";
import { machine, type Outside } from "./Outside.ts";
import { OwnerLimits } from "./OwnerLimits.ts";
import { serve } from "./Proxy.ts";
import { makeSecrets, type Secrets } from "./secrets.ts";

/** Handed to sandboxes as a variable, which kernels bound at 128 KiB. */
const certificatesBytesMax = 64 * 1024;
/** Names that the prompt lists; a longer list would crowd out the rest. */
const namesShownMax = 20;

const mib = 1024 * 1024;

const policyOf = ({ egress, egressAllow }: SettingsService): EgressPolicy | undefined =>
  egress === "off" ? undefined : egress === "open" ? { _tag: "Open" } : { _tag: "Allowlist", rules: egressAllow };

/** Whether the operator allows all that a rule does; of names below one, some may be denied still. */
const mayBe = (policy: EgressPolicy, { egressDeny }: SettingsService, rule: EgressRule): boolean =>
  !(meansHost(egressDeny, rule.name, rule.port) && !rule.subdomains) &&
  (policy._tag === "Open" ? rule.port === tlsPort || rule.port === httpPort : isCovered(rule, policy.rules));

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

/** Refuses secrets for hosts that may not be reached. *Fails with* `ConfigurationRefused`. */
const checkSecrets = (settings: SettingsService, policy: EgressPolicy) => {
  const beyond = settings.egressSecrets.filter(({ domain: name }) =>
    !mayBe(policy, settings, { name, subdomains: false, port: tlsPort })
  );
  const { key } = settingsTable.egressSecrets;
  return beyond.length === 0 ? Effect.void : Effect.fail(
    new ConfigurationRefused({
      problems: beyond.map(({ domain, name }) => `${key} has ${name} for ${domain}, which may not be reached`),
    }),
  );
};

/** Refuses hosts to ask for where no sandbox has a way out. *Fails with* `ConfigurationRefused`. */
const checkAsk = ({ egressAsk }: SettingsService) => {
  const { egressAsk: ask, egress } = settingsTable;
  const problem = `${ask.key} names hosts to ask for, while ${egress.key} is off: allowlist lets a sandbox ask`;
  return egressAsk.length === 0 ? Effect.void : Effect.fail(new ConfigurationRefused({ problems: [problem] }));
};

/** How secrets get into requests; the authority is made when somebody has one. */
const interceptionOf = ({ egressSecrets }: SettingsService, certificates: string, now: () => number): Interception => {
  let authority: Authority | undefined;
  return {
    secrets: egressSecrets.length === 0 ? undefined : makeSecrets(egressSecrets),
    authority: () => authority ??= makeAuthority(now()),
    certificates,
  };
};

/** What the model is told of hosts that it may ask for; nothing where there are none. */
const askedOf = ({ egressAsk }: SettingsService): ReadonlyArray<string> => {
  if (egressAsk.length === 0) return [];
  const listed = egressAsk.slice(0, namesShownMax).map(hostPatternText).join(", ");
  const rest = egressAsk.length > namesShownMax ? ` and ${egressAsk.length - namesShownMax} more` : "";
  return [`What ${requestAccess.name} may ask the user for beyond that: ${listed}${rest} (* is any name).`];
};

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

const offerOf = (settings: SettingsService, policy: EgressPolicy, interception: Interception): EgressOffer => {
  const { secrets } = interception;
  const certificates = secrets === undefined ? "" : interception.authority().certificate;
  const variables = secrets?.variables ?? {};
  const names = Object.keys(variables);
  const secret = names.length === 0 ? [] : [
    `In request headers to the hosts they belong to, the values of ${names.map((name) => `$${name}`).join(", ")} are ` +
    "replaced by secrets on the way out; their values here are placeholders.",
  ];
  const exact = policy._tag === "Open" ? undefined : policy.rules.find(({ subdomains }) => !subdomains);
  const sample = exact && `${exact.name}:${exact.port}`;
  return {
    ...toldOf(policy, [...askedOf(settings), ...secret]),
    certificates: `${interception.certificates}${certificates}`,
    variables,
    sample,
  };
};

/** What an owner's sandbox is told that has secrets of its own; variables of the same name are its own. */
const ownOfferOf = (offer: EgressOffer, interception: Interception, own: Secrets): EgressOffer => ({
  ...offer,
  certificates: `${interception.certificates}${interception.authority().certificate}`,
  variables: { ...offer.variables, ...own.variables },
});

/** What persons grant, of what the operator lets them be asked for; undefined where nobody is asked. */
const granting = (settings: SettingsService, limits: OwnerLimits) => {
  if (settings.egressAsk.length === 0) return undefined;
  const grants = new Grants();
  const to = (owner: OwnerKey, target: AccessTarget): Access =>
    limits.of(owner) === undefined
      ? accessTo(settings, target)
      : { _tag: "Never", why: "this sandbox has a network of its own" };
  const access: EgressAccess = {
    seconds: settings.egressGrantSeconds,
    to: (owner, target) => Effect.sync(() => to(ownerKey(owner), target)),
    grant: Effect.fnUntraced(function* (owner, target) {
      const key = ownerKey(owner);
      const nowMs = yield* Clock.currentTimeMillis;
      const grant = { ...target, expiresAtMs: nowMs + settings.egressGrantSeconds * 1000 };
      if (to(key, target)._tag !== "Askable" || !grants.add(key, grant, nowMs)) return undefined;
      yield* loggedGrant(key, targetText(target), settings.egressGrantSeconds);
      return grant;
    }),
    granted: (owner) => Effect.sync(() => grants.of(ownerKey(owner))),
    forget: (owner) => Effect.sync(() => grants.forget(ownerKey(owner))),
  };
  const isAskable = (owner: OwnerKey, host: string, port: number) => to(owner, { host, port })._tag === "Askable";
  return { access, granting: { grants, isAskable } };
};

/** The port over a network that is given, for tests of what no network here has. */
export const layerOver = (outside: Outside): Layer.Layer<never, ConfigurationRefused, Settings> =>
  Layer.effect(
    Egress,
    Effect.gen(function* () {
      const settings = yield* Settings;
      const policy = policyOf(settings);
      if (policy === undefined) return yield* Effect.as(checkAsk(settings), Egress.defaultValue());
      const certificates = yield* readCertificates(settings);
      yield* checkSecrets(settings, policy);
      const clock = yield* Clock.Clock;
      const interception = interceptionOf(settings, certificates, () => clock.currentTimeMillisUnsafe());
      const limits = new OwnerLimits();
      const totals = { allowed: 0, refused: 0, failed: 0, open: 0, upBytes: 0, downBytes: 0 };
      const allowances = new Allowances({
        connectionsMax: settings.egressConnectionsMax,
        connectionsPerMinute: settings.egressConnectionsPerMinute,
        bytesPerConnection: settings.egressMbPerConnection * mib,
        bytesPerDay: settings.egressMbPerDay * mib,
      });
      const offer = offerOf(settings, policy, interception);
      const { egressPrivate: privateRanges, egressDeny: deny } = settings;
      const { access, ...persons } = granting(settings, limits) ?? {};
      return {
        offer,
        serve: serve({ outside, policy, limits, interception, privateRanges, deny, allowances, totals, ...persons }),
        ownOffer: (owner) =>
          Effect.sync(() => {
            const own = limits.of(ownerKey(owner))?.secrets;
            return own && ownOfferOf(offer, interception, own);
          }),
        beyond: (rules) => rules.filter((rule) => !mayBe(policy, settings, rule)).map(egressRuleText),
        limit: (owner, limit) => Effect.sync(() => limits.set(ownerKey(owner), limit)),
        ...(access !== undefined && { access }),
        totals: Effect.sync(() => ({ ...totals })),
      };
    }),
  );

/**
 * What sandboxes may reach over the network of this machine. *Fails with* `ConfigurationRefused` when the file of
 * certificates cannot be used.
 */
export const layer = layerOver(machine);
