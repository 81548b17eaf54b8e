/**
 * One try of a request: which runs it may join and what it must agree with.
 */

/** One try of a request. */
export interface Attempt {
  /** Whether this client can come back for the same run: it retries by itself, it sent a key, or neither. */
  readonly kind: "retrying-client" | "idempotency-key" | "single";
  /** The name under which other tries find the run; absent for a client that never retries. */
  readonly key?: string;
  /** Whether this try joins a run that is there; a first try never does. */
  readonly joins: boolean;
  /** What the run depends on, hashed. */
  readonly fingerprint: string;
}

/** The only try of a request that nobody will repeat. */
export const single: Attempt = { kind: "single", joins: false, fingerprint: "" };
