/**
 * What the visits of a server came to since its start, for telemetry.
 */
import { Effect } from "effect";
import type { PreviewRefusal } from "../../services/Previews.ts";
import type { Visitor } from "./Visitor.ts";

/** Counts of all visits. */
export class VisitCounts {
  /** Bytes that visitors sent. */
  upBytes = 0;
  /** Bytes that visitors were sent. */
  downBytes = 0;
  readonly #refused = new Map<PreviewRefusal, number>();

  /** Visitors whom no program answered, by the word that they were told. */
  get refused(): Readonly<Partial<Record<PreviewRefusal, number>>> {
    return Object.fromEntries(this.#refused);
  }

  /** Counts a visitor whom no program answered. */
  refuse(word: PreviewRefusal): void {
    this.#refused.set(word, (this.#refused.get(word) ?? 0) + 1);
  }

  /** The same visitor, whose bytes are counted. */
  counted({ read, writeSome, end }: Visitor): Visitor {
    return {
      read: Effect.tap(read, (bytes) => {
        this.upBytes += bytes?.length ?? 0;
        return Effect.void;
      }),
      writeSome: (bytes) =>
        Effect.tap(writeSome(bytes), (count) => {
          this.downBytes += count;
          return Effect.void;
        }),
      end,
    };
  }
}
