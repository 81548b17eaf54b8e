/**
 * Every kind of file that is looked into before an answer is given out, with the readers of the real image: whole ones
 * that look odd are let pass, broken ones are not.
 */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import { layer as dockerLayer } from "../../src/adapters/sandbox/docker/Docker.ts";
import { makeDeliverables } from "../../src/runs/deliverables.ts";
import { Sandbox } from "../../src/services/Sandbox.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";

/** Makes the files: `whole` by their own writers, `odd` but whole, `broken` in ways that only a reader sees. */
const program = `
import csv, io, json, os, zipfile
import docx, openpyxl, pptx, pypdf
from PIL import Image
from reportlab.pdfgen import canvas
for folder in ("whole", "odd", "broken", "empty"): os.makedirs(folder)
def put(name, data): open(name, "wb").write(data)
one = docx.Document(); one.add_paragraph("hi"); one.save("whole/a.docx")
one = pptx.Presentation(); one.slides.add_slide(one.slide_layouts[0]); one.save("whole/a.pptx")
pptx.Presentation().save("broken/none.pptx")
one = openpyxl.Workbook()
for row in range(500): one.active.append([row, "x" * 20])
one.save("whole/a.xlsx")
one = canvas.Canvas("whole/a.pdf")
for page in range(5): one.drawString(100, 700, "hi"); one.showPage()
one.save()
Image.frombytes("RGB", (200, 200), os.urandom(120000)).save("whole/a.png")
json.dump(list(range(1000)), open("whole/a.json", "w"))
open("whole/a.csv", "w").write("a,b\\n" + "1,2\\n" * 500)
for kind in "docx pptx xlsx pdf png json csv".split():
    raw = open("whole/a." + kind, "rb").read()
    if kind != "csv": put("broken/half." + kind, raw[: len(raw) // 2])
    put("broken/page." + kind, b"<html><body>404</body></html>")
    put("broken/noise." + kind, b"\\0" + os.urandom(5000))
    put("empty/a." + kind, b"")
def changed(source, target, part, change):
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(target, "w") as write:
        for name in read.namelist(): write.writestr(name, change(read.read(name)) if name == part else read.read(name))
# Cut in a part behind the one that readers open first.
changed("whole/a.xlsx", "broken/inner.xlsx", "xl/worksheets/sheet1.xml", lambda raw: raw[:-2000])
changed("whole/a.docx", "broken/inner.docx", "word/styles.xml", lambda raw: raw[:-20])
changed("whole/a.pptx", "broken/inner.pptx", "ppt/slides/slide1.xml", lambda raw: raw[:-20])
put("broken/quote.csv", b'a,b\\n1,"never closed\\n2,3\\n')
put("broken/trail.json", b'{"a":1,}')
# Locked by its maker: a PDF by pypdf, Office files by the container that encryption puts them in.
writer = pypdf.PdfWriter()
for page in pypdf.PdfReader("whole/a.pdf").pages: writer.add_page(page)
writer.encrypt("secret"); writer.write("odd/locked.pdf")
ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)
for kind in ("docx", "pptx", "xlsx"):
    put("odd/locked." + kind, ole + "EncryptedPackage".encode("utf-16-le") + bytes(600))
    put("broken/old." + kind, ole + "Workbook".encode("utf-16-le") + bytes(600))
Image.new("1", (15000, 15000)).save("odd/large.png")
raw = open("odd/large.png", "rb").read(); put("broken/large.png", raw[: len(raw) // 2])
put("odd/utf16.csv", "a,b\\n1,2\\n".encode("utf-16")); put("odd/latin.csv", "é;ü\\n1;2\\n".encode("latin-1"))
put("odd/lines.csv", b'a,b\\n1,"x\\ny"\\n'); put("odd/long.csv", b'a\\n"' + b"x" * 200000 + b'"\\n')
put("odd/inch.csv", b'size\\n5" pipe\\n'); put("odd/semicolon.csv", b'a;b\\nx;"y, z";"w"\\n')
put("odd/bom.json", b"\\xef\\xbb\\xbf{}"); put("odd/utf16.json", '{"a":1}'.encode("utf-16"))
one = openpyxl.Workbook(); one.create_chartsheet("only"); one.save("odd/chart.xlsx")
`;

it.live("files are judged by the readers of their kinds, and only broken ones are told", () =>
  Effect.gen(function* () {
    const sandbox = yield* Sandbox;
    const owner = { principal: "e2e", user: crypto.randomUUID(), ephemeral: false };
    yield* Effect.gen(function* () {
      const handle = yield* sandbox.open(owner);
      yield* handle.writeFile("make.py", new TextEncoder().encode(program));
      const made = yield* handle.execute({ command: "python3 make.py && ls -d */*", timeoutMs: 60_000 });
      assert.equal(made.exitCode, 0, made.stderr);
      const { check } = makeDeliverables(sandbox, owner, 0);
      const told: Record<string, string> = {};
      const names = [...made.stdout.trim().split("\n"), "missing.csv", "missing.xlsx"];
      for (let at = 0; at < names.length; at += 20) {
        const answer = names.slice(at, at + 20).map((name) => `/workspace/${name}`).join("\n");
        for (const { path, why } of yield* check(answer, [])) told[path.slice("/workspace/".length)] = why;
      }
      const expected = names.flatMap((name): ReadonlyArray<[string, string]> => {
        const kind = name.split(".").at(-1);
        if (name.startsWith("missing")) return [[name, "it is not there"]];
        if (name.startsWith("empty/")) return [[name, "it is empty"]];
        if (name === "broken/none.pptx") return [[name, "it has no slides"]];
        return name.startsWith("broken/") ? [[name, `it is broken: not readable as ${kind}`]] : [];
      });
      assert.deepEqual(told, Object.fromEntries(expected));

      // A name that no call spoke of is that of a file which the run made, wherever it lies.
      const later = makeDeliverables(sandbox, owner, Date.now() + 3_600_000);
      assert.deepEqual(yield* later.check("It is in half.xlsx", []), []);
      assert.deepEqual(yield* check("It is in half.xlsx, or in package.json", []), [{
        path: "half.xlsx",
        fullPath: "/workspace/broken/half.xlsx",
        why: "it is broken: not readable as xlsx",
      }]);
    }).pipe(Effect.scoped, Effect.ensuring(Effect.ignore(sandbox.reset(owner))));
  }).pipe(Effect.provide(dockerLayer.pipe(Layer.provide(engineSettings({ sandboxMemoryMb: 1024 }))))), {
  skip: skipWithoutEngine,
});
