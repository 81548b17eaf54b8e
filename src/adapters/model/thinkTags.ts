/**
 * Thoughts that a model writes into its answer, between `<think>` and `</think>`, told as thoughts.
 *
 * For servers that do not take them out themselves; which models do so is for the routing table to say. A
 * pure step over the text as it comes: only the beginning of an answer is looked at, each character once.
 */
import type { ModelEvent } from "../../services/Model.ts";

const opening = "<think>";
const closing = "</think>";

/** Blank characters before a tag; an answer that begins with more is one without. */
const beforeMax = 1000;

type Place = "before" | "inside" | "after";

/** One answer that is under way. */
export class ThinkTags {
  #place: Place = "before";
  /** What may be the beginning of a tag. */
  #held = "";
  /** Blank lines between the thoughts and the answer belong to neither. */
  #isBetween = false;

  /** The events of one event of the model. */
  step(event: ModelEvent): ReadonlyArray<ModelEvent> {
    if (event._tag === "TextDelta") return this.#text(event.text);
    if (event._tag === "ReasoningDelta" || this.#held === "") return [event];
    return [...this.#rest(), event];
  }

  #text(text: string): ReadonlyArray<ModelEvent> {
    const all = this.#held + text;
    this.#held = "";
    switch (this.#place) {
      case "after": {
        const answer = this.#isBetween ? all.trimStart() : all;
        if (answer === "") return [];
        this.#isBetween = false;
        return [{ _tag: "TextDelta", text: answer }];
      }
      case "before": {
        const start = all.trimStart();
        if (start.startsWith(opening)) {
          this.#place = "inside";
          return this.#text(start.slice(opening.length));
        }
        if (opening.startsWith(start) && all.length < beforeMax) {
          this.#held = all;
          return [];
        }
        this.#place = "after";
        return [{ _tag: "TextDelta", text: all }];
      }
      case "inside": {
        const end = all.indexOf(closing);
        if (end < 0) {
          const kept = this.#beginningOfClosing(all);
          this.#held = all.slice(all.length - kept);
          return thought(all.slice(0, all.length - kept));
        }
        this.#place = "after";
        this.#isBetween = true;
        return [...thought(all.slice(0, end)), ...this.#text(all.slice(end + closing.length))];
      }
    }
  }

  /** Characters at the end of a text that may be the beginning of the closing tag. */
  #beginningOfClosing(text: string): number {
    for (let length = Math.min(closing.length - 1, text.length); length > 0; length--) {
      if (closing.startsWith(text.slice(-length))) return length;
    }
    return 0;
  }

  #rest(): ReadonlyArray<ModelEvent> {
    const text = this.#held;
    this.#held = "";
    return this.#place === "inside" ? thought(text) : [{ _tag: "TextDelta", text }];
  }
}

const thought = (text: string): ReadonlyArray<ModelEvent> => text === "" ? [] : [{ _tag: "ReasoningDelta", text }];
