/**
 * The schema of the file of sessions.
 */

/**
 * The schema, one step per version; steps that were released never change.
 *
 * `serial` is never used again, so it names one life of a session. A turn's `body` is written once.
 */
export const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE sessions (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    turns INTEGER NOT NULL DEFAULT 0,
    newest TEXT,
    UNIQUE (owner, id)
  ) STRICT;
  CREATE INDEX sessions_by_use ON sessions (used_ms);
  CREATE TABLE turns (
    session INTEGER NOT NULL REFERENCES sessions (serial) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (session, position),
    UNIQUE (session, id)
  ) STRICT;
  `,
  "CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;",
  // Null in sessions of before: their first words are read when they are listed.
  "ALTER TABLE sessions ADD COLUMN title TEXT;",
  `
  CREATE TABLE unnamed (
    principal TEXT NOT NULL,
    user TEXT NOT NULL,
    used_ms INTEGER NOT NULL,
    PRIMARY KEY (principal, user)
  ) STRICT;
  CREATE INDEX unnamed_by_use ON unnamed (used_ms);
  `,
  // The newest turn where it waits for a person; names that were claimed, with what was settled of them.
  `
  ALTER TABLE sessions ADD COLUMN awaiting TEXT;
  CREATE TABLE claims (
    session INTEGER NOT NULL REFERENCES sessions (serial) ON DELETE CASCADE,
    name TEXT NOT NULL,
    outcome TEXT,
    PRIMARY KEY (session, name)
  ) STRICT, WITHOUT ROWID;
  `,
];
