/**
 * Decoded turns of sessions lately used, so that a store reads and decodes a turn once.
 *
 * Turns are immutable and sessions only grow, so what is cached is never wrong, only short: a store
 * asks its database for what comes after. A session that was removed and begun anew has another name
 * here.
 */
import type { Turn } from "../../domain/Session.ts";

/** Characters of stored turns that are kept decoded. */
const charactersMax = 64 * 1024 * 1024;

interface Entry {
  readonly turns: Array<Turn>;
  characters: number;
}

/** A cache of turn lists by the unique name of their session, the least recently used forgotten first. */
export class TurnCache {
  readonly #entries = new Map<string, Entry>();
  readonly #charactersMax: number;
  #characters = 0;

  constructor(max: number = charactersMax) {
    this.#charactersMax = max;
  }

  /** How many turns of a session are known: its first ones, without a gap. */
  count(session: string): number {
    return this.#entries.get(session)?.turns.length ?? 0;
  }

  /** The known turns of a session, as a list of the caller's own. */
  turns(session: string): Array<Turn> {
    const entry = this.#entries.get(session);
    if (entry === undefined) return [];
    this.#entries.delete(session);
    this.#entries.set(session, entry);
    return [...entry.turns];
  }

  /** Adds a turn when it is the one after those known; `index` counts from 0, `characters` is its stored size. */
  add(session: string, index: number, turn: Turn, characters: number): void {
    if (index !== this.count(session)) return;
    const entry = this.#entries.get(session) ?? { turns: [], characters: 0 };
    entry.turns.push(turn);
    entry.characters += characters;
    this.#characters += characters;
    this.#entries.delete(session);
    this.#entries.set(session, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#characters <= this.#charactersMax) return;
      this.delete(oldest);
    }
  }

  /** Forgets a session. */
  delete(session: string): void {
    const entry = this.#entries.get(session);
    if (entry === undefined) return;
    this.#entries.delete(session);
    this.#characters -= entry.characters;
  }
}
