/**
 * The fields of a multipart form, found without copying what they hold.
 *
 * The runtime's own parser makes an object of every part and copies a file three times, which for a file of
 * thirty megabytes holds everybody else for a third of a second.
 *
 * *Source*: RFC 7578 and RFC 2046, section 5.1.
 */
import { Buffer } from "node:buffer";

/** Fields of a form; a file and its path are two. */
const partsMax = 32;
/** Bytes of the head of a part. */
const headBytesMax = 16 * 1024;

/** One field: bytes, and the name of the file where it is one. */
interface FormField {
  readonly content: Uint8Array<ArrayBuffer>;
  readonly filename?: string;
}

/** Fields by name; of two with one name the first. */
export type FormFields = ReadonlyMap<string, FormField>;

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

const unreadable = "The form could not be read";

/**
 * Reads a form; a sentence says what is wrong with it.
 *
 * *Details*: what the fields hold are views of the given bytes.
 */
export const formFields = (bytes: Uint8Array<ArrayBuffer>, contentType: string): FormFields | string => {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return "The form's content-type names no boundary";
  const form = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const separator = Buffer.from(`\r\n--${boundary}`);
  const first = separator.subarray(2);
  // Before the first separator no line has to end.
  let at = form.subarray(0, first.length).equals(first) ? first.length : form.indexOf(separator) + separator.length;
  if (at < separator.length && at !== first.length) return unreadable;
  const fields = new Map<string, FormField>();
  for (let parts = 0; form.toString("latin1", at, at + 2) !== "--"; parts++) {
    if (parts === partsMax) return `Expected a form of at most ${partsMax} fields`;
    const headEnd = form.subarray(at, at + headBytesMax).indexOf("\r\n\r\n");
    const end = headEnd < 0 ? -1 : form.indexOf(separator, at + headEnd + 2);
    if (end < 0) return unreadable;
    const head = form.toString("utf8", at, at + headEnd);
    const disposition = /content-disposition:[ \t]{0,20}form-data[^\r\n]{0,9000}/i.exec(head)?.[0] ?? "";
    const parameters = parametersOf(disposition);
    const [name, filename] = [parameters.get("name"), parameters.get("filename")];
    const content = bytes.subarray(at + headEnd + 4, Math.max(end, at + headEnd + 4));
    if (name !== undefined && !fields.has(name)) {
      fields.set(name, { content, ...(filename === undefined ? {} : { filename }) });
    }
    at = end + separator.length;
  }
  return fields;
};
