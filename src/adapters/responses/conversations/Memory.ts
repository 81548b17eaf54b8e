/**
 * Conversations in the memory of this process: nothing survives a restart.
 */
import { Clock, Effect, Layer, Option } from "effect";
import { Settings } from "../../../config.ts";
import type { OwnerKey } from "../../../domain/Owner.ts";
import {
  type ConversationEntry,
  ConversationStore,
  type StoredConversation,
} from "../../../services/ConversationStore.ts";
import { dayMs } from "../bounds.ts";
import { Chains, knownChain } from "../chains.ts";

/** Characters of conversations kept at once, an eighth of a gigabyte of strings; those unused for longest go first. */
const charactersMax = 64 * 1024 * 1024;

interface Kept {
  readonly owner: OwnerKey;
  conversation: StoredConversation;
  entries: ReadonlyArray<ConversationEntry>;
  version: number;
  expiresAtMs: number;
  characters: number;
}

/** Conversations by owner and id, those changed longest ago first. */
class Conversations {
  readonly chains = new Chains();
  readonly #kept = new Map<string, Kept>();
  #characters = 0;

  static #name(owner: OwnerKey, id: string): string {
    return `${owner} ${id}`;
  }

  find(owner: OwnerKey, id: string, nowMs: number): Kept | undefined {
    const kept = this.#kept.get(Conversations.#name(owner, id));
    if (kept === undefined || kept.expiresAtMs > nowMs) return kept;
    this.remove(owner, id);
    return undefined;
  }

  put(kept: Kept): void {
    const { owner, conversation: { id } } = kept;
    this.#characters += kept.characters - (this.#kept.get(Conversations.#name(owner, id))?.characters ?? 0);
    this.#kept.delete(Conversations.#name(owner, id));
    this.#kept.set(Conversations.#name(owner, id), kept);
    for (const oldest of this.#kept.values()) {
      if (this.#characters <= charactersMax || this.#kept.size === 1) return;
      this.remove(oldest.owner, oldest.conversation.id);
    }
  }

  remove(owner: OwnerKey, id: string): boolean {
    const name = Conversations.#name(owner, id);
    this.#characters -= this.#kept.get(name)?.characters ?? 0;
    this.chains.delete(owner, id);
    return this.#kept.delete(name);
  }

  erase(owner: OwnerKey): void {
    for (const kept of [...this.#kept.values()]) if (kept.owner === owner) this.remove(owner, kept.conversation.id);
  }
}

const sizeOf = (entry: ConversationEntry): number => JSON.stringify(entry).length;
const sizeOfAll = (entries: ReadonlyArray<ConversationEntry>): number =>
  entries.reduce((sum, entry) => sum + sizeOf(entry), 0);

const make = Effect.gen(function* () {
  const { conversationRetentionDays } = yield* Settings;
  const keptMs = conversationRetentionDays * dayMs;
  const conversations = new Conversations();
  const at = <A>(work: (nowMs: number) => A) => Effect.map(Clock.currentTimeMillis, work);

  /** Changes a conversation; false when it is not there, or the change says that nothing is to be changed. */
  const change = (owner: OwnerKey, id: string, work: (kept: Kept, nowMs: number) => Partial<Kept> | undefined) =>
    at((nowMs) => {
      const kept = conversations.find(owner, id, nowMs);
      const changes = kept === undefined ? undefined : work(kept, nowMs);
      if (kept === undefined || changes === undefined) return false;
      conversations.put({ ...kept, expiresAtMs: nowMs + keptMs, version: kept.version + 1, ...changes });
      return true;
    });

  return ConversationStore.of({
    create: (owner, conversation, entries) =>
      at((nowMs) => {
        const expiresAtMs = nowMs + keptMs;
        conversations.put({ owner, conversation, entries, version: 0, expiresAtMs, characters: sizeOfAll(entries) });
      }),
    find: (owner, id) => at((nowMs) => Option.fromUndefinedOr(conversations.find(owner, id, nowMs)?.conversation)),
    describe: (owner, id, metadata) =>
      change(owner, id, ({ conversation, version }) => ({ conversation: { ...conversation, metadata }, version })),
    entries: (owner, id) => at((nowMs) => Option.fromUndefinedOr(conversations.find(owner, id, nowMs)?.entries)),
    chain: (owner, id) =>
      at((nowMs) => {
        const kept = conversations.find(owner, id, nowMs);
        if (kept === undefined) return Option.none();
        const version = String(kept.version);
        const known = conversations.chains.get(owner, id, version, nowMs);
        if (known !== undefined) return Option.some(known);
        const links = kept.entries.map(({ turn }) => ({ turn, expiresAtMs: Infinity, characters: 0 }));
        const read = knownChain(links, version);
        conversations.chains.add(owner, id, read);
        return Option.some(read.chain);
      }),
    append: (owner, id, entry) =>
      change(owner, id, ({ entries, characters, version }) => {
        const link = { turn: entry.turn, expiresAtMs: Infinity, characters: 0 };
        conversations.chains.advance(owner, id, String(version), String(version + 1), link);
        return { entries: [...entries, entry], characters: characters + sizeOf(entry) };
      }),
    replace: (owner, id, entry) =>
      change(owner, id, ({ entries }) => {
        if (!entries.some((each) => each.id === entry.id)) return undefined;
        const replaced = entries.flatMap((each) =>
          each.id !== entry.id ? [each] : entry.items.length === 0 ? [] : [entry]
        );
        return { entries: replaced, characters: sizeOfAll(replaced) };
      }),
    remove: (owner, id) =>
      at((nowMs) => conversations.find(owner, id, nowMs) !== undefined && conversations.remove(owner, id)),
    erase: (owner) => Effect.sync(() => conversations.erase(owner)),
  });
});

/** Conversations in memory, bounded in size. */
export const layer: Layer.Layer<ConversationStore, never, Settings> = Layer.effect(ConversationStore, make);
