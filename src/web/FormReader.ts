/**
 * A multipart form, read while it arrives: each part's bytes are passed on and none is kept.
 *
 * *Source*: RFC 7578 and RFC 2046, section 5.1.
 */
import { Buffer } from "node:buffer";

/** Fields of a form; a file and its path are two. */
const partsMax = 32;
/** Bytes of the head of a part. */
const headBytesMax = 16 * 1024;

/** What a form brings, in its order: the head of a part, its bytes in pieces, its end; and the end of all. */
export type FormEvent =
  | { readonly _tag: "Part"; readonly name: string | undefined; readonly filename: string | undefined }
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "PartEnd" }
  | { readonly _tag: "End" };

const lineEnd = Buffer.from("\r\n");
const headEnd = Buffer.from("\r\n\r\n");
const noBytes = Buffer.alloc(0);

/** What separates the parts of a form, by its content type. */
const boundaryOf = (contentType: string): string | undefined => {
  const found = /;[ \t]{0,20}boundary=(?:"([^"]{1,200})"|([^;"\s]{1,200}))/i.exec(contentType);
  return found?.[1] ?? found?.[2];
};

/** The parameters of a `content-disposition`: quotes and line breaks in them are percent-encoded, as browsers do. */
const parametersOf = (disposition: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (let at = disposition.indexOf(";"); at >= 0;) {
    const equals = disposition.indexOf("=", at);
    if (equals < 0) break;
    const isQuoted = disposition[equals + 1] === '"';
    const start = isQuoted ? equals + 2 : equals + 1;
    const stop = disposition.indexOf(isQuoted ? '"' : ";", start);
    const end = stop < 0 ? disposition.length : stop;
    const value = disposition.slice(start, end).replaceAll("%22", '"').replaceAll("%0D%0A", "\n");
    found.set(disposition.slice(at + 1, equals).trim().toLowerCase(), value);
    at = disposition.indexOf(";", end);
  }
  return found;
};

/** The event of a part whose head was read. */
const partOf = (head: Buffer): FormEvent => {
  const disposition = /content-disposition:[ \t]{0,20}form-data[^\r\n]{0,9000}/i.exec(head.toString("utf8"))?.[0] ?? "";
  const parameters = parametersOf(disposition);
  return { _tag: "Part", name: parameters.get("name"), filename: parameters.get("filename") };
};

/** What is said of a form that is none, or that ended too early. */
export const formUnreadable = "The form could not be read";

/** What the next bytes belong to. */
type Place = "preamble" | "separated" | "head" | "body" | "end";

/**
 * Takes a form apart while it arrives.
 *
 * *Details*: it holds the head of one part, and of bodies no more than might be the beginning of a separator. What it
 * passes on are views of the bytes that it was given.
 */
export class FormReader {
  /** What is wrong with the form, as a sentence; nothing more comes out of it then. */
  refused: string | undefined;

  private place: Place = "preamble";
  private parts = 0;
  /** Bytes that wait for the next ones: a line's end stands before the first separator and after each head. */
  private kept: Buffer = lineEnd;
  /** Bytes at the beginning of `kept` that belong to no body. */
  private foreign = lineEnd.length;
  private readonly head = Buffer.alloc(headBytesMax);
  private headFilled = 0;
  private readonly separator: Buffer;

  constructor(contentType: string) {
    const boundary = boundaryOf(contentType);
    if (boundary === undefined) this.refused = "The form's content-type names no boundary";
    this.separator = Buffer.from(`\r\n--${boundary}`);
  }

  /** Whether the form has ended as forms do. */
  get isWhole(): boolean {
    return this.place === "end";
  }

  /** What these bytes bring. */
  push(bytes: Uint8Array): ReadonlyArray<FormEvent> {
    const events: Array<FormEvent> = [];
    let rest: Buffer | undefined = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    while (rest !== undefined && rest.length > 0 && this.refused === undefined && this.place !== "end") {
      rest = this.place === "separated"
        ? this.afterSeparator(rest, events)
        : this.place === "head"
        ? this.inHead(rest, events)
        : this.inBody(rest, events);
    }
    return events;
  }

  /** Two bytes tell whether that was the last separator; what is left of the bytes is read on. */
  private afterSeparator(bytes: Buffer, events: Array<FormEvent>): Buffer | undefined {
    const all = this.join(bytes);
    if (all.length < 2) return this.keep(all);
    if (all.toString("latin1", 0, 2) === "--") {
      this.place = "end";
      events.push({ _tag: "End" });
      return undefined;
    }
    if (this.parts === partsMax) {
      this.refused = `Expected a form of at most ${partsMax} fields`;
      return undefined;
    }
    this.parts++;
    this.place = "head";
    this.headFilled = 0;
    return all;
  }

  private inHead(bytes: Buffer, events: Array<FormEvent>): Buffer | undefined {
    const searchedFrom = Math.max(0, this.headFilled - headEnd.length + 1);
    const taken = bytes.copy(this.head, this.headFilled);
    const before = this.headFilled;
    this.headFilled += taken;
    const found = this.head.subarray(searchedFrom, this.headFilled).indexOf(headEnd);
    if (found < 0) {
      if (this.headFilled === headBytesMax) this.refused = formUnreadable;
      return undefined;
    }
    const end = searchedFrom + found;
    events.push(partOf(this.head.subarray(0, end)));
    this.place = "body";
    this.kept = lineEnd;
    this.foreign = lineEnd.length;
    return bytes.subarray(end + headEnd.length - before);
  }

  private inBody(bytes: Buffer, events: Array<FormEvent>): Buffer | undefined {
    const all = this.join(bytes);
    const found = all.indexOf(this.separator);
    // A separator may have begun in the last bytes.
    const end = found < 0 ? Math.max(0, all.length - this.separator.length + 1) : found;
    if (this.place === "body" && end > this.foreign) {
      events.push({ _tag: "Bytes", bytes: all.subarray(this.foreign, end) });
    }
    this.foreign = Math.max(0, this.foreign - end);
    if (found < 0) return this.keep(all.subarray(end));
    if (this.place === "body") events.push({ _tag: "PartEnd" });
    this.place = "separated";
    this.foreign = 0;
    return all.subarray(end + this.separator.length);
  }

  private join(bytes: Buffer): Buffer {
    if (this.kept.length === 0) return bytes;
    const all = Buffer.concat([this.kept, bytes]);
    this.kept = noBytes;
    return all;
  }

  private keep(bytes: Buffer): undefined {
    // A copy: a view would hold all that came with it.
    this.kept = Buffer.from(bytes);
  }
}
