/**
 * The name that a TLS client asks for, read from the first bytes it sends.
 */
import { Buffer } from "node:buffer";

/** Largest first message that is read; those with post-quantum keys and an encrypted name have 4 KiB. */
const helloBytesMax = 16 * 1024;

const recordHeaderBytes = 5;
const recordBytesMax = 16_384;
const handshakeRecord = 22;
const clientHelloType = 1;

/** What the first bytes of a client are: a name that is asked for, too little to tell, or nothing that names one. */
export type Hello =
  | { readonly _tag: "Name"; readonly name: string }
  | { readonly _tag: "More" }
  | { readonly _tag: "None" };

const none: Hello = { _tag: "None" };
const more: Hello = { _tag: "More" };

/** The message that lies in records one after the other; a client may cut it anywhere. */
const messageOf = (bytes: Uint8Array): Buffer | "more" | undefined => {
  const parts: Array<Uint8Array> = [];
  let length = 0;
  let wanted: number | undefined;
  for (let at = 0; wanted === undefined || length < wanted;) {
    if (at < bytes.length && bytes[at] !== handshakeRecord) return undefined;
    if (bytes.length < at + recordHeaderBytes) return bytes.length > helloBytesMax ? undefined : "more";
    const size = (bytes[at + 3] ?? 0) * 256 + (bytes[at + 4] ?? 0);
    if (bytes[at + 1] !== 3 || size === 0 || size > recordBytesMax) return undefined;
    const part = bytes.subarray(at + recordHeaderBytes, at + recordHeaderBytes + size);
    parts.push(part);
    length += part.length;
    at += recordHeaderBytes + size;
    if (wanted === undefined && length >= 4) {
      const head = Buffer.concat(parts, length);
      if (head[0] !== clientHelloType) return undefined;
      wanted = 4 + head.readUIntBE(1, 3);
      if (wanted > helloBytesMax) return undefined;
    }
    if (part.length < size && (wanted === undefined || length < wanted)) {
      return bytes.length > helloBytesMax ? undefined : "more";
    }
  }
  return Buffer.concat(parts, length).subarray(0, wanted);
};

/** The content of the one extension that names a server; undefined when there is none, or more than one. */
const serverName = (extensions: Buffer): string | undefined => {
  let found: string | undefined;
  for (let at = 0; at < extensions.length;) {
    if (at + 4 > extensions.length) return undefined;
    const type = extensions.readUInt16BE(at);
    const end = at + 4 + extensions.readUInt16BE(at + 2);
    if (end > extensions.length) return undefined;
    if (type === 0) {
      const list = extensions.subarray(at + 4, end);
      // One entry that fills the list, of the only type there is.
      const whole = list.length >= 6 && list.readUInt16BE(0) === list.length - 2 && list[2] === 0 &&
        list.readUInt16BE(3) === list.length - 5;
      if (found !== undefined || !whole) return undefined;
      found = list.subarray(5).toString("latin1");
    }
    at = end;
  }
  return found;
};

/** The extensions of a ClientHello; undefined when it is cut or malformed. */
const extensionsOf = (message: Buffer): Buffer | undefined => {
  const version = 2;
  const random = 32;
  let at = 4 + version + random;
  for (const lengthBytes of [1, 2, 1]) { // session id, cipher suites, compression methods
    if (at + lengthBytes > message.length) return undefined;
    at += lengthBytes + message.readUIntBE(at, lengthBytes);
  }
  if (at + 2 > message.length) return undefined;
  const end = at + 2 + message.readUInt16BE(at);
  return end === message.length ? message.subarray(at + 2, end) : undefined;
};

/** Reads the name out of what a client has sent so far. *Source*: RFC 8446 section 4.1.2, RFC 6066 section 3. */
export const readHello = (bytes: Uint8Array): Hello => {
  const message = messageOf(bytes);
  if (message === "more") return more;
  const extensions = message === undefined ? undefined : extensionsOf(message);
  const name = extensions === undefined ? undefined : serverName(extensions);
  return name === undefined ? none : { _tag: "Name", name };
};
