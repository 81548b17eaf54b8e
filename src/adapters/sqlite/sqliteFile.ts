/**
 * One SQLite file: opening, migrating, and a connection that heals.
 *
 * Statements run synchronously on the event loop, so each must be short.
 */
import { chmod, mkdir, open as openFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { Effect, Schedule, Semaphore } from "effect";
import { SessionsUnavailable } from "../../services/Sessions.ts";
import { type HeldFile, hold } from "./heldFiles.ts";

/** Wait for another process that is writing, in milliseconds; it blocks the event loop, so it is short. */
const busyTimeoutMs = 500;

/**
 * Such a wait of one try to open, in milliseconds: shorter, because the next try comes by itself.
 *
 * SQLite does not wait at all where two processes want to switch one new file to its write-ahead log: one of them is
 * refused at once and has to begin anew.
 */
const openingBusyTimeoutMs = 50;

/** Tries to open a file that others are opening or migrating: a few seconds of them. */
const openingTriesMax = 40;
const openingRetry = Schedule.spaced("50 millis").pipe(Schedule.jittered);

/**
 * A write-ahead log survives a killed process at every moment. `NORMAL` leaves the flush to disk to
 * checkpoints: a power cut can cost the last moments, never the file. Deleted text is overwritten.
 */
const pragmas = `
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  PRAGMA secure_delete = ON;
  PRAGMA busy_timeout = ${busyTimeoutMs};
`;

/** SQLite's words for a file that another connection holds; the driver gives no number of the error. */
const busyMessage = "database is locked";

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
    this.#database.exec(`PRAGMA busy_timeout = ${openingBusyTimeoutMs}`);
    this.#database.exec("PRAGMA journal_mode = WAL");
    // A file that is of this version already is opened beside one who writes, without a wait.
    if (this.#version() !== migrations.length) this.#bringTo(migrations);
    this.#database.exec(pragmas);
  }

  #version(): number {
    return Number(this.get("PRAGMA user_version")?.["user_version"] ?? 0);
  }

  #bringTo(migrations: ReadonlyArray<string>): void {
    this.transaction(() => {
      const version = this.#version();
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

/**
 * Makes the file where there is none, for this system user alone.
 *
 * A file that is there is not opened: closing it would cost another store of the process its locks (`heldFiles.ts`).
 */
const makeFile = async (path: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await (await openFile(path, "ax", 0o600)).close();
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
  }
  await chmod(path, 0o600);
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
  let file: HeldFile | undefined;

  const close = () => {
    const [closing, released] = [current, file];
    current = undefined;
    file = undefined;
    try {
      closing?.close();
    } finally {
      released?.release();
    }
  };
  yield* Effect.addFinalizer(() => Effect.sync(close));

  const unavailable = (operation: string) => (cause: unknown) =>
    new SessionsUnavailable({
      store: "sqlite",
      operation,
      detail: cause instanceof Error ? cause.message : "the file cannot be used",
      cause,
    });

  const isStillThere: SqliteFile["isStillThere"] = Effect.try({
    try: () => file?.see(),
    catch: (cause) => {
      close();
      return unavailable("check")(cause);
    },
  });

  const open = Effect.gen(function* () {
    if (current !== undefined) return;
    yield* Effect.tryPromise({ try: () => makeFile(path), catch: unavailable("open") });
    yield* Effect.try({
      try: () => {
        const holding = hold(path);
        let database: Database | undefined;
        try {
          database = new Database(new DatabaseSync(path));
          database.migrate(migrations);
        } catch (cause) {
          database?.close();
          holding.release();
          throw cause;
        }
        current = database;
        file = holding;
      },
      catch: unavailable("open"),
    }).pipe(
      Effect.retry({ schedule: openingRetry, times: openingTriesMax, while: ({ detail }) => detail === busyMessage }),
    );
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
