/**
 * Whether a name and port may be reached, and a connection to the address that was found to be allowed.
 *
 * The policy comes before any question to a name server, which would itself carry data out.
 */
import { Data, Effect, type Scope } from "effect";
import { allowsHost, type EgressRule, httpPort, tlsPort } from "../../domain/EgressRule.ts";
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

/** Why a name and port are refused; undefined when the policy allows them, and the limit where there is one. */
const whyRefused = ({ policy, limit }: JudgeContext, host: string, port: number): string | undefined => {
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
  /** Addresses that are allowed although they are not public. */
  readonly privateRanges: ReadonlyArray<AddressRange>;
}

/** A connection and the address it goes to. */
export interface Reached {
  readonly address: string;
  readonly connection: OutsideConnection;
}

/**
 * Connects to a name that the policy allows, at an address that may be reached, for the scope.
 *
 * *Details*: the address that was judged is the one connected to; a second question could have another answer.
 *
 * *Fails with* `Refused` when the policy or every address says no, `OutsideError` when nothing answers.
 */
export const reach = Effect.fnUntraced(function* (
  context: JudgeContext,
  host: string,
  port: number,
): Effect.fn.Return<Reached, Refused | OutsideError, Scope.Scope> {
  const { outside, privateRanges } = context;
  const why = whyRefused(context, host, port);
  if (why !== undefined) return yield* new Refused({ status: 403, why });
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
    return { address, connection: tried.success };
  }
  return yield* last;
});
