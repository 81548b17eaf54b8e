/**
 * Whether a name and port may be reached, and a connection to the address that was found to be allowed.
 *
 * The policy comes before any question to a name server, which would itself carry data out.
 */
import { Data, Effect, type Scope } from "effect";
import { neverReached, requestAccess } from "../../domain/accessRequest.ts";
import { allowsHost, type EgressRule, httpPort, tlsPort } from "../../domain/EgressRule.ts";
import { type HostPattern, meansHost } from "../../domain/HostPattern.ts";
import { type AddressRange, isWithin, whyNotPublic } from "../../domain/IpAddress.ts";
import { type Outside, type OutsideConnection, OutsideError } from "./Outside.ts";

/** Which names may be reached. */
export type EgressPolicy =
  | { readonly _tag: "Allowlist"; readonly rules: ReadonlyArray<EgressRule> }
  | { readonly _tag: "Open" };

/** A connection that may not be, in words fit for the model. */
export class Refused extends Data.TaggedError("Refused")<{ readonly status: number; readonly why: string }> {}

/** Addresses of one name that are tried; more would only wait longer for what is down. */
const addressesTriedMax = 3;

const notListed = "it is not on the allowlist";

/** Told to a model of what a person could let it reach. */
const askFirst = ` (${requestAccess.name} asks the user for it)`;

/** Why a name and port are refused; undefined when the policy allows them, and the limit where there is one. */
const whyRefused = ({ policy, limit, deny }: JudgeContext, host: string, port: number): string | undefined => {
  if (meansHost(deny, host, port)) return neverReached;
  if (limit !== undefined && !allowsHost(limit, host, port)) return notListed;
  if (policy._tag === "Allowlist") return allowsHost(policy.rules, host, port) ? undefined : notListed;
  return port === tlsPort || port === httpPort
    ? undefined
    : `port ${port} is not open, only ${httpPort} and ${tlsPort}`;
};

/** What the judge goes by. */
export interface JudgeContext {
  readonly outside: Outside;
  readonly policy: EgressPolicy;
  /** What alone may be reached of what the policy allows; all of that when absent. */
  readonly limit?: ReadonlyArray<EgressRule>;
  /** What is never reached, whatever the policy allows. */
  readonly deny: ReadonlyArray<HostPattern>;
  /** What a person may grant beyond the policy; absent where nobody is asked. */
  readonly access?: {
    readonly isAskable: (host: string, port: number) => boolean;
    /** Until when it is granted, as it is now. */
    readonly untilMs: (host: string, port: number) => number | undefined;
  };
  /** Addresses that are allowed although they are not public. */
  readonly privateRanges: ReadonlyArray<AddressRange>;
}

/** A connection and the address it goes to. */
export interface Reached {
  readonly address: string;
  readonly connection: OutsideConnection;
  /** When it must be over, where a person granted it for a while. */
  readonly untilMs?: number;
}

/** Whether a name and port may be reached, by the policy or by what a person granted. */
const admit = (context: JudgeContext, host: string, port: number): Effect.Effect<number | undefined, Refused> => {
  const why = whyRefused(context, host, port);
  if (why === undefined) return Effect.undefined;
  const { access } = context;
  if (access === undefined || !access.isAskable(host, port)) return Effect.fail(new Refused({ status: 403, why }));
  const untilMs = access.untilMs(host, port);
  return untilMs === undefined
    ? Effect.fail(new Refused({ status: 403, why: `${why}${askFirst}` }))
    : Effect.succeed(untilMs);
};

/**
 * Connects to a name that the policy allows, at an address that may be reached, for the scope.
 *
 * *Details*: the address that was judged is the one connected to; a second question could have another answer. What a
 * person granted leads to public addresses only.
 *
 * *Fails with* `Refused` when the policy or every address says no, `OutsideError` when nothing answers.
 */
export const reach = Effect.fnUntraced(function* (
  context: JudgeContext,
  host: string,
  port: number,
): Effect.fn.Return<Reached, Refused | OutsideError, Scope.Scope> {
  const { outside } = context;
  const untilMs = yield* admit(context, host, port);
  const privateRanges = untilMs === undefined ? context.privateRanges : [];
  const addresses = yield* outside.resolve(host);
  const whyNot = (address: string) => isWithin(address, privateRanges) ? undefined : whyNotPublic(address);
  const allowed = addresses.filter((address) => whyNot(address) === undefined);
  if (allowed.length === 0) {
    const shown = addresses.slice(0, addressesTriedMax).map((address) => `${address} (${whyNot(address)})`).join(", ");
    return yield* new Refused({ status: 403, why: `it leads to ${shown === "" ? "no address" : shown}` });
  }
  let last = new OutsideError({ why: "no connection" });
  for (const address of allowed.slice(0, addressesTriedMax)) {
    const tried = yield* Effect.result(outside.connect(address, port));
    if (tried._tag === "Failure") {
      last = tried.failure;
      continue;
    }
    // A public address of the server itself, behind which everything that listens here would stand open.
    if (tried.success.isOurselves && !isWithin(address, privateRanges)) {
      return yield* new Refused({ status: 403, why: "it is the server of this sandbox itself" });
    }
    return { address, connection: tried.success, ...(untilMs !== undefined && { untilMs }) };
  }
  return yield* last;
});
