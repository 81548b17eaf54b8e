/**
 * Chains as they were read last, so that a turn at the end of a long one costs what a turn of a short one does.
 *
 * A response that has ended never changes, so a chain stays what it is until one of its responses goes: by its
 * retention, which the chain knows, or by somebody's wish, which changes the version of the store.
 */
import type { OwnerKey } from "../../domain/Owner.ts";
import {
  askedAfter,
  type Chain,
  chainAfter,
  chainMax,
  noChain,
  openAfter,
  type ResponseTurn,
} from "../../services/ResponseStore.ts";

/** Memory of all chains that are kept, in characters; those used longest ago go first. */
const charactersMax = 32 * 1024 * 1024;
/** What a message costs beside its text. */
const messageCharacters = 16;

/** A chain, and until when it is what it is. */
export interface KnownChain {
  readonly chain: Chain;
  /** Responses of which it is made. */
  readonly links: number;
  /** The version of the store in which it was read. */
  readonly version: string;
  readonly expiresAtMs: number;
  readonly characters: number;
}

/** A response that joins a chain. */
export interface Link {
  readonly turn: ResponseTurn;
  readonly expiresAtMs: number;
  readonly characters: number;
}

/** The chain of turns in their order. */
export const chainOf = (turns: ReadonlyArray<ResponseTurn>): Chain => {
  let { openCalls, asked }: Chain = noChain;
  for (const turn of turns) {
    openCalls = openAfter(openCalls, turn);
    ({ asked } = askedAfter(asked, turn, openCalls));
  }
  return {
    messages: turns.flatMap(({ messages }) => messages),
    instructions: turns.flatMap(({ instructions }) => instructions),
    openCalls,
    ...(asked !== undefined && { asked }),
  };
};

/** The chain of links in their order, none of which goes on any more. */
export const knownChain = (links: ReadonlyArray<Link>, version: string): KnownChain => ({
  chain: chainOf(links.map(({ turn }) => turn)),
  links: links.length,
  version,
  expiresAtMs: links.reduce((soonest, { expiresAtMs }) => Math.min(soonest, expiresAtMs), Infinity),
  characters: links.reduce((sum, { turn, characters }) => sum + costOf(turn, characters), 0),
});

const costOf = ({ messages }: ResponseTurn, characters: number): number =>
  characters + messages.length * messageCharacters;

/** Chains of one process, by owner and last response. */
export class Chains {
  readonly #known = new Map<OwnerKey, Map<string, KnownChain>>();
  /** The same chains, those used longest ago first. */
  readonly #recent = new Map<KnownChain, readonly [OwnerKey, string]>();
  #characters = 0;

  get(owner: OwnerKey, id: string, version: string, nowMs: number): Chain | undefined {
    const found = this.#known.get(owner)?.get(id);
    if (found === undefined) return undefined;
    if (found.version !== version || found.expiresAtMs <= nowMs) {
      this.delete(owner, id);
      return undefined;
    }
    this.#recent.delete(found);
    this.#recent.set(found, [owner, id]);
    return found.chain;
  }

  add(owner: OwnerKey, id: string, chain: KnownChain): void {
    this.delete(owner, id);
    const owned = this.#known.get(owner) ?? new Map<string, KnownChain>();
    this.#known.set(owner, owned.set(id, chain));
    this.#recent.set(chain, [owner, id]);
    this.#characters += chain.characters;
    for (const [oldest, id] of this.#recent.values()) {
      if (this.#characters <= charactersMax) return;
      this.delete(oldest, id);
    }
  }

  /** Notes a response that has ended; `version` is of a store in which it begins a chain. */
  extend(owner: OwnerKey, previous: string | null, id: string, link: Link, version: string): void {
    this.delete(owner, id);
    if (previous === null) return this.add(owner, id, knownChain([link], version));
    const before = this.#known.get(owner)?.get(previous);
    if (before === undefined || before.links >= chainMax) return;
    this.add(owner, id, {
      chain: chainAfter(before.chain, link.turn),
      links: before.links + 1,
      version: before.version,
      expiresAtMs: Math.min(before.expiresAtMs, link.expiresAtMs),
      characters: before.characters + costOf(link.turn, link.characters),
    });
  }

  /** Adds a link to a chain whose version the link has changed; one of another version is forgotten. */
  advance(owner: OwnerKey, id: string, from: string, to: string, link: Link): void {
    const before = this.#known.get(owner)?.get(id);
    if (before === undefined) return;
    if (before.version !== from) return this.delete(owner, id);
    this.add(owner, id, {
      chain: chainAfter(before.chain, link.turn),
      links: before.links + 1,
      version: to,
      expiresAtMs: Math.min(before.expiresAtMs, link.expiresAtMs),
      characters: before.characters + costOf(link.turn, link.characters),
    });
  }

  delete(owner: OwnerKey, id: string): void {
    const owned = this.#known.get(owner);
    const found = owned?.get(id);
    if (owned === undefined || found === undefined) return;
    owned.delete(id);
    if (owned.size === 0) this.#known.delete(owner);
    this.#recent.delete(found);
    this.#characters -= found.characters;
  }

  /** Forgets every chain of an owner. */
  forget(owner: OwnerKey): void {
    for (const id of [...this.#known.get(owner)?.keys() ?? []]) this.delete(owner, id);
  }

  /** Forgets everything. */
  clear(): void {
    this.#known.clear();
    this.#recent.clear();
    this.#characters = 0;
  }
}
