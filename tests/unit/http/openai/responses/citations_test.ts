/**
 * Where a text cites a file of the container.
 */
import assert from "node:assert/strict";
import { Citations } from "../../../../../src/http/openai/responses/citations.ts";

const file = (name: string) => ({ id: `cfile_${name}`, path: `/mnt/data/${name}`, filename: name });

const cited = (text: string, ...names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const citations = new Citations();
  citations.add({ logs: "", images: [], files: names.map(file) });
  const points = [...text];
  return citations.of(text, "cntr_1").map(({ start_index: start, end_index: end, filename }) =>
    `${filename}: ${points.slice(Number(start), Number(end)).join("")}`
  );
};

Deno.test("a link's target is cited without what the sentence puts behind it", () => {
  assert.deepEqual(cited("See [it](sandbox:/mnt/data/a.csv).", "a.csv"), ["a.csv: sandbox:/mnt/data/a.csv"]);
  for (const end of [".", ",", ";", ":", "!", "?", "", "\n"]) {
    assert.deepEqual(cited(`See sandbox:/mnt/data/a.csv${end}`, "a.csv"), ["a.csv: sandbox:/mnt/data/a.csv"], end);
  }
  assert.deepEqual(cited("See sandbox:/mnt/data/why? Now", "why?"), ["why?: sandbox:/mnt/data/why?"]);
});

Deno.test("a path is known by our name of its folder, with the escapes of a URL and behind wide characters", () => {
  assert.deepEqual(cited("😀 [x](sandbox:/workspace/a%20b.csv)", "a b.csv"), ["a b.csv: sandbox:/workspace/a%20b.csv"]);
  assert.deepEqual(cited("sandbox:/mnt/data/100%.csv", "100%.csv"), ["100%.csv: sandbox:/mnt/data/100%.csv"]);
  assert.deepEqual(cited("sandbox:/mnt/data/other.csv sandbox:", "a.csv"), []);
});

Deno.test("an image that no text names is cited at the end, once", () => {
  const citations = new Citations();
  const image = { url: "u", file_id: "cfile_p.png", filename: "p.png" };
  citations.add({ logs: "", images: [image], files: [file("p.png"), file("a.csv")] });
  assert.deepEqual(citations.rest("cntr_1").map((one) => one["filename"]), ["p.png"]);
  assert.deepEqual(citations.rest("cntr_1"), []);
});
