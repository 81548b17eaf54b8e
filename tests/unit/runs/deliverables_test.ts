import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Layer, Ref, Stream } from "effect";
import * as Scripted from "../../../src/adapters/model/Scripted.ts";
import * as app from "../../../src/app.ts";
import { Settings } from "../../../src/config.ts";
import { user } from "../../../src/domain/Message.ts";
import { makeDeliverables } from "../../../src/runs/deliverables.ts";
import { filesNamedIn, type NamedFile } from "../../../src/runs/deliverableNames.ts";
import { readersCommand, readersFound } from "../../../src/runs/deliverableReaders.ts";
import { Runs } from "../../../src/runs/Runs.ts";
import { Sandbox } from "../../../src/services/Sandbox.ts";
import { fakeSandbox, outcome } from "../../support/fakeSandbox.ts";
import { it } from "../../support/it.ts";

const owner = { principal: "p", user: "u", ephemeral: false };

const names: ReadonlyArray<readonly [name: string, answer: string, calls: string, expected: ReadonlyArray<string>]> = [
  ["an absolute path at the end of a sentence", "See /workspace/a.pdf.", "", ["/workspace/a.pdf"]],
  ["a path in code with a space, and what its last word could be", "It is `/workspace/my plan.docx`", "", [
    "/workspace/my plan.docx",
    "/workspace/plan.docx",
  ]],
  ["a link's target", "[chart](sandbox:/workspace/c.png)", "", ["/workspace/c.png"]],
  ["a relative name that a call spoke of", "**chart.png** is done", "savefig('chart.png')", ["/workspace/chart.png"]],
  ["no address", "https://example.com/a.pdf", "https://example.com/a.pdf", []],
  ["each file of a command in code", "`cat /workspace/a.csv /workspace/b.csv`", "", [
    "/workspace/a.csv",
    "/workspace/b.csv",
  ]],
  ["no way out", "/workspace/../etc/a.json /etc/passwd.json", "", []],
  ["each once", "/workspace/a.csv, /workspace/a.csv", "", ["/workspace/a.csv"]],
];

for (const [name, answer, calls, expected] of names) {
  Deno.test(`filesNamedIn finds ${name}`, () => {
    assert.deepEqual(filesNamedIn(answer, [calls]).map(({ fullPath }) => fullPath), expected);
  });
}

Deno.test("filesNamedIn takes a name that only the answer speaks of for a file that the run made", () => {
  assert.deepEqual(filesNamedIn("put it into ./package.json", ["ls"]).map(({ place }) => place), ["made"]);
  assert.deepEqual(filesNamedIn("It is in report.xlsx", ["'report.xlsx'"]).map(({ place }) => place), ["anywhere"]);
});

Deno.test("filesNamedIn is bounded when an answer is nothing but names", () => {
  const answer = Array.from({ length: 500_000 }, (_, at) => `/workspace/${at}.csv`).join(" ");
  assert.equal(filesNamedIn(answer, []).length, 20);
  assert.deepEqual(filesNamedIn("`".repeat(1_000_000), []), []);
});

Deno.test("readersFound takes only its own lines, bounded", () => {
  const found = readersFound(`warning\n{"index":1,"why":"${"x".repeat(500)}","at":"/a"}\n{"index":"no"}\n`);
  assert.deepEqual(found.map(({ index, why }) => [index, why.length]), [[1, 120]]);
});

const exact = (fullPath: string): NamedFile => ({ path: fullPath, fullPath, place: "exact" });

Deno.test("readersCommand's readers tell missing, empty and broken files from whole ones", async () => {
  const folder = await Deno.makeTempDir();
  const file = async (name: string, content: string | Uint8Array) => {
    await Deno.writeFile(`${folder}/${name}`, typeof content === "string" ? Buffer.from(content) : content);
  };
  await file("good.json", '{"a":1}');
  await file("good.csv", "a,b\n1,2\n");
  await file("other.txt", "text");
  await file("empty.txt", "");
  for (const ending of ["json", "png", "pdf", "docx", "pptx", "xlsx"]) await file(`bad.${ending}`, "{not whole");
  await file("bad.csv", "a,b\0\n");
  const paths = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort().concat("missing.pdf");
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", readersCommand(paths.map((name) => exact(`${folder}/${name}`)), 0)],
  }).output();
  const found = readersFound(new TextDecoder().decode(stdout)).map(({ index, why }) => `${paths[index]}: ${why}`);
  assert.deepEqual(found, [
    ...["csv", "docx", "json", "pdf", "png", "pptx", "xlsx"].map((kind) =>
      `bad.${kind}: it is broken: not readable as ${kind}`
    ),
    "empty.txt: it is empty",
    "missing.pdf: it is not there",
  ]);
  const perhaps = readersCommand([{ ...exact(`${folder}/good.csv --all.csv`), place: "perhaps" }], 0);
  assert.equal((await new Deno.Command("bash", { args: ["-c", perhaps] }).output()).stdout.length, 0);
  await Deno.remove(folder, { recursive: true });
});

it.effect("Deliverables.check opens no sandbox when no file is named", () => {
  const { layer, opened } = fakeSandbox();
  return Effect.gen(function* () {
    assert.deepEqual(yield* makeDeliverables(yield* Sandbox, owner, 0).check("All done.", ["ls"]), []);
    assert.equal(opened.length, 0);
  }).pipe(Effect.provide(layer));
});

/** Runs a request whose files are found as given, look by look; what was said, asked, linked and looked at. */
const told = (steps: ReadonlyArray<Scripted.Step>, looks: ReadonlyArray<string>) => {
  const seen: Array<string> = [];
  const sandbox = fakeSandbox(({ command }) =>
    Effect.sync(() => {
      if (!command.startsWith("python3 -I")) return outcome("ok");
      seen.push(command);
      return outcome(looks[seen.length - 1] ?? "");
    })
  );
  const layers = app.runs.pipe(
    Layer.provideMerge(Scripted.layer(steps)),
    Layer.provideMerge(sandbox.layer),
    Layer.provide(Settings.layerWith({ sessions: "memory" })),
  );
  return Effect.gen(function* () {
    const handle = yield* (yield* Sandbox).open(owner);
    yield* handle.writeFile("chart.png", Buffer.from("x"));
    yield* handle.writeFile("other.txt", Buffer.from("x"));
    const run = yield* (yield* Runs).start({ owner, model: "scripted", messages: [user("draw")] });
    const events = yield* Stream.runCollect(run.events);
    const requests = yield* Ref.get(yield* Scripted.ScriptedRequests);
    return {
      text: events.map((event) => event._tag === "TextDelta" ? event.text : "").join(""),
      linked: events.flatMap((event) =>
        event._tag === "ArtifactsChanged" ? event.artifacts.map(({ path }) => path) : []
      ),
      looks: seen.length,
      requests,
      ending: events.at(-1)?._tag,
    };
  }).pipe(Effect.scoped, Effect.provide(layers));
};

const bash = Scripted.calls(Scripted.toolCall("1", "execute_bash", { command: "draw" }));
const broken = '{"index":0,"why":"it is broken: not readable as png","at":"/workspace/chart.png"}\n';

it.effect("Runs lets the model mend a broken file once, and says nothing of it to the reader when it did", () =>
  Effect.gen(function* () {
    const fix = Scripted.calls(Scripted.toolCall("2", "execute_bash", { command: "draw again" }));
    const steps = [bash, Scripted.answers("Here: /workspace/chart.png"), fix, Scripted.answers("I drew it anew.")];
    const { text, linked, looks, requests } = yield* told(steps, [broken, ""]);
    assert.equal(text, "Here: /workspace/chart.png\n\nI drew it anew.");
    assert.equal(looks, 2);
    assert.deepEqual(linked.sort(), ["/workspace/chart.png", "/workspace/other.txt"]);
    const roles = requests.at(-1)?.messages.map(({ role }) => role);
    assert.deepEqual(roles, ["user", "assistant", "tool", "assistant", "user", "assistant", "tool"]);
  }));

it.effect("Runs tells the reader of a file that stayed broken, and does not link it", () =>
  Effect.gen(function* () {
    const steps = [bash, Scripted.answers("Here: /workspace/chart.png"), Scripted.answers("I cannot.")];
    const { text, linked, looks, ending } = yield* told(steps, [broken, broken]);
    assert.equal(
      text,
      "Here: /workspace/chart.png\n\nI cannot.\n\n" +
        "**Not available:** `/workspace/chart.png` (it is broken: not readable as png)",
    );
    assert.deepEqual([linked, looks, ending], [["/workspace/other.txt"], 2, "RunFinished"]);
  }));

it.effect("Runs looks at nothing when no tool ran", () =>
  Effect.gen(function* () {
    const { looks, text } = yield* told([Scripted.answers("See /workspace/chart.png")], [broken]);
    assert.deepEqual([looks, text], [0, "See /workspace/chart.png"]);
  }));
