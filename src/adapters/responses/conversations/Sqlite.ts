/**
 * Conversations in one SQLite file under the data directory: they survive restarts and crashes.
 */
import { join } from "node:path";
import { Clock, Effect, Layer, Option, Schema } from "effect";
import { Settings } from "../../../config.ts";
import type { OwnerKey } from "../../../domain/Owner.ts";
import {
  type ConversationEntry,
  ConversationStore,
  type StoredConversation,
} from "../../../services/ConversationStore.ts";
import type { Chain } from "../../../services/ResponseStore.ts";
import { keepSwept } from "../../sqlite/keepSwept.ts";
import { type Database, makeSqliteFile } from "../../sqlite/sqliteFile.ts";
import { dayMs } from "../bounds.ts";
import { Chains, knownChain } from "../chains.ts";
import { decodeItems, decodeMetadata, decodeTurn, textsOf } from "./storedEntry.ts";

const fileName = "conversations.sqlite";

const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE conversations (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    version INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    PRIMARY KEY (owner, id)
  ) STRICT;
  CREATE INDEX conversations_by_expiry ON conversations (expires_ms);
  CREATE TABLE entries (
    owner TEXT NOT NULL,
    conversation TEXT NOT NULL,
    place INTEGER NOT NULL,
    id TEXT NOT NULL,
    items TEXT NOT NULL,
    turn TEXT NOT NULL,
    PRIMARY KEY (owner, conversation, place)
  ) STRICT;
  `,
];

const Row = Schema.Struct({ created_ms: Schema.Number, version: Schema.Number, metadata: Schema.String });
const decodeRow = Schema.decodeUnknownSync(Row);

/** The row of a conversation that is there. */
const rowOf = (database: Database, owner: OwnerKey, id: string, nowMs: number) => {
  const row = database.get(
    "SELECT created_ms, version, metadata FROM conversations WHERE owner = ? AND id = ? AND expires_ms > ?",
    owner,
    id,
    nowMs,
  );
  return row === undefined ? undefined : decodeRow(row);
};

const insert = (database: Database, owner: OwnerKey, id: string, place: number, entry: ConversationEntry): void => {
  const { items, turn } = textsOf(entry);
  database.run(
    "INSERT INTO entries (owner, conversation, place, id, items, turn) VALUES (?, ?, ?, ?, ?, ?)",
    owner,
    id,
    place,
    entry.id,
    items,
    turn,
  );
};

const create = (
  database: Database,
  owner: OwnerKey,
  { id, createdAtMs, metadata }: StoredConversation,
  entries: ReadonlyArray<ConversationEntry>,
  expiresAtMs: number,
) =>
  database.transaction(() => {
    database.run(
      "INSERT INTO conversations (owner, id, created_ms, expires_ms, version, metadata) VALUES (?, ?, ?, ?, ?, ?)",
      owner,
      id,
      createdAtMs,
      expiresAtMs,
      entries.length,
      JSON.stringify(metadata),
    );
    for (const [index, entry] of entries.entries()) insert(database, owner, id, index + 1, entry);
  });

/** Counts a change of a conversation; its new version, undefined when it is not there. */
const changed = (database: Database, owner: OwnerKey, id: string, nowMs: number, keptMs: number) => {
  const row = rowOf(database, owner, id, nowMs);
  if (row === undefined) return undefined;
  database.run(
    "UPDATE conversations SET version = version + 1, expires_ms = ? WHERE owner = ? AND id = ?",
    nowMs + keptMs,
    owner,
    id,
  );
  return row.version + 1;
};

const replace = (database: Database, owner: OwnerKey, id: string, entry: ConversationEntry): boolean => {
  const { items, turn } = textsOf(entry);
  const where = "owner = ? AND conversation = ? AND id = ?";
  return entry.items.length === 0
    ? database.run(`DELETE FROM entries WHERE ${where}`, owner, id, entry.id) > 0
    : database.run(`UPDATE entries SET items = ?, turn = ? WHERE ${where}`, items, turn, owner, id, entry.id) > 0;
};

const removeOne = (database: Database, owner: string, id: string): boolean => {
  database.run("DELETE FROM entries WHERE owner = ? AND conversation = ?", owner, id);
  return database.run("DELETE FROM conversations WHERE owner = ? AND id = ?", owner, id) > 0;
};

const all = (database: Database, columns: string, owner: OwnerKey, id: string) =>
  database.all(`SELECT ${columns} FROM entries WHERE owner = ? AND conversation = ? ORDER BY place`, owner, id);

/** Conversations of an open file at one moment. */
class OpenFile {
  constructor(
    readonly database: Database,
    readonly chains: Chains,
    readonly nowMs: number,
    readonly keptMs: number,
  ) {}

  entries(owner: OwnerKey, id: string): Option.Option<ReadonlyArray<ConversationEntry>> {
    if (rowOf(this.database, owner, id, this.nowMs) === undefined) return Option.none();
    return Option.some(
      all(this.database, "id, items, turn", owner, id).map((row) => ({
        id: String(row["id"]),
        items: decodeItems(row["items"]),
        turn: decodeTurn(row["turn"]),
      })),
    );
  }

  chain(owner: OwnerKey, id: string): Option.Option<Chain> {
    const row = rowOf(this.database, owner, id, this.nowMs);
    if (row === undefined) return Option.none();
    const version = String(row.version);
    const known = this.chains.get(owner, id, version, this.nowMs);
    if (known !== undefined) return Option.some(known);
    const links = all(this.database, "turn", owner, id).map(({ turn }) => ({
      turn: decodeTurn(turn),
      expiresAtMs: Infinity,
      characters: String(turn).length,
    }));
    const read = knownChain(links, version);
    this.chains.add(owner, id, read);
    return Option.some(read.chain);
  }

  append(owner: OwnerKey, id: string, entry: ConversationEntry): boolean {
    const version = this.database.transaction(() => {
      const place = changed(this.database, owner, id, this.nowMs, this.keptMs);
      if (place !== undefined) insert(this.database, owner, id, place, entry);
      return place;
    });
    if (version === undefined) return false;
    const link = { turn: entry.turn, expiresAtMs: Infinity, characters: JSON.stringify(entry.turn).length };
    this.chains.advance(owner, id, String(version - 1), String(version), link);
    return true;
  }

  replace(owner: OwnerKey, id: string, entry: ConversationEntry): boolean {
    return this.database.transaction(() => {
      const isThere = rowOf(this.database, owner, id, this.nowMs) !== undefined &&
        replace(this.database, owner, id, entry);
      if (isThere) changed(this.database, owner, id, this.nowMs, this.keptMs);
      return isThere;
    });
  }

  remove(owner: OwnerKey, id: string): boolean {
    return this.database.transaction(() => {
      this.chains.delete(owner, id);
      const isThere = rowOf(this.database, owner, id, this.nowMs) !== undefined;
      removeOne(this.database, owner, id);
      return isThere;
    });
  }

  erase(owner: OwnerKey): void {
    this.database.transaction(() => {
      this.chains.forget(owner);
      this.database.run("DELETE FROM entries WHERE owner = ?", owner);
      this.database.run("DELETE FROM conversations WHERE owner = ?", owner);
    });
  }
}

const make = Effect.gen(function* () {
  const { dataPath, conversationRetentionDays } = yield* Settings;
  const keptMs = conversationRetentionDays * dayMs;
  const file = yield* makeSqliteFile(join(dataPath, fileName), migrations);
  const chains = new Chains();

  const at = <A>(operation: string, work: (database: Database, nowMs: number) => A) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (nowMs) => file.use(`conversations: ${operation}`, (database) => work(database, nowMs)),
    );

  yield* keepSwept(file, {
    every: "1 minute",
    batch: 20,
    removeSome: (database, nowMs, limit) =>
      database.transaction(() => {
        const sql = "SELECT owner, id FROM conversations WHERE expires_ms <= ? LIMIT ?";
        const expired = database.all(sql, nowMs, limit);
        for (const { owner, id } of expired) removeOne(database, String(owner), String(id));
        return expired.length;
      }),
  });

  const open = <A>(operation: string, work: (file: OpenFile) => A) =>
    at(operation, (database, nowMs) => work(new OpenFile(database, chains, nowMs, keptMs)));

  return ConversationStore.of({
    create: (owner, conversation, entries) =>
      at("create", (database, nowMs) => create(database, owner, conversation, entries, nowMs + keptMs)),
    find: (owner, id) =>
      at("find", (database, nowMs) =>
        Option.map(
          Option.fromUndefinedOr(rowOf(database, owner, id, nowMs)),
          ({ created_ms, metadata }) => ({ id, createdAtMs: created_ms, metadata: decodeMetadata(metadata) }),
        )),
    describe: (owner, id, metadata) =>
      at("describe", (database, nowMs) =>
        database.run(
          "UPDATE conversations SET metadata = ?, expires_ms = ? WHERE owner = ? AND id = ? AND expires_ms > ?",
          JSON.stringify(metadata),
          nowMs + keptMs,
          owner,
          id,
          nowMs,
        ) > 0),
    entries: (owner, id) => open("entries", (file) => file.entries(owner, id)),
    chain: (owner, id) => open("chain", (file) => file.chain(owner, id)),
    append: (owner, id, entry) => open("append", (file) => file.append(owner, id, entry)),
    replace: (owner, id, entry) => open("replace", (file) => file.replace(owner, id, entry)),
    remove: (owner, id) => open("remove", (file) => file.remove(owner, id)),
    erase: (owner) => open("erase", (file) => file.erase(owner)),
  });
});

/** Conversations in a file; it is opened when it is used first. */
export const layer: Layer.Layer<ConversationStore, never, Settings> = Layer.effect(ConversationStore, make);
