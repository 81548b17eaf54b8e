/**
 * Containers in one SQLite file under the data directory: they survive restarts.
 */
import { join } from "node:path";
import { Clock, Effect, Layer, Option } from "effect";
import { Settings } from "../../config.ts";
import { OwnerKey } from "../../domain/Owner.ts";
import { type Container, ContainerStore, expiryOf } from "../../services/ContainerStore.ts";
import { keepSwept } from "../sqlite/keepSwept.ts";
import { type Database, makeSqliteFile, type Row } from "../sqlite/sqliteFile.ts";
import { dayMs, decodeContainer, encoded, expiredMax } from "./bounds.ts";

const fileName = "containers.sqlite";

const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE containers (
    keeper TEXT NOT NULL,
    id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    forgotten_ms INTEGER NOT NULL,
    /* Null once its files are gone. */
    expires_ms INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (keeper, id)
  ) STRICT;
  CREATE INDEX containers_by_expiry ON containers (expires_ms);
  CREATE INDEX containers_forgotten ON containers (forgotten_ms);
  `,
];

const bodyOf = (row: Row): Container => decodeContainer(row["body"]);

const find = (database: Database, keeper: OwnerKey, id: string, nowMs: number): Option.Option<Container> =>
  Option.map(
    Option.fromUndefinedOr(
      database.get("SELECT body FROM containers WHERE keeper = ? AND id = ? AND forgotten_ms > ?", keeper, id, nowMs),
    ),
    bodyOf,
  );

const put = (database: Database, keeper: OwnerKey, container: Container, forgottenAtMs: number): void => {
  database.run(
    "INSERT OR REPLACE INTO containers (keeper, id, created_ms, forgotten_ms, expires_ms, body) VALUES (?, ?, ?, ?, ?, ?)",
    keeper,
    container.id,
    container.createdAtMs,
    forgottenAtMs,
    container.isEmptied ? null : Math.ceil(expiryOf(container)),
    encoded(container),
  );
};

/** Containers in a file; it is opened when it is used first. */
export const layer: Layer.Layer<ContainerStore, never, Settings> = Layer.effect(
  ContainerStore,
  Effect.gen(function* () {
    const { dataPath, responseRetentionDays } = yield* Settings;
    const file = yield* makeSqliteFile(join(dataPath, fileName), migrations);
    const at = <A>(operation: string, work: (database: Database, nowMs: number) => A) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => file.use(operation, (database) => work(database, nowMs)));

    const forgottenAt = (nowMs: number): number => Math.ceil(nowMs + responseRetentionDays * dayMs);

    yield* keepSwept(file, {
      every: "10 minutes",
      batch: 500,
      removeSome: (database, nowMs, limit) =>
        database.run(
          "DELETE FROM containers WHERE rowid IN (SELECT rowid FROM containers WHERE forgotten_ms <= ? LIMIT ?)",
          nowMs,
          limit,
        ),
    });

    return ContainerStore.of({
      add: (keeper, container) => at("add", (database, nowMs) => put(database, keeper, container, forgottenAt(nowMs))),
      change: (keeper, id, next) =>
        at(
          "change",
          (database, nowMs) =>
            database.transaction(() =>
              Option.map(find(database, keeper, id, nowMs), (container) => {
                const changed = next(container);
                put(database, keeper, changed, forgottenAt(nowMs));
                return changed;
              })
            ),
        ),
      find: (keeper, id) => at("find", (database, nowMs) => find(database, keeper, id, nowMs)),
      list: (keeper) =>
        at("list", (database, nowMs) =>
          database.all(
            "SELECT body FROM containers WHERE keeper = ? AND forgotten_ms > ? ORDER BY created_ms DESC, rowid DESC",
            keeper,
            nowMs,
          ).map(bodyOf)),
      remove: (keeper, id) =>
        at("remove", (database) => database.run("DELETE FROM containers WHERE keeper = ? AND id = ?", keeper, id) > 0),
      expired: (nowMs) =>
        file.use(
          "expired",
          (database) =>
            database.all("SELECT keeper, body FROM containers WHERE expires_ms <= ? LIMIT ?", nowMs, expiredMax)
              .map((row) => [OwnerKey.make(String(row["keeper"])), bodyOf(row)] as const),
        ),
    });
  }),
);
