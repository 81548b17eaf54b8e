import assert from "node:assert/strict";
import { Option } from "effect";
import { isOffered, mediaTypeOf, sniffImage } from "../../../src/domain/Artifact.ts";
import { checkLink, linkKeys, openPlace, sealPlace, signLink } from "../../../src/http/caisson/sealedLinks.ts";
import { readRange } from "../../../src/http/caisson/byteRange.ts";

Deno.test("readRange reads one range and ignores what it does not understand", () => {
  const part = (offset: number, length: number) => ({ _tag: "Part", offset, length });
  const table = [
    [undefined, { _tag: "Whole" }],
    ["bytes=0-9", part(0, 10)],
    ["bytes=90-", part(90, 10)],
    ["bytes=90-500", part(90, 10)],
    ["bytes=-5", part(95, 5)],
    ["bytes=-500", part(0, 100)],
    ["bytes=100-", { _tag: "Unsatisfiable" }],
    ["bytes=-0", { _tag: "Unsatisfiable" }],
    ["bytes=5-1", { _tag: "Whole" }],
    ["bytes=-", { _tag: "Whole" }],
    ["bytes=0-1,5-6", { _tag: "Whole" }],
    ["bytes=a-b", { _tag: "Whole" }],
    ["items=0-1", { _tag: "Whole" }],
    [`bytes=${"9".repeat(40)}-`, { _tag: "Whole" }],
  ] as const;
  for (const [header, expected] of table) assert.deepEqual(readRange(header, 100), expected, header);
  assert.deepEqual(readRange("bytes=0-", 0), { _tag: "Unsatisfiable" });
});

Deno.test("sniffImage proves raster images by their first bytes only", () => {
  const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
  assert.equal(sniffImage(bytes("\x89PNG\r\n\x1a\n....")), "image/png");
  assert.equal(sniffImage(bytes("\xff\xd8\xff\xe0")), "image/jpeg");
  assert.equal(sniffImage(bytes("GIF89a..")), "image/gif");
  assert.equal(sniffImage(bytes("RIFF1234WEBPVP8 ")), "image/webp");
  for (const text of ["", "<svg>", "<html>", "RIFF1234WAVE", "GIF8"]) assert.equal(sniffImage(bytes(text)), undefined);
});

Deno.test("isOffered leaves out caches, hidden files and the client's own uploads", () => {
  for (const path of ["/workspace/a.png", "/workspace/out/report.pdf", "/workspace/x.tar.gz"]) {
    assert.ok(isOffered(path));
  }
  for (
    const path of [
      "/workspace/.git/HEAD",
      "/workspace/__pycache__/a.cpython-311.pyc",
      "/workspace/.x",
      "/workspace/uploads/a",
    ]
  ) assert.ok(!isOffered(path), path);
  assert.equal(mediaTypeOf("/workspace/a.toString"), "application/octet-stream");
});

Deno.test("sealPlace makes the same id for the same place, which nobody else can open", () => {
  const keys = linkKeys("one");
  const place = { owner: { principal: "p", user: "ü", ephemeral: false }, path: "/workspace/a b.png" };
  const id = sealPlace(keys, place);
  assert.equal(id, sealPlace(keys, place));
  assert.deepEqual(openPlace(keys, id), Option.some(place));
  assert.ok(Option.isNone(openPlace(linkKeys("two"), id)));
  for (let at = "artifact-".length; at < id.length - 1; at++) {
    const other = id.slice(0, at) + (id[at] === "A" ? "B" : "A") + id.slice(at + 1);
    assert.ok(Option.isNone(openPlace(keys, other)), `byte ${at}`);
  }
});

Deno.test("checkLink tells valid, expired and forged links apart", () => {
  const keys = linkKeys("one");
  const link = { id: "artifact-x", expires: "1000", signature: signLink(keys, "artifact-x", 1000) };
  assert.equal(checkLink(keys, link, 999_999), "valid");
  assert.equal(checkLink(keys, link, 1_000_000), "expired");
  assert.equal(checkLink(keys, { ...link, expires: "1001" }, 0), "forged");
  assert.equal(checkLink(keys, { ...link, signature: "" }, 0), "forged");
  assert.equal(checkLink(keys, { ...link, expires: "1e9" }, 0), "forged");
});
