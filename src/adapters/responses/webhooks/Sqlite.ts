/**
 * Notices in one SQLite file under the data directory: they survive restarts and crashes.
 */
import { join } from "node:path";
import { Effect, Layer, Schema } from "effect";
import { Settings } from "../../../config.ts";
import { WebhookNotice, WebhookOutbox } from "../../../services/WebhookOutbox.ts";
import { makeSqliteFile } from "../../sqlite/sqliteFile.ts";

const fileName = "webhooks.sqlite";

const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE notices (
    response TEXT PRIMARY KEY,
    notice TEXT NOT NULL,
    due_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX notices_by_time ON notices (due_ms);
  `,
];

const decodeNotice = Schema.decodeUnknownSync(Schema.fromJsonString(WebhookNotice));

const make = Effect.gen(function* () {
  const { dataPath } = yield* Settings;
  const file = yield* makeSqliteFile(join(dataPath, fileName), migrations);

  return WebhookOutbox.of({
    put: (notice, dueMs) =>
      file.use("webhooks: put", (database) => {
        const sql = "INSERT OR REPLACE INTO notices (response, notice, due_ms) VALUES (?, ?, ?)";
        database.run(sql, notice.response, JSON.stringify(notice), dueMs);
      }),
    due: (response, dueMs) =>
      file.use("webhooks: due", (database) => {
        database.run("UPDATE notices SET due_ms = ? WHERE response = ?", dueMs, response);
      }),
    claim: (nowMs, heldUntilMs, most) =>
      file.use("webhooks: claim", (database) => {
        const sql = "SELECT response, notice FROM notices WHERE due_ms <= ? ORDER BY due_ms LIMIT ?";
        if (database.all(sql, nowMs, 1).length === 0) return [];
        return database.transaction(() =>
          database.all(sql, nowMs, most).map(({ response = "", notice }) => {
            database.run("UPDATE notices SET due_ms = ? WHERE response = ?", heldUntilMs, response);
            return decodeNotice(notice);
          })
        );
      }),
    settle: (response) =>
      file.use("webhooks: settle", (database) => {
        database.run("DELETE FROM notices WHERE response = ?", response);
      }),
  });
});

/** Notices in a file; it is opened when it is used first. */
export const layer: Layer.Layer<WebhookOutbox, never, Settings> = Layer.effect(WebhookOutbox, make);
