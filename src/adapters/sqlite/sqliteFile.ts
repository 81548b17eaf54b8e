/**
 * One SQLite file: opening, migrating, and a connection that heals.
 *
 * Statements run synchronously on the event loop, so each must be short.
 */
import { Buffer } from "node:buffer";
import { chmod, mkdir, open as openFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { Effect, Semaphore } from "effect";
import { SessionsUnavailable } from "../../services/Sessions.ts";

/** Wait for another process that is writing, in milliseconds; it blocks the event loop, so it is short. */
const busyTimeoutMs = 500;

/**
 * A write-ahead log survives a killed process at every moment. `NORMAL` leaves the flush to disk to
 * checkpoints: a power cut can cost the last moments, never the file. Deleted text is overwritten.
 */
const pragmas = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  PRAGMA secure_delete = ON;
  PRAGMA busy_timeout = ${busyTimeoutMs};
`;

/** What every database file begins with. */
const fileHeader = "SQLite format 3\0";

export type Row = Record<string, SQLOutputValue>;

/** An open database with its prepared statements. */
export class Database {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** The first row of a query. */
  get(sql: string, ...values: ReadonlyArray<SQLInputValue>): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  /** Every row of a query. */
  all(sql: string, ...values: ReadonlyArray<SQLInputValue>): ReadonlyArray<Row> {
    return this.#prepare(sql).all(...values);
  }

  /** Runs a statement and returns how many rows it changed. */
  run(sql: string, ...values: ReadonlyArray<SQLInputValue>): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** Runs `body` as one transaction that holds the write lock from its beginning. */
  transaction<A>(body: () => A): A {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const value = body();
      this.#database.exec("COMMIT");
      return value;
    } catch (cause) {
      // SQLite itself rolls back when the disk is full or fails.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw cause;
    }
  }

  /** Configures the connection and brings the schema to the newest version, a step per version. */
  migrate(migrations: ReadonlyArray<string>): void {
    this.#database.exec(pragmas);
    this.transaction(() => {
      const version = Number(this.get("PRAGMA user_version")?.["user_version"] ?? 0);
      if (version > migrations.length) {
        throw new Error(`the file is of version ${version}, this program knows ${migrations.length}`);
      }
      for (const step of migrations.slice(version)) this.#database.exec(step);
      this.#database.exec(`PRAGMA user_version = ${migrations.length}`);
    });
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

/** A file that is opened when it is used and opened again after it failed. */
export interface SqliteFile {
  /** Runs synchronous work on the open database. */
  readonly use: <A>(
    operation: string,
    work: (database: Database) => A,
  ) => Effect.Effect<A, SessionsUnavailable>;
  /**
   * Whether the open file is the one at the path, and its first page a database's.
   *
   * *Fails with* `SessionsUnavailable` when it was deleted, replaced or overwritten; the next use opens what is there.
   */
  readonly isStillThere: Effect.Effect<void, SessionsUnavailable>;
}

const identityOf = async (path: string): Promise<string> => {
  const { dev, ino } = await stat(path);
  return `${dev}:${ino}`;
};

/** Throws when the file at a path is not the one that was opened, or no database any more. */
const seeFile = async (path: string, opened: string): Promise<void> => {
  const file = await openFile(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(fileHeader.length), 0, fileHeader.length, 0);
    if (opened !== await identityOf(path)) throw new Error("the file was replaced by another");
    // The pages of a new database may still be in its log alone.
    if (bytesRead > 0 && buffer.toString("latin1") !== fileHeader) throw new Error("the file is not a database");
  } finally {
    await file.close();
  }
};

/**
 * Prepares a file for use while the scope is open; only this system user can read it.
 *
 * *Details*: any failure closes the connection, so that the next use starts from the file as it is then. Steps of the
 * schema that were released never change.
 */
export const makeSqliteFile = Effect.fnUntraced(function* (path: string, migrations: ReadonlyArray<string>) {
  const { DatabaseSync } = yield* Effect.promise(() => import("node:sqlite"));
  const opening = yield* Semaphore.make(1);
  let current: Database | undefined;
  /** Which file is open, as device and inode. */
  let opened = "";

  const close = () => {
    const closing = current;
    current = undefined;
    closing?.close();
  };
  yield* Effect.addFinalizer(() => Effect.sync(close));

  const unavailable = (operation: string) => (cause: unknown) =>
    new SessionsUnavailable({
      store: "sqlite",
      operation,
      detail: cause instanceof Error ? cause.message : "the file cannot be used",
      cause,
    });

  const isStillThere: SqliteFile["isStillThere"] = Effect.tryPromise({
    try: () => current === undefined ? Promise.resolve() : seeFile(path, opened),
    catch: (cause) => {
      close();
      return unavailable("check")(cause);
    },
  });

  const open = Effect.gen(function* () {
    if (current !== undefined) return;
    yield* Effect.tryPromise({
      try: async () => {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await (await openFile(path, "a", 0o600)).close();
        await chmod(path, 0o600);
        opened = await identityOf(path);
      },
      catch: unavailable("open"),
    });
    yield* Effect.try({
      try: () => {
        const database = new Database(new DatabaseSync(path));
        try {
          database.migrate(migrations);
        } catch (cause) {
          database.close();
          throw cause;
        }
        current = database;
      },
      catch: unavailable("open"),
    });
  }).pipe(opening.withPermits(1), Effect.uninterruptible);

  const use: SqliteFile["use"] = Effect.fnUntraced(function* (operation, work) {
    if (current === undefined) yield* open;
    return yield* Effect.try({
      try: () => {
        if (current === undefined) throw new Error("the file was closed");
        try {
          return work(current);
        } catch (cause) {
          close();
          throw cause;
        }
      },
      catch: unavailable(operation),
    });
  });
  return { use, isStillThere } satisfies SqliteFile;
});
