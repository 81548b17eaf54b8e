/**
 * The Egress port: what programs in sandboxes may reach, decided by the server for each connection.
 *
 * A sandbox has no network. Its programs speak to a proxy whose other end is here; nothing in the sandbox is asked
 * for its opinion.
 */
import { Context, Effect } from "effect";
import type { DomainSecret } from "../domain/DomainSecret.ts";
import type { Access, AccessTarget } from "../domain/accessRequest.ts";
import type { EgressGrant, EgressVerdict } from "../domain/EgressRecord.ts";
import { type EgressRule, egressRuleText } from "../domain/EgressRule.ts";
import type { Owner } from "../domain/Owner.ts";
import type { SandboxStream } from "./Sandbox.ts";

/** What one owner may reach of what the operator allows, and the secrets that are its own. */
export interface EgressLimit {
  /** None: nothing may be reached. */
  readonly rules: ReadonlyArray<EgressRule>;
  readonly secrets: ReadonlyArray<DomainSecret>;
}

/** A connection that was decided about; what it carried goes on counting as long as it lasts. */
export interface DecidedConnection {
  /** As far as it could be read; `?` where nothing could. */
  readonly host: string;
  readonly port: number;
  /** The address that was connected to, after all checks. */
  readonly address: string | undefined;
  readonly verdict: EgressVerdict;
  /** Why it was refused or failed, or what cut it, in words fit for the model. */
  readonly why: string | undefined;
  readonly upBytes: number;
  readonly downBytes: number;
}

/** One connection that a program asked for, when it is over. */
export interface EgressConnection extends DecidedConnection {
  readonly durationMs: number;
}

/** Counters since the start of this process, for telemetry. */
export interface EgressTotals {
  readonly allowed: number;
  readonly refused: number;
  readonly failed: number;
  /** Connections that are open now. */
  readonly open: number;
  readonly upBytes: number;
  readonly downBytes: number;
}

/** What a sandbox with a way out is told. */
export interface EgressOffer {
  /** What may be reached, to complete the sentence "no interface; …". */
  readonly promise: string;
  /** What the model must know, one short sentence each. */
  readonly notes: ReadonlyArray<string>;
  /** Certificates in PEM that programs must trust beside those of the system; "" for none. */
  readonly certificates: string;
  /** A name and port that may be reached, as `name:port`, for who wants to try; undefined where none is named. */
  readonly sample: string | undefined;
  /** Variables that commands find in their environment: placeholders of secrets, never a secret. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Hosts that a person lets an owner's sandbox reach for a while. */
export interface EgressAccess {
  /** How long a grant is good. */
  readonly seconds: number;
  /** What is to be said of a host for an owner; one that is held to a limit is not asked for anything more. */
  readonly to: (owner: Owner, target: AccessTarget) => Effect.Effect<Access>;
  /**
   * Lets an owner's programs reach a host for {@link seconds}, which begin anew where it was granted before; undefined,
   * and nothing is granted, where {@link to} does not say that it may be asked for, or the owner has too many grants.
   *
   * *Details*: whoever calls it must have a person's word. Addresses that are not public stay out of reach, those of
   * `CAISSON_EGRESS_PRIVATE` too. Connections are cut when the time is over. Kept in memory; see {@link forget}.
   */
  readonly grant: (owner: Owner, target: AccessTarget) => Effect.Effect<EgressGrant | undefined>;
  /** What an owner was granted, the newest last; those that are over stay for a while, to be told. */
  readonly granted: (owner: Owner) => Effect.Effect<ReadonlyArray<EgressGrant>>;
  /** Takes back what an owner was granted, as is done when its sandbox ends. */
  readonly forget: (owner: Owner) => Effect.Effect<void>;
}

/** What decides about connections. */
export interface EgressService {
  /** Undefined where nothing may be reached: sandboxes then have no proxy at all. */
  readonly offer: EgressOffer | undefined;
  /**
   * Serves one connection of an owner's program to the proxy, to its end; it never fails.
   *
   * *Details*: `onDecided` is called once, before the program learns of it. Yields what became of the connection,
   * nothing for a program that went away before it asked.
   */
  readonly serve: (
    owner: Owner,
    stream: SandboxStream,
    onDecided: (connection: DecidedConnection) => void,
  ) => Effect.Effect<EgressConnection | undefined>;
  /** What the sandbox of this owner is told instead of {@link offer}; undefined where that is for it as well. */
  readonly ownOffer: (owner: Owner) => Effect.Effect<EgressOffer | undefined>;
  /** Those of some rules that the operator does not allow, as rules are written. */
  readonly beyond: (rules: ReadonlyArray<EgressRule>) => ReadonlyArray<string>;
  /**
   * Lets an owner reach only what a limit says, of what the operator allows, from now on; without one all of that.
   *
   * *Details*: kept in memory until it is taken back, which who sets it must do when the owner is gone. Connections
   * that are open go on. Secrets come to programs of sandboxes that start later; an owner who has the same limit keeps
   * its placeholders. It says nothing to a server behind `MCP_SERVER_URL`, whose own the sandboxes and their way out
   * are then: who needs a limit there must refuse.
   */
  readonly limit: (owner: Owner, limit: EgressLimit | undefined) => Effect.Effect<void>;
  /** Undefined where nobody is asked. */
  readonly access?: EgressAccess;
  readonly totals: Effect.Effect<EgressTotals>;
}

/**
 * The Egress port; a program that provides none lets nothing out.
 *
 * *Example* (sandboxes are offered nothing unless somebody says so):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect } from "effect";
 * import { Egress } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const { offer } = yield* Egress.Egress;
 *   return offer;
 * });
 * assert.equal(await Effect.runPromise(program), undefined);
 * ```
 */
export const Egress = Context.Reference<EgressService>("caisson/services/Egress", {
  defaultValue: () => ({
    offer: undefined,
    serve: (_, stream) => Effect.as(stream.reset, undefined),
    ownOffer: () => Effect.undefined,
    beyond: (rules) => rules.map(egressRuleText),
    limit: () => Effect.void,
    totals: Effect.succeed({ allowed: 0, refused: 0, failed: 0, open: 0, upBytes: 0, downBytes: 0 }),
  }),
});
