/**
 * Database files that are held open beside SQLite, to look at their first page.
 *
 * On POSIX a process that closes any descriptor of a file loses all its locks on it, SQLite's included. A tool that
 * then looks at the database takes itself for the last one, removes the write-ahead log, and with it what is written
 * there later. So a file is opened before SQLite opens it, and closed when no store of the process uses it any more.
 */
import { Buffer } from "node:buffer";
import { closeSync, openSync, readSync, statSync } from "node:fs";

/** What every database file begins with. */
const fileHeader = "SQLite format 3\0";

/** Descriptors and how many use them, by device and inode. */
const held = new Map<string, { readonly descriptor: number; users: number }>();

const identityAt = (path: string): string => {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
};

/** A file that was at a path when it was taken. */
export interface HeldFile {
  /** Throws when the file at the path is another by now, or begins like no database. */
  readonly see: () => void;
  /** Closes it, unless another store uses it; to be called once, after SQLite has closed it. */
  readonly release: () => void;
}

/** Takes the file at a path; throws what the file system says where it cannot be read. */
export const hold = (path: string): HeldFile => {
  const identity = identityAt(path);
  const entry = held.get(identity) ?? { descriptor: openSync(path, "r"), users: 0 };
  entry.users += 1;
  held.set(identity, entry);
  return {
    see: () => {
      if (identityAt(path) !== identity) throw new Error("the file was replaced by another");
      const header = Buffer.alloc(fileHeader.length);
      const bytesRead = readSync(entry.descriptor, header, 0, header.length, 0);
      // The pages of a new database may still be in its log alone.
      if (bytesRead > 0 && header.toString("latin1") !== fileHeader) throw new Error("the file is not a database");
    },
    release: () => {
      entry.users -= 1;
      if (entry.users > 0) return;
      held.delete(identity);
      closeSync(entry.descriptor);
    },
  };
};
