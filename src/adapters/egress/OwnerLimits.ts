/**
 * Owners who may reach less than the operator allows, with secrets of their own.
 */
import { Redacted } from "effect";
import { egressRuleText } from "../../domain/EgressRule.ts";
import type { EgressRule } from "../../domain/EgressRule.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import type { EgressLimit } from "../../services/Egress.ts";
import { makeSecrets, type Secrets } from "./secrets.ts";

/** What one owner is held to. */
export interface OwnerLimit {
  readonly rules: ReadonlyArray<EgressRule>;
  /** None where the owner has none of its own. */
  readonly secrets: Secrets | undefined;
}

interface Entry extends OwnerLimit {
  readonly given: EgressLimit;
}

const isSame = (one: EgressLimit, other: EgressLimit): boolean =>
  one.rules.length === other.rules.length && one.secrets.length === other.secrets.length &&
  one.rules.every((rule, at) => {
    const against = other.rules[at];
    return against !== undefined && egressRuleText(rule) === egressRuleText(against);
  }) &&
  one.secrets.every((secret, at) => {
    const against = other.secrets[at];
    return against !== undefined && secret.domain === against.domain && secret.name === against.name &&
      Redacted.value(secret.value) === Redacted.value(against.value);
  });

/** The limits of every owner who has one. */
export class OwnerLimits {
  readonly #entries = new Map<OwnerKey, Entry>();

  of(key: OwnerKey): OwnerLimit | undefined {
    return this.#entries.get(key);
  }

  /** Holds an owner to a limit, or to none; the same one as before keeps its placeholders. */
  set(key: OwnerKey, limit: EgressLimit | undefined): void {
    if (limit === undefined) {
      this.#entries.delete(key);
      return;
    }
    const known = this.#entries.get(key);
    if (known !== undefined && isSame(known.given, limit)) return;
    const { rules, secrets } = limit;
    this.#entries.set(key, { given: limit, rules, secrets: secrets.length === 0 ? undefined : makeSecrets(secrets) });
  }
}
