/**
 * Records of files in one SQLite file under the data directory: they survive restarts.
 */
import { join } from "node:path";
import { Clock, Effect, Layer, Option } from "effect";
import { Settings } from "../../config.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { FileStore, type FilesUsed } from "../../services/FileStore.ts";
import { keepSwept } from "../sqlite/keepSwept.ts";
import { type Database, makeSqliteFile } from "../sqlite/sqliteFile.ts";
import { decodeFile, encoded } from "./record.ts";

const fileName = "files.sqlite";

const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE files (
    keeper TEXT NOT NULL,
    id TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (keeper, id)
  ) STRICT;
  CREATE INDEX files_by_expiry ON files (expires_ms);
  `,
];

const usedOf = (database: Database, keeper: OwnerKey, nowMs: number): FilesUsed => {
  const row = database.get(
    "SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes FROM files WHERE keeper = ? AND expires_ms > ?",
    keeper,
    nowMs,
  );
  return { files: Number(row?.["files"]), bytes: Number(row?.["bytes"]) };
};

/** Records in a file; it is opened when it is used first. */
export const layer: Layer.Layer<FileStore, never, Settings> = Layer.effect(
  FileStore,
  Effect.gen(function* () {
    const { dataPath } = yield* Settings;
    const file = yield* makeSqliteFile(join(dataPath, fileName), migrations);
    const at = <A>(operation: string, work: (database: Database, nowMs: number) => A) =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (nowMs) => file.use(`files: ${operation}`, (database) => work(database, nowMs)),
      );

    yield* keepSwept(file, {
      every: "10 minutes",
      batch: 500,
      removeSome: (database, nowMs, limit) =>
        database.run(
          "DELETE FROM files WHERE rowid IN (SELECT rowid FROM files WHERE expires_ms <= ? LIMIT ?)",
          nowMs,
          limit,
        ),
    });

    return FileStore.of({
      add: (keeper, added, most) =>
        at("add", (database, nowMs) =>
          database.transaction(() => {
            const used = usedOf(database, keeper, nowMs);
            if (used.files + 1 > most.files || used.bytes + added.sizeBytes > most.bytes) return false;
            database.run(
              "INSERT INTO files (keeper, id, expires_ms, bytes, body) VALUES (?, ?, ?, ?, ?)",
              keeper,
              added.id,
              Math.ceil(added.expiresAtMs),
              added.sizeBytes,
              encoded(added),
            );
            return true;
          })),
      find: (keeper, id) =>
        at("find", (database, nowMs) =>
          Option.map(
            Option.fromUndefinedOr(
              database.get("SELECT body FROM files WHERE keeper = ? AND id = ? AND expires_ms > ?", keeper, id, nowMs),
            ),
            (row) => decodeFile(row["body"]),
          )),
      list: (keeper) =>
        at(
          "list",
          (database, nowMs) =>
            database.all(
              "SELECT body FROM files WHERE keeper = ? AND expires_ms > ? ORDER BY rowid DESC",
              keeper,
              nowMs,
            )
              .map((row) => decodeFile(row["body"])),
        ),
      used: (keeper) => at("used", (database, nowMs) => usedOf(database, keeper, nowMs)),
      remove: (keeper, id) =>
        at(
          "remove",
          (database, nowMs) =>
            database.run("DELETE FROM files WHERE keeper = ? AND id = ? AND expires_ms > ?", keeper, id, nowMs) > 0,
        ),
      erase: (keeper) => at("erase", (database) => void database.run("DELETE FROM files WHERE keeper = ?", keeper)),
    });
  }),
);
