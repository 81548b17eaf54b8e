/**
 * Sessions in one SQLite file under the data directory: they survive restarts and crashes.
 *
 * A turn is written once and read once per process; storing one costs the same however long the
 * session is.
 */
import { join } from "node:path";
import { Clock, Effect, Layer, Schema } from "effect";
import { Settings } from "../../config.ts";
import { type Owner, OwnerKey } from "../../domain/Owner.ts";
import {
  awaitsApproval,
  firstWords,
  type NewTurn,
  placeTurn,
  type Session,
  type SessionKey,
  type Turn,
} from "../../domain/Session.ts";
import {
  type Claim,
  Sessions,
  type SessionsService,
  type SessionSummary,
  type SessionsUnavailable,
} from "../../services/Sessions.ts";
import { makeSecret } from "./storeSecret.ts";
import { tryStore } from "./tryStore.ts";
import { sessionsPerOwnerMax, sweepIntervalMs } from "./bounds.ts";
import { keepSwept } from "../sqlite/keepSwept.ts";
import { type Database, makeSqliteFile, type SqliteFile } from "../sqlite/sqliteFile.ts";
import { migrations } from "./sqliteSchema.ts";
import { decodeTurn, encodeTurn } from "./storedTurn.ts";
import { TurnCache } from "./TurnCache.ts";

/** The name of the file in the data directory. */
const fileName = "sessions.sqlite";

const Life = Schema.Struct({
  serial: Schema.Int,
  created_ms: Schema.Number,
  turns: Schema.Int,
  newest: Schema.NullOr(Schema.String),
  title: Schema.NullOr(Schema.String),
});
type Life = typeof Life.Type;
const decodeLife = Schema.decodeUnknownSync(Life);
const lifeColumns = "serial, created_ms, turns, newest, title";

const decodeSummary = Schema.decodeUnknownSync(Schema.Struct({
  owner: OwnerKey,
  id: Schema.String,
  title: Schema.NullOr(Schema.String),
  first: Schema.NullOr(Schema.String),
  awaiting: Schema.NullOr(Schema.String),
  turns: Schema.Int,
  created_ms: Schema.Number,
  used_ms: Schema.Number,
}));

const decodeSecret = Schema.decodeUnknownSync(Schema.Struct({ value: Schema.String }));

const decodeUnnamed = Schema.decodeUnknownSync(Schema.Struct({ principal: Schema.String, user: Schema.String }));

const unnamedOf = (row: unknown): Owner => ({ ...decodeUnnamed(row), ephemeral: false });

const summaryOf = (row: unknown): SessionSummary => {
  const { owner, id, title, first, awaiting, turns, created_ms, used_ms } = decodeSummary(row);
  return {
    key: { owner, id },
    ...(awaiting !== null && { awaiting }),
    title: title ?? (first === null ? "" : firstWords(decodeTurn(first))),
    turns,
    createdAtMs: created_ms,
    lastUsedAtMs: used_ms,
  };
};

// Statements -------------------------------------------------------------------------------------

/** Marks a live session as used and returns it. */
const touch = (database: Database, key: SessionKey, nowMs: number, aliveAfterMs: number): Life | undefined => {
  const row = database.get(
    `UPDATE sessions SET used_ms = ? WHERE owner = ? AND id = ? AND used_ms > ? RETURNING ${lifeColumns}`,
    nowMs,
    key.owner,
    key.id,
    aliveAfterMs,
  );
  return row === undefined ? undefined : decodeLife(row);
};

/** Begins a session, in the place of an expired one or of the owner's least recently used if there are too many. */
const create = (database: Database, key: SessionKey, title: string, nowMs: number): Life => {
  database.run("DELETE FROM sessions WHERE owner = ? AND id = ?", key.owner, key.id);
  database.run(
    `DELETE FROM sessions WHERE serial IN
      (SELECT serial FROM sessions WHERE owner = ? ORDER BY used_ms DESC LIMIT -1 OFFSET ?)`,
    key.owner,
    sessionsPerOwnerMax - 1,
  );
  return decodeLife(database.get(
    `INSERT INTO sessions (owner, id, title, created_ms, used_ms) VALUES (?, ?, ?, ?, ?) RETURNING ${lifeColumns}`,
    key.owner,
    key.id,
    title,
    nowMs,
    nowMs,
  ));
};

const hasTurn = (database: Database, serial: number, id: string): boolean =>
  database.get("SELECT 1 FROM turns WHERE session = ? AND id = ?", serial, id) !== undefined;

/** The secret of the store; the first process to ask makes it. */
const secretOf = (database: Database): string =>
  database.transaction(() => {
    database.run("INSERT INTO secrets (name, value) VALUES ('store', ?) ON CONFLICT DO NOTHING", makeSecret());
    return decodeSecret(database.get("SELECT value FROM secrets WHERE name = 'store'")).value;
  });

// Store ------------------------------------------------------------------------------------------

/** The turns of a live session; those that this process has read are not read again. */
const turnsOf = (database: Database, cache: TurnCache, life: Life): ReadonlyArray<Turn> => {
  const name = String(life.serial);
  const known = cache.known(name).count;
  if (known < life.turns) {
    const rows = database.all(
      "SELECT body FROM turns WHERE session = ? AND position >= ? ORDER BY position",
      life.serial,
      known,
    );
    const read = rows.map(({ body }) => ({ turn: decodeTurn(body), characters: String(body).length }));
    const turns = [...cache.turns(name, name), ...read.map(({ turn }) => turn)];
    read.forEach(({ turn, characters }, index) => cache.add(name, name, known + index, turn, characters));
    return turns;
  }
  return cache.turns(name, name);
};

/** Stores a turn behind those that are there; one that is there already is returned as it is. */
const append = (database: Database, key: SessionKey, turn: NewTurn, nowMs: number, aliveAfterMs: number): Turn => {
  const life = touch(database, key, nowMs, aliveAfterMs) ?? create(database, key, firstWords(turn), nowMs);
  const stored = database.get("SELECT body FROM turns WHERE session = ? AND id = ?", life.serial, turn.id);
  if (stored !== undefined) return decodeTurn(stored["body"]);
  const placed = placeTurn(turn, life.newest, (id) => hasTurn(database, life.serial, id));
  const body = encodeTurn(placed);
  database.run(
    "INSERT INTO turns (session, position, id, body) VALUES (?, ?, ?, ?)",
    life.serial,
    life.turns,
    placed.id,
    body,
  );
  database.run(
    "UPDATE sessions SET turns = ?, newest = ?, awaiting = ? WHERE serial = ?",
    life.turns + 1,
    placed.id,
    awaitsApproval(placed) ? placed.id : null,
    life.serial,
  );
  return placed;
};

/** Removes some of the sessions that were not used since a time. */
const removeSome = (database: Database, usedUntilMs: number, limit: number): number =>
  database.run(
    "DELETE FROM sessions WHERE serial IN (SELECT serial FROM sessions WHERE used_ms <= ? ORDER BY used_ms LIMIT ?)",
    usedUntilMs,
    limit,
  );

/** The owners whom nobody named, and when each was used. */
const unnamedIn = (file: SqliteFile): Pick<SessionsService, "noteUnnamed" | "takeUnnamed"> => ({
  noteUnnamed: ({ principal, user }: Owner, usedAtMs: number) =>
    file.use("noteUnnamed", (database) => {
      database.run(
        `INSERT INTO unnamed (principal, user, used_ms) VALUES (?, ?, ?)
          ON CONFLICT DO UPDATE SET used_ms = max(used_ms, excluded.used_ms)`,
        principal,
        user,
        Math.floor(usedAtMs),
      );
    }),
  takeUnnamed: (unusedSinceMs: number, limit: number) =>
    file.use("takeUnnamed", (database) =>
      database.all(
        `DELETE FROM unnamed WHERE rowid IN
          (SELECT rowid FROM unnamed WHERE used_ms <= ? ORDER BY used_ms LIMIT ?) RETURNING principal, user`,
        Math.floor(unusedSinceMs),
        limit,
      ).map(unnamedOf)),
});

const decodeOutcome = Schema.decodeUnknownSync(Schema.Struct({ outcome: Schema.NullOr(Schema.String) }));

/** Names that are taken in sessions. */
const claimsIn = (file: SqliteFile): Pick<SessionsService, "claim" | "settle"> => ({
  claim: (key: SessionKey, name: string) =>
    file.use("claim", (database): Claim =>
      database.transaction(() => {
        const won = database.run(
          `INSERT INTO claims (session, name) SELECT serial, ? FROM sessions WHERE owner = ? AND id = ?
            ON CONFLICT DO NOTHING`,
          name,
          key.owner,
          key.id,
        );
        if (won > 0) return { _tag: "Won" };
        const row = database.get(
          `SELECT outcome FROM claims JOIN sessions ON serial = session
            WHERE sessions.owner = ? AND sessions.id = ? AND name = ?`,
          key.owner,
          key.id,
          name,
        );
        return { _tag: "Taken", outcome: row === undefined ? undefined : decodeOutcome(row).outcome ?? undefined };
      })),
  settle: (key: SessionKey, name: string, outcome: string) =>
    file.use("settle", (database) => {
      database.run(
        `UPDATE claims SET outcome = ? WHERE name = ? AND outcome IS NULL
          AND session = (SELECT serial FROM sessions WHERE owner = ? AND id = ?)`,
        outcome,
        name,
        key.owner,
        key.id,
      );
    }),
});

const make = Effect.gen(function* () {
  const { dataPath, sessionTimeoutSeconds } = yield* Settings;
  const timeoutMs = sessionTimeoutSeconds * 1000;
  const file = yield* makeSqliteFile(join(dataPath, fileName), migrations);
  const cache = new TurnCache();

  // The file is opened at once, so that a data directory that cannot be used is known at boot.
  yield* file.use("open", () => undefined);
  yield* keepSwept(file, {
    every: sweepIntervalMs(timeoutMs),
    batch: 20,
    removeSome: (database, nowMs, limit) => removeSome(database, nowMs - timeoutMs, limit),
  });

  const store: Omit<SessionsService, "check"> = {
    kind: "sqlite",
    secret: file.use("secret", secretOf),
    load: Effect.fnUntraced(function* (key: SessionKey) {
      const nowMs = yield* Clock.currentTimeMillis;
      return yield* file.use("load", (database): Session => {
        const life = touch(database, key, nowMs, nowMs - timeoutMs);
        if (life === undefined) return { key, turns: [], createdAtMs: nowMs, lastUsedAtMs: nowMs };
        const turns = turnsOf(database, cache, life);
        const [first] = turns;
        const title = life.title ?? (first === undefined ? "" : firstWords(first));
        return { key, title, turns, createdAtMs: life.created_ms, lastUsedAtMs: nowMs };
      });
    }),
    append: Effect.fnUntraced(function* (key: SessionKey, turn: NewTurn) {
      const nowMs = yield* Clock.currentTimeMillis;
      return yield* file.use(
        "append",
        (database) => database.transaction(() => append(database, key, turn, nowMs, nowMs - timeoutMs)),
      );
    }),
    list: Effect.fnUntraced(function* (owner: OwnerKey) {
      const nowMs = yield* Clock.currentTimeMillis;
      return yield* file.use("list", (database) =>
        database.all(
          `SELECT owner, id, title, awaiting, turns, created_ms, used_ms,
              CASE WHEN title IS NULL THEN (SELECT body FROM turns WHERE session = serial AND position = 0) END AS first
            FROM sessions
            WHERE owner = ? AND used_ms > ? ORDER BY used_ms DESC, serial DESC`,
          owner,
          nowMs - timeoutMs,
        ).map(summaryOf));
    }),
    ...claimsIn(file),
    ...unnamedIn(file),
    rename: Effect.fnUntraced(function* (key: SessionKey, title: string) {
      const nowMs = yield* Clock.currentTimeMillis;
      return yield* file.use("rename", (database) =>
        database.run(
          "UPDATE sessions SET title = ? WHERE owner = ? AND id = ? AND used_ms > ?",
          title,
          key.owner,
          key.id,
          nowMs - timeoutMs,
        ) > 0);
    }),
    remove: Effect.fnUntraced(function* (key: SessionKey) {
      const nowMs = yield* Clock.currentTimeMillis;
      return yield* file.use("remove", (database) => {
        const removed = database.transaction(() => {
          const life = touch(database, key, nowMs, nowMs - timeoutMs);
          if (life !== undefined) cache.delete(String(life.serial));
          database.run("DELETE FROM sessions WHERE owner = ? AND id = ?", key.owner, key.id);
          return life !== undefined;
        });
        // What was asked to be removed shall not live on in the write-ahead log.
        database.get("PRAGMA wal_checkpoint(TRUNCATE)");
        return removed;
      });
    }),
  };
  // Trying is not enough: a file that was deleted or replaced can still be written to.
  const check = Effect.andThen(file.isStillThere, tryStore(store));
  return Sessions.of({ ...store, check });
});

/**
 * Sessions in `sessions.sqlite` under the data directory.
 *
 * *Fails with* `SessionsUnavailable` when the file cannot be opened; later failures are those of the
 * operation that met them, and the next operation tries the file again.
 */
export const layer: Layer.Layer<Sessions, SessionsUnavailable, Settings> = Layer.effect(Sessions, make);
