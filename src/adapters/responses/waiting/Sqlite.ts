/**
 * Calls that wait for a person, in the file of the responses.
 */
import { Clock, Effect, Option, Schema } from "effect";
import type { OwnerKey } from "../../../domain/Owner.ts";
import { type WaitingCalls, waitingKeptMs } from "../../../services/ResponseStore.ts";
import type { Claim } from "../../../services/Sessions.ts";
import type { Database, SqliteFile } from "../../sqlite/sqliteFile.ts";
import { decodeWaiting } from "../bounds.ts";

/** The table of such calls. */
export const waitingSchema = `
  CREATE TABLE waiting (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    response TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    call TEXT NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    PRIMARY KEY (owner, id)
  ) STRICT;
  CREATE INDEX waiting_by_expiry ON waiting (expires_ms);
  `;

const decodeOutcome = Schema.decodeUnknownSync(Schema.Struct({ outcome: Schema.NullOr(Schema.String) }));

/** Removes what is kept no longer, and says how many there were. */
export const sweepWaiting = (database: Database, nowMs: number, limit: number): number =>
  database.run(
    "DELETE FROM waiting WHERE rowid IN (SELECT rowid FROM waiting WHERE expires_ms <= ? LIMIT ?)",
    nowMs,
    limit,
  );

/** Removes the calls of a response. */
export const removeWaiting = (database: Database, owner: OwnerKey, response: string): number =>
  database.run("DELETE FROM waiting WHERE owner = ? AND response = ?", owner, response);

/** Removes the calls of an owner. */
export const eraseWaiting = (database: Database, owner: OwnerKey): number =>
  database.run("DELETE FROM waiting WHERE owner = ?", owner);

/** Calls that wait, in one file. */
export const waitingIn = (file: SqliteFile): WaitingCalls => {
  const at = <A>(operation: string, work: (database: Database, nowMs: number) => A) =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => file.use(operation, (database) => work(database, nowMs)));
  return {
    hold: (owner, id, waiting) =>
      at("hold", (database) => {
        database.run(
          "INSERT INTO waiting (owner, id, response, expires_ms, call) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
          owner,
          id,
          waiting.response,
          waiting.expiresAtMs + waitingKeptMs,
          JSON.stringify(waiting),
        );
      }),
    held: (owner, id) =>
      at("held", (database, nowMs) => {
        const row = database.get(
          "SELECT call FROM waiting WHERE owner = ? AND id = ? AND expires_ms > ?",
          owner,
          id,
          nowMs,
        );
        return row === undefined ? Option.none() : Option.some(decodeWaiting(row["call"]));
      }),
    claim: (owner, id) =>
      at("claim", (database, nowMs): Claim =>
        database.transaction(() => {
          const won = database.run(
            "UPDATE waiting SET taken = 1 WHERE owner = ? AND id = ? AND expires_ms > ? AND taken = 0",
            owner,
            id,
            nowMs,
          );
          if (won > 0) return { _tag: "Won" };
          const row = database.get(
            "SELECT outcome FROM waiting WHERE owner = ? AND id = ? AND expires_ms > ?",
            owner,
            id,
            nowMs,
          );
          return { _tag: "Taken", outcome: row === undefined ? undefined : decodeOutcome(row).outcome ?? undefined };
        })),
    settle: (owner, id, outcome) =>
      at("settle", (database) => {
        database.run(
          "UPDATE waiting SET outcome = ? WHERE owner = ? AND id = ? AND taken = 1 AND outcome IS NULL",
          outcome,
          owner,
          id,
        );
      }),
  };
};
