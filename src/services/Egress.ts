/**
 * The Egress port: what programs in sandboxes may reach, decided by the server for each connection.
 *
 * A sandbox has no network. Its programs speak to a proxy whose other end is here; nothing in the sandbox is asked
 * for its opinion.
 */
import { Context, Effect } from "effect";
import type { Owner } from "../domain/Owner.ts";
import type { SandboxStream } from "./Sandbox.ts";

/** One connection that a program asked for, when it is decided and again when it is over. */
export interface EgressConnection {
  /** As far as it could be read; `?` where nothing could. */
  readonly host: string;
  readonly port: number;
  /** The address that was connected to, after all checks. */
  readonly address?: string;
  readonly verdict: "allowed" | "refused" | "failed";
  /** Why it was refused or failed, in words fit for the model. */
  readonly why?: string;
  readonly upBytes: number;
  readonly downBytes: number;
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
}

/** What decides about connections. */
export interface EgressService {
  /** Undefined where nothing may be reached: sandboxes then have no proxy at all. */
  readonly offer: EgressOffer | undefined;
  /**
   * Serves one connection of an owner's program to the proxy, to its end; it never fails.
   *
   * *Details*: `onRefused` is called before the program learns of it, also where the connection failed.
   */
  readonly serve: (
    owner: Owner,
    stream: SandboxStream,
    onRefused: (connection: EgressConnection) => void,
  ) => Effect.Effect<void>;
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
    serve: (_, stream) => stream.reset,
    totals: Effect.succeed({ allowed: 0, refused: 0, failed: 0, open: 0, upBytes: 0, downBytes: 0 }),
  }),
});
