/**
 * Gathering: the fragments of calls, as the imitators of Chat Completions send them.
 *
 * Fragments come without an index, or all with index 0; with an id only at first, always, or another
 * each time; whole calls come at once; arguments come as an object, or twice.
 */
import { Option, Schema } from "effect";
import type { ToolCall } from "../../../domain/Message.ts";
import type { OwnOrigin } from "./request.ts";

const Text = Schema.optional(Schema.NullOr(Schema.String));

/** A piece of a call. */
export const Fragment = Schema.Struct({
  index: Schema.optional(Schema.NullOr(Schema.Number)),
  id: Text,
  function: Schema.optional(
    Schema.NullOr(Schema.Struct({ name: Text, arguments: Schema.optional(Schema.Unknown) })),
  ),
  extra_content: Schema.optional(Schema.NullOr(Schema.Json)),
});
export type Fragment = typeof Fragment.Type;

const decodesAsJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown));
const isJson = (text: string): boolean => Option.isSome(decodesAsJson(text));

/** Some servers number the calls of each answer from 1: ids that short come again in the next turn. */
const idLengthLeast = 6;

/** Follows the text of a JSON object to its end, each character once. */
class ObjectEnd {
  #depth = 0;
  #isInText = false;
  #isEscaped = false;
  #hasBegun = false;

  /** Whether a whole object has been read. */
  get isWhole(): boolean {
    return this.#hasBegun && this.#depth === 0;
  }

  read(text: string): void {
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (this.#isEscaped) this.#isEscaped = false;
      else if (this.#isInText) {
        if (code === 92) this.#isEscaped = true;
        else if (code === 34) this.#isInText = false;
      } else if (code === 34) this.#isInText = true;
      else if (code === 123 || code === 91) {
        this.#depth += 1;
        this.#hasBegun = true;
      } else if (code === 125 || code === 93) this.#depth -= 1;
    }
  }
}

/** A call that is under way. */
class Slot {
  id: string;
  name = "";
  extra: OwnOrigin = {};
  readonly #texts: Array<string> = [];
  readonly #end = new ObjectEnd();

  constructor(readonly index: number | undefined, id: string) {
    this.id = id;
  }

  /** Whether its arguments are a whole object, so that nothing of it is missing. */
  get isWhole(): boolean {
    return this.#end.isWhole;
  }

  get hasArguments(): boolean {
    return this.#texts.length > 0;
  }

  append(text: string): void {
    if (text === "") return;
    this.#texts.push(text);
    this.#end.read(text);
  }

  /** The arguments; what a server sent twice counts once. */
  argumentsJson(): string {
    const text = this.#texts.join("").trim();
    if (text === "") return "{}";
    const half = text.slice(0, text.length / 2).trim();
    return half !== "" && text.slice(text.length / 2).trim() === half && !isJson(text) && isJson(half) ? half : text;
  }
}

/** The calls of one turn. */
export class Calls {
  readonly #slots: Array<Slot> = [];

  get count(): number {
    return this.#slots.length;
  }

  gather(fragment: Fragment): void {
    const slot = this.#slotOf(fragment);
    if (slot.id === "") slot.id = fragment.id ?? "";
    if (slot.name === "") slot.name = fragment.function?.name ?? "";
    const given = fragment.function?.arguments;
    if (typeof given === "string") slot.append(given);
    else if (given !== undefined && given !== null) slot.append(JSON.stringify(given));
    const extra = fragment.extra_content;
    if (extra !== undefined && extra !== null) slot.extra = { extra_content: extra };
  }

  /** The gathered calls; one that was cut in the middle of its arguments is none when `dropsCut`. */
  calls(provider: string, makeCallId: () => string, dropsCut: boolean): ReadonlyArray<ToolCall> {
    return this.#slots.flatMap((slot): Array<ToolCall> => {
      const argumentsJson = slot.argumentsJson();
      if (slot.name === "" || (dropsCut && !isJson(argumentsJson))) return [];
      return [{
        id: slot.id.length < idLengthLeast ? makeCallId() : slot.id,
        name: slot.name,
        argumentsJson,
        origin: { provider, data: { ...slot.extra } },
      }];
    });
  }

  /** The call a fragment belongs to: by index, then by id, then the newest, unless it opens another. */
  #slotOf(fragment: Fragment): Slot {
    const id = fragment.id ?? "";
    const index = fragment.index ?? undefined;
    const found = index === undefined
      ? this.#slots.findLast((slot) => id !== "" && slot.id === id) ?? this.#slots.at(-1)
      : this.#slots.findLast((slot) => slot.index === index);
    if (found !== undefined && !this.#opensAnother(found, fragment)) return found;
    const slot = new Slot(index, id);
    this.#slots.push(slot);
    return slot;
  }

  /**
   * Whether a fragment begins a call after the one that it would belong to.
   *
   * *Details*: a new id alone does not, since some servers make one for each fragment: it needs a name,
   * and a call before it that is whole or has another name.
   */
  #opensAnother(slot: Slot, { id, index, function: called }: Fragment): boolean {
    const name = called?.name ?? "";
    if (name === "" || slot.name === "") return false;
    const hasNewId = (id ?? "") !== "" && slot.id !== "" && id !== slot.id;
    if (hasNewId) return slot.isWhole || name !== slot.name;
    // Without an index and an id a name is all that tells.
    return (id ?? "") === "" && (index === undefined || index === null) && (slot.isWhole || name !== slot.name);
  }
}
