/**
 * Responses in the memory of this process: nothing survives a restart.
 */
import { Clock, Effect, Layer, Option } from "effect";
import { Settings } from "../../config.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { type Chain, chainMax, ResponseStore, type StoredResponse } from "../../services/ResponseStore.ts";
import { dayMs } from "./bounds.ts";
import { chainOf, Chains, knownChain, type Link } from "./chains.ts";
import { MemoryWaiting } from "./waiting/Memory.ts";

/** Characters of responses kept at once, a quarter of a gigabyte of strings; those kept for longest go first. */
const charactersMax = 128 * 1024 * 1024;

interface Entry {
  response: StoredResponse;
  readonly owner: OwnerKey;
  readonly expiresAtMs: number;
  readonly characters: number;
}

/** What a number and the like count for, in characters. */
const otherCharacters = 8;

/** About how many characters a value has as JSON; that text itself is made for nobody here. */
const charactersIn = (value: unknown): number => {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return otherCharacters;
  let characters = 2;
  if (Array.isArray(value)) {
    for (const each of value) characters += charactersIn(each);
    return characters;
  }
  for (const [key, each] of Object.entries(value)) characters += key.length + 3 + charactersIn(each);
  return characters;
};

/** Chains are dropped with what they are made of, so one version is enough. */
const version = "";

/** Responses by owner and id, those kept for longest first. */
class Entries {
  readonly chains = new Chains();
  readonly #entries = new Map<string, Entry>();
  #characters = 0;

  static #name(owner: OwnerKey, id: string): string {
    return `${owner} ${id}`;
  }

  put(owner: OwnerKey, response: StoredResponse, expiresAtMs: number): void {
    const characters = charactersIn(response);
    const { id, previous, turn, aliveUntilMs } = response;
    if (aliveUntilMs > 0 || this.#entries.has(Entries.#name(owner, id))) this.remove(owner, id);
    // The turn itself is counted with its response.
    if (aliveUntilMs === 0) this.chains.extend(owner, previous, id, { turn, expiresAtMs, characters: 0 }, version);
    this.#entries.set(Entries.#name(owner, response.id), { response, owner, expiresAtMs, characters });
    this.#characters += characters;
    for (const oldest of this.#entries.values()) {
      if (this.#characters <= charactersMax || this.#entries.size === 1) return;
      this.remove(oldest.owner, oldest.response.id);
    }
  }

  find(owner: OwnerKey, id: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(Entries.#name(owner, id));
    if (entry === undefined || entry.expiresAtMs > nowMs) return entry;
    this.remove(owner, id);
    return undefined;
  }

  remove(owner: OwnerKey, id: string): void {
    const name = Entries.#name(owner, id);
    this.#characters -= this.#entries.get(name)?.characters ?? 0;
    if (this.#entries.delete(name)) this.chains.forget(owner);
  }

  erase(owner: OwnerKey): void {
    for (const entry of [...this.#entries.values()]) if (entry.owner === owner) this.remove(owner, entry.response.id);
  }
}

const make = Effect.gen(function* () {
  const { responseRetentionDays } = yield* Settings;
  const entries = new Entries();
  const waiting = new MemoryWaiting();
  const at = <A>(work: (nowMs: number) => A) => Effect.map(Clock.currentTimeMillis, work);

  const chain = (owner: OwnerKey, id: string, nowMs: number): Option.Option<Chain> => {
    const known = entries.chains.get(owner, id, version, nowMs);
    if (known !== undefined) return Option.some(known);
    const links: Array<Link> = [];
    let next = entries.find(owner, id, nowMs);
    if (next === undefined) return Option.none();
    let goesOn = false;
    while (next !== undefined && links.length < chainMax) {
      const { response: { turn, previous, aliveUntilMs }, expiresAtMs }: Entry = next;
      links.push({ turn, expiresAtMs, characters: 0 });
      goesOn ||= aliveUntilMs > 0;
      next = previous === null ? undefined : entries.find(owner, previous, nowMs);
    }
    links.reverse();
    if (goesOn) return Option.some(chainOf(links.map(({ turn }) => turn)));
    const read = knownChain(links, version);
    entries.chains.add(owner, id, read);
    return Option.some(read.chain);
  };

  return ResponseStore.of({
    put: (owner, response) => at((nowMs) => entries.put(owner, response, nowMs + responseRetentionDays * dayMs)),
    renew: (owner, id, aliveUntilMs) =>
      at((nowMs) => {
        const entry = entries.find(owner, id, nowMs);
        if (entry !== undefined && entry.response.aliveUntilMs > 0) {
          entry.response = { ...entry.response, aliveUntilMs };
        }
      }),
    find: (owner, id) => at((nowMs) => Option.fromUndefinedOr(entries.find(owner, id, nowMs)?.response)),
    chain: (owner, id) => at((nowMs) => chain(owner, id, nowMs)),
    hold: (owner, id, call) => at((nowMs) => waiting.hold(owner, id, call, nowMs)),
    held: (owner, id) => at((nowMs) => Option.fromUndefinedOr(waiting.find(owner, id, nowMs)?.waiting)),
    claim: (owner, id) => at((nowMs) => waiting.claim(owner, id, nowMs)),
    settle: (owner, id, outcome) => at((nowMs) => waiting.settle(owner, id, outcome, nowMs)),
    remove: (owner, id) =>
      at((nowMs) => {
        waiting.remove(owner, (call) => call.response === id);
        const isThere = entries.find(owner, id, nowMs) !== undefined;
        entries.remove(owner, id);
        return isThere;
      }),
    erase: (owner) =>
      Effect.sync(() => {
        entries.erase(owner);
        waiting.remove(owner, () => true);
      }),
  });
});

/** Responses in memory, bounded in size. */
export const layer: Layer.Layer<ResponseStore, never, Settings> = Layer.effect(ResponseStore, make);
