/**
 * Responses in one SQLite file under the data directory: they survive restarts and crashes.
 */
import { join } from "node:path";
import { Clock, Effect, Layer, Option, Schema } from "effect";
import { Settings } from "../../config.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { keepSwept } from "../sqlite/keepSwept.ts";
import { type Chain, chainMax, ResponseStore, type StoredResponse } from "../../services/ResponseStore.ts";
import { type Database, makeSqliteFile } from "../sqlite/sqliteFile.ts";
import { dayMs, decodeBody, decodeTurn, encoded } from "./bounds.ts";
import { chainOf, Chains, knownChain, type Link } from "./chains.ts";
import { eraseWaiting, removeWaiting, sweepWaiting, waitingIn, waitingSchema } from "./waiting/Sqlite.ts";

const fileName = "responses.sqlite";

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
  waitingSchema,
];

const chainSql = `
  WITH RECURSIVE chain (previous, turn, alive, expires, depth) AS (
    SELECT previous, turn, alive_until_ms, expires_ms, 0 FROM responses
      WHERE owner = ?1 AND id = ?2 AND expires_ms > ?3
    UNION ALL
    SELECT r.previous, r.turn, r.alive_until_ms, r.expires_ms, depth + 1 FROM chain
      JOIN responses r ON r.owner = ?1 AND r.id = chain.previous AND r.expires_ms > ?3
      WHERE depth < ${chainMax - 1}
  )
  SELECT turn, alive, expires FROM chain ORDER BY depth DESC`;

const Row = Schema.Struct({ turn: Schema.String, alive: Schema.Number, expires: Schema.Number });
const decodeRow = Schema.decodeUnknownSync(Row);

/** Chains of one file: what another process changes in it makes them invalid. */
class FileChains {
  readonly #chains = new Chains();
  #database: Database | undefined;

  /** The version of the file; it changes when somebody else writes. */
  #version(database: Database): string {
    if (database !== this.#database) this.#chains.clear();
    this.#database = database;
    return String(database.get("PRAGMA data_version")?.["data_version"]);
  }

  read(database: Database, owner: OwnerKey, id: string, nowMs: number): Option.Option<Chain> {
    const version = this.#version(database);
    const known = this.#chains.get(owner, id, version, nowMs);
    if (known !== undefined) return Option.some(known);
    const rows = database.all(chainSql, owner, id, nowMs).map((row) => decodeRow(row));
    if (rows.length === 0) return Option.none();
    const links = rows.map(({ turn, expires }): Link => ({
      turn: decodeTurn(turn),
      expiresAtMs: expires,
      characters: turn.length,
    }));
    if (rows.some(({ alive }) => alive > 0)) return Option.some(chainOf(links.map(({ turn }) => turn)));
    const read = knownChain(links, version);
    this.#chains.add(owner, id, read);
    return Option.some(read.chain);
  }

  put(database: Database, owner: OwnerKey, response: StoredResponse, link: Omit<Link, "turn">): void {
    const { id, previous, turn, aliveUntilMs } = response;
    if (aliveUntilMs > 0) this.#chains.delete(owner, id);
    else this.#chains.extend(owner, previous, id, { ...link, turn }, this.#version(database));
  }

  forget(owner: OwnerKey): void {
    this.#chains.forget(owner);
  }
}

const put = (
  chains: FileChains,
  database: Database,
  owner: OwnerKey,
  response: StoredResponse,
  expiresAtMs: number,
) => {
  const { turn, body } = encoded(response);
  chains.put(database, owner, response, { expiresAtMs, characters: turn.length });
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
  const chains = new FileChains();

  const at = <A>(operation: string, work: (database: Database, nowMs: number) => A) =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => file.use(operation, (database) => work(database, nowMs)));

  yield* keepSwept(file, {
    every: "1 minute",
    batch: 20,
    removeSome: (database, nowMs, limit) =>
      Math.max(
        sweepWaiting(database, nowMs, limit),
        database.run(
          "DELETE FROM responses WHERE rowid IN (SELECT rowid FROM responses WHERE expires_ms <= ? LIMIT ?)",
          nowMs,
          limit,
        ),
      ),
  });

  return ResponseStore.of({
    put: (owner, response) =>
      at("put", (database, nowMs) => put(chains, database, owner, response, nowMs + responseRetentionDays * dayMs)),
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
    chain: (owner, id) => at("chain", (database, nowMs) => chains.read(database, owner, id, nowMs)),
    ...waitingIn(file),
    remove: (owner, id) =>
      at("remove", (database, nowMs) => {
        chains.forget(owner);
        removeWaiting(database, owner, id);
        return database.run("DELETE FROM responses WHERE owner = ? AND id = ? AND expires_ms > ?", owner, id, nowMs) >
          0;
      }),
    erase: (owner) =>
      at("erase", (database) => {
        chains.forget(owner);
        database.run("DELETE FROM responses WHERE owner = ?", owner);
        eraseWaiting(database, owner);
      }),
  });
});

/** Responses in a file; it is opened when it is used first. */
export const layer: Layer.Layer<ResponseStore, never, Settings> = Layer.effect(ResponseStore, make);
