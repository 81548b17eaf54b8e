/**
 * What a span or a line of the log carries beside its words.
 */
import { OtlpResource } from "effect/observability";

/** A value as it is kept: what is no plain one is converted at once, so that nothing is held that may change. */
export type KeptValue = string | number | boolean | OtlpResource.AnyValue;

const kept = (value: unknown): KeptValue =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? value
    : OtlpResource.unknownToAttributeValue(value);

/**
 * Names and their values, in the order in which the names first came; a value that comes again replaces the first.
 *
 * *Details*: two lists, because every request makes some, and an object for each pair would cost more than the rest.
 */
export class Attributes {
  readonly names: Array<string> = [];
  readonly values: Array<KeptValue> = [];

  /** How many there are. */
  get size(): number {
    return this.names.length;
  }

  set(name: string, value: unknown): void {
    const at = this.names.indexOf(name);
    if (at >= 0) this.values[at] = kept(value);
    else this.add(name, value);
  }

  /** As `set`, for a name that is not there yet: it is not looked for. */
  add(name: string, value: unknown): void {
    this.names.push(name);
    this.values.push(kept(value));
  }
}
