import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { FormReader, formUnreadable } from "../../../src/web/FormReader.ts";

interface Field {
  readonly filename: string | undefined;
  readonly content: Uint8Array;
}

/** Fields of a form that arrives in pieces; of two of one name the first. What is wrong with it, as a sentence. */
const formFields = (bytes: Uint8Array, contentType: string, pieceBytes = 65_536) => {
  const reader = new FormReader(contentType);
  const fields = new Map<string, Field>();
  let current: { name: string | undefined; filename: string | undefined; pieces: Array<Uint8Array> } | undefined;
  for (let at = 0; at < bytes.length && reader.refused === undefined; at += pieceBytes) {
    for (const event of reader.push(bytes.slice(at, at + pieceBytes))) {
      if (event._tag === "Part") current = { name: event.name, filename: event.filename, pieces: [] };
      if (event._tag === "Bytes") current?.pieces.push(event.bytes);
      if (event._tag === "PartEnd" && current?.name !== undefined && !fields.has(current.name)) {
        const content = new Uint8Array(Buffer.concat(current.pieces));
        fields.set(current.name, { filename: current.filename, content });
      }
    }
  }
  return reader.refused ?? (reader.isWhole ? fields : formUnreadable);
};

/** Bytes of a piece: one by one, over every edge, and all at once. */
const pieceSizes = [1, 3, 7, 61, 1_000, 1_000_000];

const encode = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

Deno.test("FormReader reads what a browser's form sends, byte for byte, in pieces of any size", async () => {
  const content = new Uint8Array(70_000).map((_, index) => (index * 31) % 256);
  content.set(encode("\r\n--nearly\r\n\r\n--\r\n"), 500);
  const names = ["a.txt", "", '水 "x".csv', "a;b=c.txt", "../../etc/passwd"];
  for (const name of names) {
    const form = new FormData();
    form.set("path", "data/é.bin");
    form.set("file", new File([content], name));
    form.append("file", new File(["second"], "second"));
    const sent = new Response(form);
    const bytes = new Uint8Array(await sent.arrayBuffer());
    for (const pieceBytes of pieceSizes) {
      const fields = formFields(bytes, sent.headers.get("content-type") ?? "", pieceBytes);
      assert.ok(typeof fields !== "string", String(fields));
      assert.equal(text(fields.get("path")?.content), "data/é.bin");
      assert.equal(fields.get("path")?.filename, undefined);
      assert.equal(fields.get("file")?.filename, name);
      assert.ok(Buffer.from(content).equals(fields.get("file")?.content ?? new Uint8Array()));
    }
  }
});

const type = "multipart/form-data; boundary=b";
const part = (value: string) => `--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n${value}\r\n`;

Deno.test("FormReader takes a preamble, an empty field and a quoted boundary", () => {
  for (const contentType of [type, 'multipart/form-data; charset=utf-8; boundary="b"']) {
    for (const value of ["", "x"]) {
      for (const pieceBytes of pieceSizes) {
        const fields = formFields(encode(`preamble\r\n${part(value)}--b--\r\n`), contentType, pieceBytes);
        assert.ok(typeof fields !== "string");
        assert.equal(text(fields.get("f")?.content), value);
      }
    }
  }
});

const wrong: ReadonlyArray<readonly [string, string, RegExp]> = [
  ["", "multipart/form-data", /no boundary/],
  ["", type, /could not be read/],
  ["--", type, /could not be read/],
  ["--b", type, /could not be read/],
  ["--b\r\n", type, /could not be read/],
  ["--b\r\n\r\n", type, /could not be read/],
  ["no separator at all", type, /could not be read/],
  [`--b\r\nX: ${"a".repeat(20_000)}\r\n\r\nx\r\n--b--`, type, /could not be read/],
  [part("x"), type, /could not be read/],
  [`${part("x").repeat(33)}--b--`, type, /at most 32/],
  ["--b\r\n\r\n\r\n".repeat(600_000), type, /at most 32/],
];

for (const [body, contentType, why] of wrong) {
  Deno.test(`FormReader refuses ${JSON.stringify(body.slice(0, 40))}`, () => {
    for (const pieceBytes of body.length > 100_000 ? [65_536] : pieceSizes) {
      const fields = formFields(encode(body), contentType, pieceBytes);
      assert.match(typeof fields === "string" ? fields : "nothing is wrong", why);
    }
  });
}

Deno.test("FormReader passes a file on while it arrives and holds no more than a separator's length", () => {
  const reader = new FormReader(type);
  reader.push(encode('--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'));
  let [given, passed] = [0, 0];
  for (let n = 0; n < 1_000; n++) {
    given += 1_000;
    for (const event of reader.push(new Uint8Array(1_000).fill(13))) {
      passed += event._tag === "Bytes" ? event.bytes.length : 0;
    }
    assert.ok(given - passed <= "\r\n--b".length, `${given - passed} bytes are held`);
  }
});
