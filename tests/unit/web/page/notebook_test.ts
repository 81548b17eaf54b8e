import assert from "node:assert/strict";
import { tablesOf } from "../../../../web/src/text/htmlTable.ts";
import { readNotebook } from "../../../../web/src/text/notebook.ts";
import { growsWithin } from "../../../support/timing.ts";

const bookOf = (...outputs: ReadonlyArray<unknown>) =>
  readNotebook(JSON.stringify({ cells: [{ cell_type: "code", source: "x", outputs }] }));
const outputsOf = (...outputs: ReadonlyArray<unknown>) => bookOf(...outputs)?.cells[0]?.outputs ?? [];
const wordsOf = (html: string) => tablesOf(html).map((table) => table.map((row) => row.map(({ text }) => text)));

Deno.test("a notebook is read as cells with what they printed; a text that is none is told", () => {
  const book = {
    metadata: { language_info: { name: "r" } },
    cells: [
      { cell_type: "markdown", source: ["# T\n", "x"] },
      { cell_type: "raw", source: "raw" },
      { cell_type: "code", source: "1+1", outputs: [{ text: ["a", "b"] }, { data: { "text/plain": "2" } }] },
    ],
  };
  const text = (text: string) => ({ kind: "text", text, isError: false });
  assert.deepEqual(readNotebook(JSON.stringify(book)), {
    language: "r",
    left: 0,
    cells: [
      { kind: "markdown", source: "# T\nx", outputs: [] },
      { kind: "raw", source: "raw", outputs: [] },
      { kind: "code", source: "1+1", outputs: [text("ab"), text("2")] },
    ],
  });
  for (const none of ["", "{", "[]", "{}", "null", '{"cells":{}}']) assert.equal(readNotebook(none), undefined, none);
});

Deno.test("an output is the richest of what it is given as: a picture, a table, Markdown, words", async () => {
  const [png, svg, table, markdown, error] = outputsOf(
    { data: { "image/png": "iVBO\nRw0=\n", "text/plain": "<Figure>" } },
    { data: { "image/svg+xml": ["<svg>", "</svg>"] } },
    {
      data: {
        "text/html": "<table><tr><th></th><th>a</th></tr><tr><th>0</th><td>1</td></tr></table>",
        "text/plain": "a",
      },
    },
    { data: { "text/markdown": "**b**" } },
    { output_type: "error", traceback: ["\u001b[0;31mValueError\u001b[0m", "no"] },
  );
  assert.ok(png?.kind === "picture" && svg?.kind === "picture" && table?.kind === "tables");
  assert.deepEqual([png.picture.type, [...new Uint8Array(await png.picture.arrayBuffer())]], [
    "image/png",
    [137, 80, 78, 71, 13],
  ]);
  assert.deepEqual([svg.picture.type, await svg.picture.text()], ["image/svg+xml", "<svg></svg>"]);
  assert.deepEqual(table.tables[0]?.map((row) => row.map(({ text, isHead }) => `${text}${isHead ? "!" : ""}`)), [
    ["!", "a!"],
    ["0!", "1"],
  ]);
  assert.deepEqual(markdown, { kind: "markdown", text: "**b**" });
  assert.deepEqual(error, { kind: "text", text: "ValueError\nno", isError: true });
});

Deno.test("what cannot be shown is told and nothing of it is run: scripts alone, a broken picture, one too many", () => {
  const kinds = outputsOf(
    { data: { "text/html": "<script>alert(1)</script><div id=plot></div>" } },
    { data: { "image/png": "%%%" } },
    { data: { "image/svg+xml": `<svg>${" ".repeat(3 * 1024 * 1024)}</svg>` } },
    7,
    null,
    { data: [] },
  );
  assert.deepEqual(kinds.map((output) => output.kind === "note" ? output.text : output.kind), [
    "An output in HTML is not shown.",
    "A picture cannot be shown.",
    "A picture cannot be shown.",
  ]);
  const many = outputsOf(...Array.from({ length: 60 }, () => ({ text: "x" })));
  assert.deepEqual([many.length, many.at(-1)], [51, { kind: "note", text: "10 more outputs are not shown." }]);
  const pictures = readNotebook(JSON.stringify({
    cells: Array.from({ length: 10 }, () => ({
      cell_type: "code",
      outputs: Array.from({ length: 50 }, () => ({ data: { "image/png": "AAAA" } })),
    })),
  }));
  assert.equal(pictures?.cells.flatMap(({ outputs }) => outputs).filter(({ kind }) => kind === "picture").length, 200);
});

Deno.test("a huge notebook is shown by its beginning, and what is left out is counted", () => {
  const cells = (count: number, source: string) =>
    JSON.stringify({ cells: Array.from({ length: count }, () => ({ source })) });
  const many = readNotebook(cells(100_000, ""));
  assert.deepEqual([many?.cells.length, many?.left], [500, 99_500]);
  const long = readNotebook(cells(10, "x".repeat(100_000)));
  assert.deepEqual([long?.cells.length, long?.left], [4, 6]);
  const [output] = outputsOf({ text: "😀".repeat(20_000) });
  assert.ok(output?.kind === "text" && output.text.isWellFormed() && output.text.length <= 20_001);
});

Deno.test("tables are read out of HTML as words: spans, entities, line breaks, and nothing between the cells", () => {
  const [rows] = tablesOf(
    "<div><style>td{}</style><!-- <tr><td>no</td> --><table border='1'><caption>c</caption><thead><tr><th colspan=2>a &amp; b</th></tr>" +
      '</thead><tbody>x<tr><td ROWSPAN="3">1<br>2</td><td><b>&#51;</b> <script>4</script>&lt;i&gt; &zz; &#9999999;</td></tr>' +
      "</tbody></table><p>5 rows</p></div>",
  );
  assert.deepEqual(rows, [
    [{ text: "a & b", isHead: true, columns: 2, rows: 1 }],
    [
      { text: "1 2", isHead: false, columns: 1, rows: 3 },
      { text: "3 <i> &zz; \ufffd", isHead: false, columns: 1, rows: 1 },
    ],
  ]);
  assert.deepEqual(wordsOf("<table><tr><td>never closed"), []);
  assert.deepEqual(wordsOf("<td>1</td><tr><td>2</td></tr><table></table><p>"), []);
  assert.deepEqual(tablesOf("<table><tr><td colspan=999>1</td></tr></table>")[0]?.[0]?.[0]?.columns, 100);
  assert.equal(wordsOf("<table>" + "<tr><td>1</td></tr>".repeat(300))[0]?.length, 200);
  assert.equal(wordsOf("<table><tr>" + "<td>1</td>".repeat(300))[0]?.[0]?.length, 100);
  assert.equal(tablesOf("<table><tr><td>1</td></tr></table>".repeat(10)).length, 5);
});

Deno.test("tables are read in time in proportion to the HTML, whatever it repeats", () => {
  const pieces = [
    "<",
    "<!--",
    "<script",
    "<td",
    "<td>",
    "<table><tr><td>",
    "&",
    "&#1",
    'a<b"',
    "</td",
    "<td>&amp;",
    " ",
  ];
  for (const piece of pieces) {
    const repeated = (length: number) => {
      const html = `<table><tr><td>${piece.repeat(length / piece.length)}`;
      return () => tablesOf(html);
    };
    assert.ok(growsWithin(50, repeated(20_000), repeated(200_000)), piece);
  }
});
