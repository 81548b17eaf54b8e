/**
 * What a run said, as it is kept to be told again: the pieces of a text as the text and where it was cut.
 *
 * A stream has thousands of pieces; one text and their lengths are gathered, written and read for a fraction of the
 * cost of as many events.
 */
import { Schema } from "effect";
import { AgentEvent } from "./AgentEvent.ts";

/** Pieces of text that followed one another. */
export const TextPieces = Schema.TaggedStruct("TextPieces", {
  /** The events that they were. */
  of: Schema.Literals(["TextDelta", "ReasoningDelta"]),
  text: Schema.String,
  /** UTF-16 units of each piece. */
  lengths: Schema.Array(Schema.Int),
});
export type TextPieces = typeof TextPieces.Type;

/** One thing that is kept of a run. */
export const KeptEvent = Schema.Union([AgentEvent, TextPieces]);
export type KeptEvent = typeof KeptEvent.Type;

/** What an event costs beside its text, in characters. */
const eventCharacters = 64;
/** What a piece costs beside its text: its length in digits. */
const pieceCharacters = 4;

const charactersOf = (event: AgentEvent): number =>
  eventCharacters + ("text" in event ? event.text.length : "call" in event ? event.call.argumentsJson.length : 0) +
  (event._tag === "ReasoningDelta" && event.origin !== undefined ? JSON.stringify(event.origin).length : 0);

/** Gathers what a run says, in order. */
export class Gathered {
  readonly #kept: Array<KeptEvent> = [];
  #characters = 0;
  /** The pieces that are being gathered. */
  #of: TextPieces["of"] = "TextDelta";
  #text = "";
  #lengths: Array<number> = [];

  add(event: AgentEvent): void {
    const isPiece = event._tag === "TextDelta" || (event._tag === "ReasoningDelta" && event.origin === undefined);
    if (!isPiece) {
      this.#close();
      this.#kept.push(event);
      this.#characters += charactersOf(event);
      return;
    }
    if (this.#of !== event._tag) {
      this.#close();
      this.#of = event._tag;
    }
    this.#text += event.text;
    this.#lengths.push(event.text.length);
  }

  #close(): void {
    const lengths = this.#lengths;
    if (lengths.length === 0) return;
    this.#kept.push({ _tag: "TextPieces", of: this.#of, text: this.#text, lengths });
    this.#characters += eventCharacters + this.#text.length + lengths.length * pieceCharacters;
    this.#text = "";
    this.#lengths = [];
  }

  /** What was gathered so far, and about how many characters it is written with. */
  get whole(): { readonly events: ReadonlyArray<KeptEvent>; readonly characters: number } {
    this.#close();
    return { events: this.#kept, characters: this.#characters };
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0 && this.#lengths.length === 0;
  }
}

/** The events that were gathered, each as it was. */
export const eventsOf = (kept: ReadonlyArray<KeptEvent>): ReadonlyArray<AgentEvent> =>
  kept.flatMap((event): ReadonlyArray<AgentEvent> => {
    if (event._tag !== "TextPieces") return [event];
    let at = 0;
    return event.lengths.map((length) => ({ _tag: event.of, text: event.text.slice(at, at += length) }));
  });

/** Texts that follow one another as one: what a run comes to does not depend on how it was cut. */
export const joinedEvents = (kept: ReadonlyArray<KeptEvent>): ReadonlyArray<AgentEvent> => {
  const whole: Array<AgentEvent> = [];
  for (const event of kept) {
    const read: AgentEvent = event._tag === "TextPieces" ? { _tag: event.of, text: event.text } : event;
    const last = whole.at(-1);
    // An origin is of all that was thought since the one before it.
    const isSame = (read._tag === "TextDelta" && last?._tag === "TextDelta") ||
      (read._tag === "ReasoningDelta" && last?._tag === "ReasoningDelta" && last.origin === undefined);
    if (isSame && last !== undefined && "text" in last && "text" in read) {
      whole[whole.length - 1] = { ...read, text: last.text + read.text };
    } else whole.push(read);
  }
  return whole;
};
