/**
 * Thoughts that clients carry for us: what only the model's provider understands of them, sealed into `reasoning`
 * items, for clients that have nothing stored and send everything back.
 *
 * What is sealed comes back as it was: a provider refuses its own signatures when a byte of them is missing.
 */
import { createHash } from "node:crypto";
import { Option, Schema } from "effect";
import type { AgentEvent } from "../../../domain/AgentEvent.ts";
import { Origin, ReasoningPart, type ToolCall } from "../../../domain/Message.ts";
import type { OwnerKey } from "../../../domain/Owner.ts";
import { openText, sealText } from "../../../runs/sealedText.ts";

/** What one item holds: thoughts in their order, and what the provider wants back with calls that follow. */
const Thoughts = Schema.Struct({
  parts: Schema.Array(ReasoningPart),
  calls: Schema.Array(Schema.Struct({ id: Schema.String, origin: Origin })),
});
export type Thoughts = typeof Thoughts.Type;

/** Seals the thoughts of an item; the same for the same item, whenever it is told. None for what is too long. */
export type SealThoughts = (itemId: string, thoughts: Thoughts) => string | undefined;

/** Characters that are sealed: longer thoughts are told as their summary alone. */
const charactersMax = 2 * 1024 * 1024;

const mark = "caisson1";
const markOf = (secret: string): string =>
  `${mark}.${createHash("sha256").update(`caisson thoughts ${secret}`).digest("hex").slice(0, 16)}.`;

/** Makes what seals an owner's thoughts. */
export const sealerOf = (secret: string, owner: OwnerKey): SealThoughts => {
  const begin = markOf(secret);
  return (itemId, thoughts) => {
    const text = JSON.stringify(thoughts);
    return text.length > charactersMax ? undefined : begin + sealText(secret, owner, text, itemId);
  };
};

const decodeThoughts = Schema.decodeUnknownOption(Schema.fromJsonString(Thoughts));

/**
 * Opens what was sealed here for an owner.
 *
 * *Details*: undefined for what another server sealed, or this one with a secret that it has no more. None for what
 * this server sealed and that was altered since, or sealed for somebody else.
 */
export const openThoughts = (secret: string, owner: OwnerKey, sealed: string): Option.Option<Thoughts> | undefined => {
  const begin = markOf(secret);
  if (!sealed.startsWith(begin)) return undefined;
  return Option.flatMap(openText(secret, owner, sealed.slice(begin.length)), decodeThoughts);
};

/** Gathers the thoughts of a run until an item tells them. */
export class Gathered {
  #parts: Array<ReasoningPart> = [];
  #calls: Array<Thoughts["calls"][number]> = [];
  #text = "";

  /** Hears a thought. */
  think({ text, origin }: Extract<AgentEvent, { readonly _tag: "ReasoningDelta" }>): void {
    this.#text += text;
    if (origin === undefined) return;
    this.#parts.push({ _tag: "Reasoning", text: this.#text, origin });
    this.#text = "";
  }

  /** Hears a call, under the id by which it is sent back. */
  call(id: string, { origin }: ToolCall): void {
    if (origin !== undefined && Object.keys(origin.data).length > 0) this.#calls.push({ id, origin });
  }

  /** There is something that no item has told. */
  get isLeft(): boolean {
    return this.#parts.length > 0 || this.#calls.length > 0;
  }

  /** What was gathered; it is gathered anew from here on. */
  take(): Thoughts {
    const rest = this.#text === "" ? [] : [{ _tag: "Reasoning" as const, text: this.#text }];
    const taken = { parts: [...this.#parts, ...rest], calls: this.#calls };
    [this.#parts, this.#calls, this.#text] = [[], [], ""];
    return taken;
  }
}
