/**
 * Placeholders in sandboxes and the secrets they stand for, in the headers of requests to hosts that have one.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { Redacted } from "effect";
import type { DomainSecret } from "../../domain/DomainSecret.ts";

/** Nobody has a text like this by accident. */
const placeholderBytes = 16;

/** Replaces placeholders in the value of a header. */
export type Substitute = (value: string) => string;

/** The secrets of a server: one table says both whose connections are opened and what is put into them. */
export interface Secrets {
  /** What commands find in their environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** How headers to a host are changed; undefined where it has no secret, and its TLS is not opened. */
  readonly of: (host: string) => Substitute | undefined;
}

/** Two substitutions, one after the other; undefined where neither is. */
export const together = (first: Substitute | undefined, second: Substitute | undefined): Substitute | undefined =>
  first === undefined || second === undefined ? first ?? second : (value) => second(first(value));

const replaced = (value: string, pairs: ReadonlyArray<readonly [string, Redacted.Redacted]>): string =>
  pairs.reduce((text, [placeholder, secret]) => text.replaceAll(placeholder, () => Redacted.value(secret)), value);

/** A value of a header; what `Basic` carries, as git sends it, is looked into. */
const substituted = (value: string, pairs: ReadonlyArray<readonly [string, Redacted.Redacted]>): string => {
  const space = value.indexOf(" ");
  if (value.slice(0, Math.max(0, space)).toLowerCase() !== "basic") return replaced(value, pairs);
  const plain = Buffer.from(value.slice(space + 1), "base64").toString("utf8");
  const changed = replaced(plain, pairs);
  return changed === plain ? value : `${value.slice(0, space)} ${Buffer.from(changed, "utf8").toString("base64")}`;
};

/** Makes placeholders for secrets; they are other ones in every process. */
export const makeSecrets = (secrets: ReadonlyArray<DomainSecret>): Secrets => {
  const variables = Object.fromEntries(
    secrets.map(({ name }) => [name, `caisson-secret-${name}-${randomBytes(placeholderBytes).toString("hex")}`]),
  );
  const hosts = new Map<string, Array<readonly [string, Redacted.Redacted]>>();
  for (const { domain, name, value } of secrets) {
    const placeholder = variables[name];
    if (placeholder !== undefined) hosts.set(domain, [...hosts.get(domain) ?? [], [placeholder, value]]);
  }
  return {
    variables,
    of: (host) => {
      const pairs = hosts.get(host);
      return pairs && ((value) => substituted(value, pairs));
    },
  };
};
