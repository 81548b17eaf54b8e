/**
 * Responses in one SQLite file under the data directory: they survive restarts and crashes.
 */
import { join } from "node:path";
import { Clock, Effect, Layer, Option, Schedule, Schema } from "effect";
import { Settings } from "../../config.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { chainMax, ResponseStore, type ResponseTurn, type StoredResponse } from "../../services/ResponseStore.ts";
import { type Database, makeSqliteFile } from "../sqlite/sqliteFile.ts";
import { dayMs, decodeBody, decodeTurn, encoded } from "./bounds.ts";

const fileName = "responses.sqlite";

/** Time between two sweeps of what has expired: it is invisible at once, sweeping only frees space. */
const sweepEvery = "1 minute";
/** Responses removed in one statement of a sweep, so that a sweep never holds the event loop for long. */
const sweepBatch = 20;

/** Turns that are kept in memory, in characters, so that a long chain is read once. */
const cachedCharactersMax = 32 * 1024 * 1024;

const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE responses (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    previous TEXT,
    expires_ms INTEGER NOT NULL,
    alive_until_ms INTEGER NOT NULL,
    turn TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (owner, id)
  ) STRICT;
  CREATE INDEX responses_by_expiry ON responses (expires_ms);
  `,
];

const chainSql = `
  WITH RECURSIVE chain (id, previous, alive, depth) AS (
    SELECT id, previous, alive_until_ms, 0 FROM responses WHERE owner = ?1 AND id = ?2 AND expires_ms > ?3
    UNION ALL
    SELECT r.id, r.previous, r.alive_until_ms, depth + 1 FROM chain
      JOIN responses r ON r.owner = ?1 AND r.id = chain.previous AND r.expires_ms > ?3
      WHERE depth < ${chainMax - 1}
  )
  SELECT id, alive FROM chain ORDER BY depth DESC`;

const Link = Schema.Struct({ id: Schema.String, alive: Schema.Number });
type Link = typeof Link.Type;
const decodeLink = Schema.decodeUnknownSync(Link);

/** Turns of ended responses, which never change: those used longest ago go first. */
class Turns {
  readonly #turns = new Map<string, { readonly turn: ResponseTurn; readonly characters: number }>();
  #characters = 0;

  get(name: string): ResponseTurn | undefined {
    return this.#turns.get(name)?.turn;
  }

  add(name: string, turn: ResponseTurn, characters: number): void {
    this.delete(name);
    this.#turns.set(name, { turn, characters });
    this.#characters += characters;
    for (const oldest of this.#turns.keys()) {
      if (this.#characters <= cachedCharactersMax) return;
      this.delete(oldest);
    }
  }

  delete(name: string): void {
    this.#characters -= this.#turns.get(name)?.characters ?? 0;
    this.#turns.delete(name);
  }
}

const turnOf = (database: Database, turns: Turns, owner: OwnerKey, { id, alive }: Link) => {
  const name = `${owner} ${id}`;
  const known = turns.get(name);
  if (known !== undefined) return known;
  const text = database.get("SELECT turn FROM responses WHERE owner = ? AND id = ?", owner, id)?.["turn"];
  const turn = decodeTurn(text);
  if (alive === 0) turns.add(name, turn, String(text).length);
  return turn;
};

const put = (database: Database, owner: OwnerKey, response: StoredResponse, expiresAtMs: number) => {
  const { turn, body } = encoded(response);
  database.run(
    "INSERT OR REPLACE INTO responses (owner, id, previous, expires_ms, alive_until_ms, turn, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
    owner,
    response.id,
    response.previous,
    expiresAtMs,
    response.aliveUntilMs,
    turn,
    body,
  );
};

const find = (database: Database, owner: OwnerKey, id: string, nowMs: number): Option.Option<StoredResponse> => {
  const row = database.get(
    "SELECT alive_until_ms, turn, body FROM responses WHERE owner = ? AND id = ? AND expires_ms > ?",
    owner,
    id,
    nowMs,
  );
  return row === undefined ? Option.none() : Option.some({
    ...decodeBody(row["body"]),
    turn: decodeTurn(row["turn"]),
    aliveUntilMs: Number(row["alive_until_ms"]),
  });
};

const make = Effect.gen(function* () {
  const { dataPath, responseRetentionDays } = yield* Settings;
  const file = yield* makeSqliteFile(join(dataPath, fileName), migrations);
  const turns = new Turns();

  const at = <A>(operation: string, work: (database: Database, nowMs: number) => A) =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => file.use(operation, (database) => work(database, nowMs)));

  const sweep = at("sweep", (database, nowMs) =>
    database.run(
      "DELETE FROM responses WHERE rowid IN (SELECT rowid FROM responses WHERE expires_ms <= ? LIMIT ?)",
      nowMs,
      sweepBatch,
    )).pipe(
      Effect.tap(Effect.yieldNow),
      Effect.repeat({ while: (removed) => removed === sweepBatch }),
      // A sweep only frees space: requests report the same failure to those it concerns.
      Effect.catch((error) => Effect.logWarning(error.message, error.detail)),
    );
  yield* sweep.pipe(Effect.schedule(Schedule.spaced(sweepEvery)), Effect.forkScoped);

  return ResponseStore.of({
    put: (owner, response) =>
      at("put", (database, nowMs) => {
        turns.delete(`${owner} ${response.id}`);
        put(database, owner, response, nowMs + responseRetentionDays * dayMs);
      }),
    renew: (owner, id, aliveUntilMs) =>
      at("renew", (database) => {
        database.run(
          "UPDATE responses SET alive_until_ms = ? WHERE owner = ? AND id = ? AND alive_until_ms > 0",
          aliveUntilMs,
          owner,
          id,
        );
      }),
    find: (owner, id) => at("find", (database, nowMs) => find(database, owner, id, nowMs)),
    chain: (owner, id) =>
      at(
        "chain",
        (database, nowMs) =>
          database.all(chainSql, owner, id, nowMs).map((row) => turnOf(database, turns, owner, decodeLink(row))),
      ),
    remove: (owner, id) =>
      at("remove", (database, nowMs) => {
        turns.delete(`${owner} ${id}`);
        return database.run("DELETE FROM responses WHERE owner = ? AND id = ? AND expires_ms > ?", owner, id, nowMs) >
          0;
      }),
    erase: (owner) =>
      at("erase", (database) => {
        for (const { id } of database.all("SELECT id FROM responses WHERE owner = ?", owner)) {
          turns.delete(`${owner} ${id}`);
        }
        database.run("DELETE FROM responses WHERE owner = ?", owner);
      }),
  });
});

/** Responses in a file; it is opened when it is used first. */
export const layer: Layer.Layer<ResponseStore, never, Settings> = Layer.effect(ResponseStore, make);
