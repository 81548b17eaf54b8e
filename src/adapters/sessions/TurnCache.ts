/**
 * Decoded turns of sessions lately used, so that a store reads and decodes a turn once.
 *
 * Turns are immutable and sessions only grow, so what is cached is never wrong, only short: a store
 * asks its database for what comes after. A session that was removed and begun anew has another life.
 */
import type { Turn } from "../../domain/Session.ts";

/** Characters of stored turns that are kept decoded. */
const charactersMax = 64 * 1024 * 1024;

interface Entry {
  /** Which life of the session the turns are from. */
  readonly life: string;
  readonly turns: Array<Turn>;
  characters: number;
}

/** A cache of turn lists by session, the least recently used forgotten first. */
export class TurnCache {
  readonly #entries = new Map<string, Entry>();
  readonly #charactersMax: number;
  #characters = 0;

  constructor(max: number = charactersMax) {
    this.#charactersMax = max;
  }

  /** How much of a session is known: its first turns without a gap, and the life they are from. */
  known(session: string): { readonly life: string; readonly count: number } {
    const entry = this.#entries.get(session);
    return { life: entry?.life ?? "", count: entry?.turns.length ?? 0 };
  }

  /** The known turns of a life of a session, as a list of the caller's own. */
  turns(session: string, life: string): Array<Turn> {
    const entry = this.#entries.get(session);
    if (entry === undefined || entry.life !== life) return [];
    this.#entries.delete(session);
    this.#entries.set(session, entry);
    return [...entry.turns];
  }

  /**
   * Adds a turn when it is the one after those known; `index` counts from 0, `characters` is its stored size.
   *
   * A turn of another life replaces what was known.
   */
  add(session: string, life: string, index: number, turn: Turn, characters: number): void {
    if (this.known(session).life !== life) this.delete(session);
    if (index !== this.known(session).count) return;
    const entry = this.#entries.get(session) ?? { life, turns: [], characters: 0 };
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
