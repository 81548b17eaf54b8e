/**
 * Secrets that requests to some hosts carry and that code in sandboxes never sees.
 */
import { Option, Redacted, Schema } from "effect";
import { hostName } from "./EgressRule.ts";

/** A value that goes out only to one host, and the variable that names it in sandboxes. */
export interface DomainSecret {
  readonly domain: string;
  readonly name: string;
  readonly value: Redacted.Redacted;
}

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Schema.Struct({
  domain: Schema.String,
  name: Schema.String,
  value: Schema.String,
}))));

/** What a name of a variable may be in every shell. */
const isVariable = (name: string): boolean => name.length <= 100 && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
/** What may stand in a header. */
const isHeaderValue = (value: string): boolean => value !== "" && value.length <= 8_192 && /^[\x21-\x7e]+$/.test(value);

/** Reads a JSON list of secrets; none when one of them has no host, no variable or a value that no header takes. */
export const parseDomainSecrets = (text: string): Option.Option<ReadonlyArray<DomainSecret>> =>
  Option.flatMap(decode(text), (entries) => {
    const secrets: Array<DomainSecret> = [];
    const values = new Map<string, string>();
    for (const { domain, name, value } of entries) {
      const host = hostName(domain);
      // One variable with two values would leave open which of them a host gets.
      const isOther = values.has(name) && values.get(name) !== value;
      if (host === undefined || isOther || !isVariable(name) || !isHeaderValue(value)) return Option.none();
      values.set(name, value);
      secrets.push({ domain: host, name, value: Redacted.make(value) });
    }
    return Option.some(secrets);
  });
