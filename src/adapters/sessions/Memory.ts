/**
 * Sessions in the memory of this process: nothing survives a restart.
 *
 * For tests, for trying things out and for programs that embed the agent.
 */
import { Clock, Effect, Layer, Schedule } from "effect";
import { Settings } from "../../config.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";
import { ownerKey } from "../../domain/ids.ts";
import {
  awaitsApproval,
  firstWords,
  type NewTurn,
  placeTurn,
  type Session,
  type SessionKey,
  type Turn,
} from "../../domain/Session.ts";
import { type Claim, Sessions, type SessionsService, type SessionSummary } from "../../services/Sessions.ts";
import { makeSecret } from "./storeSecret.ts";
import { tryStore } from "./tryStore.ts";
import { sessionsPerOwnerMax, sweepIntervalMs } from "./bounds.ts";

/** Sessions kept at once; the one unused for longest goes first. */
const sessionsMax = 10_000;

/**
 * Characters of stored turns kept at once, about half a gigabyte of strings; the session unused for
 * longest goes first.
 */
const charactersMax = 256 * 1024 * 1024;

/** Unnamed owners that are remembered; a sandbox runtime keeps far fewer workspaces. */
const unnamedMax = 100_000;

interface Entry {
  readonly key: SessionKey;
  readonly createdAtMs: number;
  readonly turns: Array<Turn>;
  readonly byId: Map<string, Turn>;
  /** Names that were claimed, with what was settled of them. */
  readonly claims: Map<string, string | undefined>;
  title: string;
  lastUsedAtMs: number;
  characters: number;
}

/** Entries by session, the one unused for longest first, with an index by owner. */
class Entries {
  readonly #byKey = new Map<string, Entry>();
  readonly #byOwner = new Map<OwnerKey, Map<string, Entry>>();
  readonly #timeoutMs: number;
  #characters = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  static #name(key: SessionKey): string {
    return `${key.owner} ${key.id}`;
  }

  /** A live entry, moved to the end of the line. */
  use(key: SessionKey, nowMs: number): Entry | undefined {
    const entry = this.#byKey.get(Entries.#name(key));
    if (entry === undefined) return undefined;
    this.#delete(entry);
    if (this.#expired(entry, nowMs)) return undefined;
    entry.lastUsedAtMs = nowMs;
    this.#insert(entry);
    return entry;
  }

  /** A live entry where it stands in the line. */
  find(key: SessionKey, nowMs: number): Entry | undefined {
    const entry = this.#byKey.get(Entries.#name(key));
    return entry === undefined || this.#expired(entry, nowMs) ? undefined : entry;
  }

  create(key: SessionKey, title: string, nowMs: number): Entry {
    const owned = this.#byOwner.get(key.owner);
    if (owned !== undefined && owned.size >= sessionsPerOwnerMax) this.#deleteFirst(owned);
    if (this.#byKey.size >= sessionsMax) this.#deleteFirst(this.#byKey);
    const entry: Entry = {
      key,
      title,
      createdAtMs: nowMs,
      turns: [],
      byId: new Map(),
      claims: new Map(),
      lastUsedAtMs: nowMs,
      characters: 0,
    };
    this.#insert(entry);
    return entry;
  }

  add(entry: Entry, turn: Turn): void {
    const characters = JSON.stringify(turn).length;
    entry.turns.push(turn);
    entry.byId.set(turn.id, turn);
    entry.characters += characters;
    this.#characters += characters;
    while (this.#characters > charactersMax && this.#byKey.size > 1) this.#deleteFirst(this.#byKey);
  }

  owned(owner: OwnerKey, nowMs: number): ReadonlyArray<Entry> {
    return [...this.#byOwner.get(owner)?.values() ?? []].filter((entry) => !this.#expired(entry, nowMs)).reverse();
  }

  remove(key: SessionKey, nowMs: number): boolean {
    const entry = this.#byKey.get(Entries.#name(key));
    if (entry === undefined) return false;
    this.#delete(entry);
    return !this.#expired(entry, nowMs);
  }

  sweep(nowMs: number): void {
    for (const entry of this.#byKey.values()) {
      if (!this.#expired(entry, nowMs)) return;
      this.#delete(entry);
    }
  }

  #expired(entry: Entry, nowMs: number): boolean {
    return nowMs - entry.lastUsedAtMs >= this.#timeoutMs;
  }

  #insert(entry: Entry): void {
    const { owner, id } = entry.key;
    this.#byKey.set(Entries.#name(entry.key), entry);
    const owned = this.#byOwner.get(owner) ?? new Map<string, Entry>();
    this.#byOwner.set(owner, owned.set(id, entry));
    this.#characters += entry.characters;
  }

  #delete(entry: Entry): void {
    const { owner, id } = entry.key;
    if (!this.#byKey.delete(Entries.#name(entry.key))) return;
    const owned = this.#byOwner.get(owner);
    owned?.delete(id);
    if (owned?.size === 0) this.#byOwner.delete(owner);
    this.#characters -= entry.characters;
  }

  #deleteFirst(entries: ReadonlyMap<string, Entry>): void {
    for (const entry of entries.values()) return this.#delete(entry);
  }
}

/** Names that are taken in sessions. */
const claimsIn = (entries: Entries): Pick<SessionsService, "claim" | "settle"> => ({
  claim: (key: SessionKey, name: string) =>
    Effect.map(Clock.currentTimeMillis, (nowMs): Claim => {
      const claims = entries.find(key, nowMs)?.claims;
      if (claims === undefined || claims.has(name)) return { _tag: "Taken", outcome: claims?.get(name) };
      claims.set(name, undefined);
      return { _tag: "Won" };
    }),
  settle: (key: SessionKey, name: string, outcome: string) =>
    Effect.map(Clock.currentTimeMillis, (nowMs) => {
      const claims = entries.find(key, nowMs)?.claims;
      if (claims?.has(name) === true && claims.get(name) === undefined) claims.set(name, outcome);
    }),
});

const awaitingIn = (newest: Turn | undefined): Pick<SessionSummary, "awaiting"> =>
  newest !== undefined && awaitsApproval(newest) ? { awaiting: newest.id } : {};

const make = Effect.gen(function* () {
  const { sessionTimeoutSeconds } = yield* Settings;
  const timeoutMs = sessionTimeoutSeconds * 1000;
  const entries = new Entries(timeoutMs);
  const unnamed = new Map<OwnerKey, { readonly owner: Owner; readonly usedAtMs: number }>();

  yield* Effect.map(Clock.currentTimeMillis, (nowMs) => entries.sweep(nowMs)).pipe(
    Effect.schedule(Schedule.spaced(sweepIntervalMs(timeoutMs))),
    Effect.forkScoped,
  );

  const store: Omit<SessionsService, "check"> = {
    kind: "memory",
    secret: Effect.succeed(makeSecret()),
    load: (key: SessionKey) =>
      Effect.map(Clock.currentTimeMillis, (nowMs): Session => {
        const entry = entries.use(key, nowMs);
        return entry === undefined ? { key, turns: [], createdAtMs: nowMs, lastUsedAtMs: nowMs } : {
          key,
          title: entry.title,
          turns: [...entry.turns],
          createdAtMs: entry.createdAtMs,
          lastUsedAtMs: nowMs,
        };
      }),
    append: (key: SessionKey, turn: NewTurn) =>
      Effect.map(Clock.currentTimeMillis, (nowMs): Turn => {
        const entry = entries.use(key, nowMs) ?? entries.create(key, firstWords(turn), nowMs);
        const stored = entry.byId.get(turn.id);
        if (stored !== undefined) return stored;
        const placed = placeTurn(turn, entry.turns.at(-1)?.id ?? null, (id) => entry.byId.has(id));
        entries.add(entry, placed);
        return placed;
      }),
    ...claimsIn(entries),
    list: (owner: OwnerKey) =>
      Effect.map(Clock.currentTimeMillis, (nowMs) =>
        entries.owned(owner, nowMs).map((entry): SessionSummary => ({
          key: entry.key,
          ...awaitingIn(entry.turns.at(-1)),
          title: entry.title,
          turns: entry.turns.length,
          createdAtMs: entry.createdAtMs,
          lastUsedAtMs: entry.lastUsedAtMs,
        }))),
    noteUnnamed: (owner: Owner, usedAtMs: number) =>
      Effect.sync(() => {
        const key = ownerKey(owner);
        const known = unnamed.get(key);
        unnamed.delete(key);
        unnamed.set(key, { owner, usedAtMs: Math.max(usedAtMs, known?.usedAtMs ?? usedAtMs) });
        const [oldest] = unnamed.size > unnamedMax ? unnamed.keys() : [];
        if (oldest !== undefined) unnamed.delete(oldest);
      }),
    takeUnnamed: (unusedSinceMs: number, limit: number) =>
      Effect.sync(() => {
        const unused = [...unnamed].filter(([, { usedAtMs }]) => usedAtMs <= unusedSinceMs)
          .toSorted(([, one], [, other]) => one.usedAtMs - other.usedAtMs).slice(0, limit);
        for (const [key] of unused) unnamed.delete(key);
        return unused.map(([, { owner }]) => owner);
      }),
    rename: (key: SessionKey, title: string) =>
      Effect.map(Clock.currentTimeMillis, (nowMs) => {
        const entry = entries.find(key, nowMs);
        if (entry !== undefined) entry.title = title;
        return entry !== undefined;
      }),
    remove: (key: SessionKey) => Effect.map(Clock.currentTimeMillis, (nowMs) => entries.remove(key, nowMs)),
  };
  return Sessions.of({ ...store, check: tryStore(store) });
});

/** Sessions in memory: bounded in number and size, expired sessions are swept while the layer lives. */
export const layer: Layer.Layer<Sessions, never, Settings> = Layer.effect(Sessions, make);
