/**
 * What a cell shows, as the pieces of its events arrive: joined, decoded and bounded.
 *
 * The mirror in Python is `image/supervisor/caisson_kernel.py`; the two change together.
 */
import { Buffer } from "node:buffer";
import type { CellDisplay, CellError } from "../../../domain/Cell.ts";

/** Bytes of all events of a cell, as the supervisor bounds them, and the first byte of each of their pieces. */
export const displayBytesMax = 26 * 1024 * 1024;
/** Events of a cell: its displays, how many were left out, and its error. */
const eventsMax = 34;

/** Kinds of event. */
const EventKind = { display: 1, result: 2, error: 3, leftOut: 4 } as const;

/** Forms whose bytes are no text. */
const isPicture = (mediaType: string): boolean => mediaType === "image/png" || mediaType === "image/jpeg";

/** The fields of an event by their names; undefined when it is malformed. */
const fieldsIn = (body: Buffer): ReadonlyMap<string, Buffer> | undefined => {
  const fields = new Map<string, Buffer>();
  let at = 0;
  while (at < body.length) {
    const nameEnd = at + 1 + body.readUInt8(at);
    if (nameEnd + 4 > body.length) return undefined;
    const end = nameEnd + 4 + body.readUInt32BE(nameEnd);
    if (end > body.length) return undefined;
    fields.set(body.toString("latin1", at + 1, nameEnd), body.subarray(nameEnd + 4, end));
    at = end;
  }
  return fields;
};

/** Collects what one cell shows. */
export class Displays {
  readonly shown: Array<CellDisplay> = [];
  error: CellError | undefined;
  leftOut = 0;
  private parts: Array<Uint8Array> = [];
  private events = 0;

  /** Takes a piece of an event; false when it breaks the protocol. */
  readonly take = (piece: Uint8Array): boolean => {
    if (piece.length < 2) return false;
    // The piece is a view of a transport buffer that may be much larger; of an event that is whole, nothing is kept.
    if (piece[0] !== 1) {
      this.parts.push(piece.slice(1));
      return true;
    }
    const event = Buffer.concat([...this.parts, piece.subarray(1)]);
    this.parts = [];
    this.events++;
    return this.events <= eventsMax && this.accept(event.readUInt8(0), event.subarray(1));
  };

  private accept(kind: number, body: Buffer): boolean {
    if (kind === EventKind.leftOut) {
      if (body.length !== 4) return false;
      this.leftOut = body.readUInt32BE(0);
      return true;
    }
    const fields = fieldsIn(body);
    if (fields === undefined) return false;
    const text = (name: string) => fields.get(name)?.toString("utf8") ?? "";
    switch (kind) {
      case EventKind.error:
        this.error = { name: text("name"), message: text("value"), traceback: text("traceback") };
        return true;
      case EventKind.display:
      case EventKind.result: {
        const forms = Object.fromEntries(
          [...fields].map(([name, bytes]) => [name, bytes.toString(isPicture(name) ? "base64" : "utf8")]),
        );
        this.shown.push({ kind: kind === EventKind.result ? "result" : "display", forms });
        return true;
      }
      default:
        return false;
    }
  }
}
