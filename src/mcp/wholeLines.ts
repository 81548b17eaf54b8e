/**
 * Messages from standard input, each as a whole.
 *
 * The SDK copies and searches all that it has of a message for every piece that arrives, which for one of 17 MB takes
 * eight seconds; of a whole message it does so once.
 */
import { Buffer } from "node:buffer";
import { Transform, type TransformCallback } from "node:stream";

const newline = 10;

/** Passes on whole lines; of a line longer than the bound what there is, for whoever refuses it. */
export class WholeLines extends Transform {
  #pieces: Array<Uint8Array> = [];
  #length = 0;

  constructor(private readonly bytesMax: number) {
    super();
  }

  override _transform(piece: Uint8Array, _encoding: string, done: TransformCallback): void {
    const first = piece.indexOf(newline);
    if (first < 0) this.#keep(piece);
    else {
      const last = piece.lastIndexOf(newline);
      // The line that was kept goes by itself: what follows it is another message, with a length of its own.
      this.#keep(piece.subarray(0, first + 1));
      this.#pass();
      if (last > first) this.push(piece.subarray(first + 1, last + 1));
      if (last + 1 < piece.length) this.#keep(piece.subarray(last + 1));
    }
    if (this.#length > this.bytesMax) this.#pass();
    done();
  }

  override _flush(done: TransformCallback): void {
    if (this.#length > 0) this.#pass();
    done();
  }

  #keep(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  #pass(): void {
    const line = Buffer.concat(this.#pieces, this.#length);
    this.#pieces = [];
    this.#length = 0;
    this.push(line);
  }
}
