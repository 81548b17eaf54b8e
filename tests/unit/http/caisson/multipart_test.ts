import assert from "node:assert/strict";
import { formFields } from "../../../../src/http/caisson/multipart.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

Deno.test("formFields reads what a browser's form sends, byte for byte", async () => {
  const content = new Uint8Array(70_000).map((_, index) => (index * 31) % 256);
  content.set(encode("\r\n--nearly\r\n\r\n--\r\n"), 500);
  const names = ["a.txt", "", '水 "x".csv', "a;b=c.txt", "../../etc/passwd"];
  for (const name of names) {
    const form = new FormData();
    form.set("path", "data/é.bin");
    form.set("file", new File([content], name));
    form.append("file", new File(["second"], "second"));
    const sent = new Response(form);
    const fields = formFields(new Uint8Array(await sent.arrayBuffer()), sent.headers.get("content-type") ?? "");
    assert.ok(typeof fields !== "string", String(fields));
    assert.equal(text(fields.get("path")?.content), "data/é.bin");
    assert.equal(fields.get("path")?.filename, undefined);
    assert.equal(fields.get("file")?.filename, name);
    assert.deepEqual(fields.get("file")?.content, content);
  }
});

const type = "multipart/form-data; boundary=b";
const part = (value: string) => `--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n${value}\r\n`;

Deno.test("formFields takes a preamble, an empty field and a quoted boundary", () => {
  for (const contentType of [type, 'multipart/form-data; charset=utf-8; boundary="b"']) {
    for (const value of ["", "x"]) {
      const fields = formFields(encode(`preamble\r\n${part(value)}--b--\r\n`), contentType);
      assert.ok(typeof fields !== "string");
      assert.equal(text(fields.get("f")?.content), value);
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
  Deno.test(`formFields refuses ${JSON.stringify(body.slice(0, 40))}`, () => {
    const fields = formFields(encode(body), contentType);
    assert.match(typeof fields === "string" ? fields : "nothing is wrong", why);
  });
}
