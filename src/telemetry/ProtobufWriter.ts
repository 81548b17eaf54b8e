/**
 * Writes protobuf messages from their ends, into one growing piece of memory.
 *
 * *Details*: a message stands behind its length, which is known when the message is written; who writes the end first
 * therefore never copies a message, nor makes memory for each field. Callers write the last field first.
 *
 * *Source*: the wire format of Protocol Buffers.
 */

/** Bytes to begin with: about thirty spans. */
const firstBytes = 16_384;
/** Characters up to which a loop beats the encoder. */
const shortText = 64;

const wireVarint = 0;
const wireFixed64 = 1;
const wireDelimited = 2;
const wireFixed32 = 5;

const low7 = 0x7f;
const more = 0x80;
const asciiMax = 0x7f;
const varintBytesMax = 10;
const bytesOfCharMax = 3;

/** The value of a hexadecimal digit, given by the code of its character. */
const digitOf = (code: number): number => code > 96 ? code - 87 : code > 64 ? code - 55 : code - 48;

const encoder = new TextEncoder();

export class ProtobufWriter {
  #bytes = new Uint8Array(firstBytes);
  #view = new DataView(this.#bytes.buffer);
  /** Where the first byte written stands. */
  #at = firstBytes;

  /** Bytes written. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** What was written; the writer is not used again. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(this.#at);
  }

  /** Makes a message of a field out of what was written since as many bytes were written as `before`. */
  message(field: number, before: number): void {
    this.#delimited(field, this.length - before);
  }

  /** Writes a text. */
  text(field: number, text: string): void {
    this.#delimited(field, this.#putText(text));
  }

  /** Writes a text, unless it is empty or missing. */
  textIfAny(field: number, text: string | undefined): void {
    if (text !== undefined && text !== "") this.text(field, text);
  }

  /** Writes bytes that are given in hexadecimal. */
  hex(field: number, hex: string): void {
    const count = hex.length >> 1;
    this.#make(count);
    this.#at -= count;
    for (let byte = 0; byte < count; byte++) {
      this.#bytes[this.#at + byte] = (digitOf(hex.charCodeAt(2 * byte)) << 4) | digitOf(hex.charCodeAt(2 * byte + 1));
    }
    this.#delimited(field, count);
  }

  /** Writes bytes. */
  bytes(field: number, bytes: Uint8Array): void {
    this.#make(bytes.length);
    this.#at -= bytes.length;
    this.#bytes.set(bytes, this.#at);
    this.#delimited(field, bytes.length);
  }

  /** Writes a whole number; a negative one takes ten bytes. */
  varint(field: number, value: number | bigint): void {
    this.#putVarint(value);
    this.#tag(field, wireVarint);
  }

  /** Writes a count, unless it is zero or missing. */
  count(field: number, count: number | undefined): void {
    if (count !== undefined && count > 0) this.varint(field, count);
  }

  /** Writes a whole number of eight bytes. */
  fixed64(field: number, value: bigint): void {
    this.#make(8);
    this.#at -= 8;
    this.#view.setBigUint64(this.#at, value, true);
    this.#tag(field, wireFixed64);
  }

  /** Writes a whole number of four bytes. */
  fixed32(field: number, value: number): void {
    this.#make(4);
    this.#at -= 4;
    this.#view.setUint32(this.#at, value, true);
    this.#tag(field, wireFixed32);
  }

  /** Writes a number of eight bytes with a fraction. */
  double(field: number, value: number): void {
    this.#make(8);
    this.#at -= 8;
    this.#view.setFloat64(this.#at, value, true);
    this.#tag(field, wireFixed64);
  }

  #delimited(field: number, bytes: number): void {
    this.#putVarint(bytes);
    this.#tag(field, wireDelimited);
  }

  #tag(field: number, wire: number): void {
    this.#putVarint((field << 3) | wire);
  }

  /** Makes room for bytes before those written. */
  #make(bytes: number): void {
    if (this.#at >= bytes) return;
    const { written, length } = this;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, length + bytes));
    grown.set(written, grown.length - length);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
    this.#at = grown.length - length;
  }

  #putVarint(value: number | bigint): void {
    if (typeof value === "number" && value >= 0 && value <= 0x7fff_ffff) return this.#putSmall(value);
    this.#make(varintBytesMax);
    const groups: Array<number> = [];
    let left = BigInt.asUintN(64, BigInt(value));
    for (; left > BigInt(low7); left >>= 7n) groups.push(Number(left & BigInt(low7)) | more);
    groups.push(Number(left));
    this.#at -= groups.length;
    this.#bytes.set(groups, this.#at);
  }

  #putSmall(value: number): void {
    this.#make(varintBytesMax);
    let groups = 1;
    for (let left = value >> 7; left > 0; left >>= 7) groups++;
    this.#at -= groups;
    let left = value;
    for (let byte = this.#at; byte < this.#at + groups - 1; byte++) {
      this.#bytes[byte] = (left & low7) | more;
      left >>= 7;
    }
    this.#bytes[this.#at + groups - 1] = left;
  }

  #putText(text: string): number {
    if (text.length <= shortText && this.#putAscii(text)) return text.length;
    const most = text.length * bytesOfCharMax;
    this.#make(most);
    const from = this.#at - most;
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(from, this.#at));
    this.#bytes.copyWithin(this.#at - written, from, from + written);
    this.#at -= written;
    return written;
  }

  /** Writes a text of plain characters; whether it was one. */
  #putAscii(text: string): boolean {
    this.#make(text.length);
    const from = this.#at - text.length;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > asciiMax) return false;
      this.#bytes[from + index] = code;
    }
    this.#at = from;
    return true;
  }
}
