/**
 * Runs that have ended, in one SQLite file under the data directory.
 */
import { join } from "node:path";
import { Clock, Effect, Layer, Option, Schema } from "effect";
import { Settings } from "../../config.ts";
import { RunHistory } from "../../domain/RunHistory.ts";
import { keepSwept } from "../sqlite/keepSwept.ts";
import { RunStore, type RunStoreService } from "../../services/RunStore.ts";
import { type Database, makeSqliteFile } from "../sqlite/sqliteFile.ts";
import { dayMs } from "./days.ts";

const fileName = "runs.sqlite";

const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE runs (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    request TEXT,
    session TEXT,
    status TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (owner, id)
  ) STRICT;
  CREATE INDEX runs_by_start ON runs (owner, started_ms);
  CREATE INDEX runs_by_request ON runs (owner, request);
  CREATE INDEX runs_by_expiry ON runs (expires_ms);
  `,
];

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(RunHistory));
const encode = Schema.encodeSync(Schema.fromJsonString(RunHistory));

const make = Effect.gen(function* () {
  const { dataPath, runRetentionDays } = yield* Settings;
  const file = yield* makeSqliteFile(join(dataPath, fileName), migrations);
  const at = <A>(operation: string, work: (database: Database, nowMs: number) => A) =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => file.use(operation, (database) => work(database, nowMs)));

  yield* keepSwept(file, {
    every: "1 minute",
    batch: 100,
    removeSome: (database, nowMs, limit) =>
      database.run(
        "DELETE FROM runs WHERE rowid IN (SELECT rowid FROM runs WHERE expires_ms <= ? LIMIT ?)",
        nowMs,
        limit,
      ),
  });

  const store: RunStoreService = {
    put: (owner, run) =>
      at("put", (database, nowMs) => {
        database.run(
          "INSERT OR REPLACE INTO runs (owner, id, request, session, status, started_ms, expires_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
          owner,
          run.id,
          run.requestId ?? null,
          run.session ?? null,
          run.status,
          run.startedAtMs,
          Math.ceil(nowMs + runRetentionDays * dayMs),
          encode(run),
        );
      }),
    find: (owner, id) =>
      at("find", (database, nowMs) => {
        const row = database.get(
          "SELECT body FROM runs WHERE owner = ?1 AND id = ?2 AND expires_ms > ?3",
          owner,
          id,
          nowMs,
        ) ??
          database.get(
            "SELECT body FROM runs WHERE owner = ?1 AND request = ?2 AND expires_ms > ?3 ORDER BY started_ms DESC LIMIT 1",
            owner,
            id,
            nowMs,
          );
        return row === undefined ? Option.none() : Option.some(decode(row["body"]));
      }),
    list: (owner, { session, status, limit }) =>
      at("list", (database, nowMs) =>
        database.all(
          `SELECT body FROM runs WHERE owner = ?1 AND expires_ms > ?2 AND (?3 IS NULL OR session = ?3)
            AND (?4 IS NULL OR status = ?4) ORDER BY started_ms DESC LIMIT ?5`,
          owner,
          nowMs,
          session ?? null,
          status ?? null,
          limit,
        ).map((row) => decode(row["body"])).reverse()),
    forget: (owner, session) =>
      at("forget", (database) => {
        database.run("DELETE FROM runs WHERE owner = ? AND session = ?", owner, session);
      }),
    erase: (owner) =>
      at("erase", (database) => {
        database.run("DELETE FROM runs WHERE owner = ?", owner);
      }),
  };
  return store;
});

/** Runs in a file; it is opened when it is used first. */
export const layer: Layer.Layer<never, never, Settings> = Layer.effect(RunStore, make);
