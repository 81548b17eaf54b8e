/**
 * Asking a person for a host: the tool, what a call of it asks for, and whether that may be asked for at all.
 */
import { Option, Schema } from "effect";
import { type AgentTool, jsonSchemaOf } from "./agentTools.ts";
import type { DomainSecret } from "./DomainSecret.ts";
import { allowsHost, type EgressRule, hostName, httpPort, tlsPort } from "./EgressRule.ts";
import { type HostPattern, meansHost } from "./HostPattern.ts";
import type { ToolDeclaration } from "./Tool.ts";
import { argumentsMeant, ArgumentsObject } from "./toolArguments.ts";

const define = <const Name extends string, Arguments extends Schema.Top, Output extends Schema.Top>(
  declaration: AgentTool<Name, Arguments, Output>,
): AgentTool<Name, Arguments, Output> => declaration;

/** Characters of a reason: what a person reads before deciding. */
const reasonCharactersMax = 500;

const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }));

/** `request_access`: a person decides whether programs of the sandbox may reach a host for a while. */
export const requestAccess = define({
  name: "request_access",
  title: "Ask for a host",
  description:
    "Ask the user to let programs in the sandbox reach one host for a while. Call it when egress refused a host that " +
    "the task needs, one call for each host, and go on when it was granted.",
  arguments: Schema.Struct({
    host: Schema.String.annotate({ description: "A name such as api.example.com, without scheme, port and path" }),
    port: Schema.optionalKey(Port.annotate({ description: `${tlsPort}, which is HTTPS, when absent` })),
    reason: Schema.String.check(Schema.isBetweenLength(1, reasonCharactersMax)).annotate({
      description: "What it is needed for, in a sentence that the user reads",
    }),
  }),
  output: Schema.Struct({ host: Schema.String, port: Schema.Int, seconds: Schema.Number }),
  annotations: { readOnly: false, destructive: false, idempotent: true },
});

/** The tool as a model is offered it. */
export const accessDeclaration: ToolDeclaration = {
  name: requestAccess.name,
  description: requestAccess.description,
  parameters: jsonSchemaOf(requestAccess.arguments),
};

/** A host in its one spelling, and a port. */
export interface AccessTarget {
  readonly host: string;
  readonly port: number;
}

const decodeObject = Schema.decodeUnknownOption(ArgumentsObject);
const decodeArguments = Schema.decodeUnknownOption(requestAccess.arguments);
const meant = argumentsMeant(requestAccess.arguments);

/** What a call asks for; undefined where it asks for nothing that could be a host. */
export const accessTarget = (argumentsJson: string): AccessTarget | undefined => {
  const decoded = Option.flatMap(decodeObject(argumentsJson), (given) => decodeArguments(meant(given)));
  if (Option.isNone(decoded)) return undefined;
  const host = hostName(decoded.value.host);
  return host === undefined ? undefined : { host, port: decoded.value.port ?? tlsPort };
};

/** A host and port in one word. */
export const targetText = ({ host, port }: AccessTarget): string => `${host}:${port}`;

/** The rule by which a host is asked for; a person who grants it for a session grants this host only. */
export const accessRule = (target: AccessTarget): string => `${requestAccess.name}(${targetText(target)})`;

/** The settings that say which hosts may be reached, asked for, or neither. */
export interface AccessSettings {
  readonly egress: "off" | "allowlist" | "open";
  readonly egressAllow: ReadonlyArray<EgressRule>;
  readonly egressAsk: ReadonlyArray<HostPattern>;
  readonly egressDeny: ReadonlyArray<HostPattern>;
  readonly egressSecrets: ReadonlyArray<Pick<DomainSecret, "domain">>;
}

/** What is to be said of a host: it is reached anyway, a person may be asked for it, or it is not to be had. */
export type Access =
  | { readonly _tag: "Reachable" }
  | { readonly _tag: "Askable" }
  | { readonly _tag: "Never"; readonly why: string };

/** Why a host is refused that an operator's list of what is never reached means. */
export const neverReached = "it is never reached from here";

/** Whether a person may be asked for a host, as the operator says. */
export const accessTo = (settings: AccessSettings, { host, port }: AccessTarget): Access => {
  if (meansHost(settings.egressDeny, host, port)) return { _tag: "Never", why: neverReached };
  const isReachable = settings.egress === "open"
    ? port === tlsPort || port === httpPort
    : allowsHost(settings.egressAllow, host, port);
  if (isReachable) return { _tag: "Reachable" };
  // Its secret is for the port that the operator named, and no other service of the host is to be spoken to with it.
  if (settings.egressSecrets.some(({ domain }) => domain === host)) {
    return { _tag: "Never", why: `it has a secret and is reached at port ${tlsPort} only` };
  }
  return meansHost(settings.egressAsk, host, port)
    ? { _tag: "Askable" }
    : { _tag: "Never", why: "it is not among the hosts that may be asked for" };
};
