/**
 * Where the body of an HTTP message ends, so that nothing after it counts as a part of it.
 */

/** A body that is passed on piece by piece. */
export interface HttpBody {
  /** How many bytes of the piece belong to it; undefined when it is malformed. */
  readonly take: (piece: Uint8Array) => number | undefined;
  readonly isOver: () => boolean;
}

/** A body of so many bytes. */
export const lengthBody = (bytes: number): HttpBody => {
  let left = bytes;
  return {
    take: (piece) => {
      const taken = Math.min(piece.length, left);
      left -= taken;
      return taken;
    },
    isOver: () => left === 0,
  };
};

/** Longest line with the size of a chunk, its extensions included, and longest trailer, in bytes. */
const lineBytesMax = 1024;
/** Digits of a chunk's size: more than any bound on bytes lets pass. */
const sizeDigitsMax = 12;
const lineFeed = 10;

/** A body in chunks. *Source*: RFC 9112 section 7.1. */
class ChunkedBody implements HttpBody {
  private state: "size" | "data" | "dataEnd" | "trailer" | "over" = "size";
  private line = "";
  private left = 0;

  take(piece: Uint8Array): number | undefined {
    let at = 0;
    while (at < piece.length && this.state !== "over") {
      if (this.state === "data") {
        const taken = Math.min(piece.length - at, this.left);
        at += taken;
        this.left -= taken;
        if (this.left === 0) this.state = "dataEnd";
        continue;
      }
      const byte = piece[at] ?? 0;
      at += 1;
      this.line += String.fromCharCode(byte);
      if (this.line.length > lineBytesMax) return undefined;
      if (byte === lineFeed && !this.onLine()) return undefined;
    }
    return at;
  }

  isOver(): boolean {
    return this.state === "over";
  }

  /** Takes a whole line; false when it is none that may stand there. */
  private onLine(): boolean {
    if (!this.line.endsWith("\r\n")) return false;
    const line = this.line.slice(0, -2);
    this.line = "";
    if (this.state === "dataEnd") {
      this.state = "size";
      return line === "";
    }
    if (this.state === "trailer") {
      if (line === "") this.state = "over";
      return true;
    }
    const digits = line.split(";", 1)[0]?.trimEnd() ?? "";
    if (digits.length > sizeDigitsMax || !/^[0-9a-fA-F]+$/.test(digits)) return false;
    this.left = Number.parseInt(digits, 16);
    this.state = this.left === 0 ? "trailer" : "data";
    return true;
  }
}

/** A body in chunks. */
export const chunkedBody = (): HttpBody => {
  const body = new ChunkedBody();
  return { take: (piece) => body.take(piece), isOver: () => body.isOver() };
};
