/**
 * The bytes of a ZIP archive under way, whose files are stored as they are.
 */
import { Zip, ZipPassThrough } from "fflate";

/** The entry that names what is not whole. */
const notesName = "NOT-INCLUDED.txt";

/** Times that the format can tell, in milliseconds since the epoch; a file may be given any. */
const firstMs = Date.UTC(1980, 0, 2);
const lastMs = Date.UTC(2099, 11, 30);

/** The archive under way: what the writer gave and nobody has taken. */
export class ArchiveWriter {
  readonly #zip: Zip;
  #pieces: Array<Uint8Array> = [];
  readonly missing: Array<string> = [];

  constructor() {
    this.#zip = new Zip((error, piece) => {
      if (error !== null) throw error;
      this.#pieces.push(piece);
    });
  }

  begin(name: string, modifiedAtMs: number): ZipPassThrough {
    const entry = new ZipPassThrough(name);
    entry.mtime = new Date(Math.min(Math.max(modifiedAtMs, firstMs), lastMs));
    this.#zip.add(entry);
    return entry;
  }

  end(): void {
    if (this.missing.length > 0) {
      const said = `These files changed or vanished while they were read:\n${this.missing.join("\n")}\n`;
      this.begin(notesName, 0).push(new TextEncoder().encode(said), true);
    }
    this.#zip.end();
  }

  take(): ReadonlyArray<Uint8Array> {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }
}
