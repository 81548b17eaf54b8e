/**
 * The workspace beside the conversation, in a real browser: files shown, saved and deleted, and what goes wrong.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Layer } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import * as Files from "../../src/adapters/usageLedger/Files.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { Job } from "../../src/domain/Job.ts";
import { FileError, noStreams, Sandbox, type SandboxJobs } from "../../src/services/Sandbox.ts";
import { type FakeSandbox, fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import {
  ask,
  becomes,
  click,
  focusOn,
  isReady,
  openPage,
  openWindow,
  shows,
  until,
  violationsOf,
  whyNoBrowser,
  write,
} from "./support/browser.ts";

const skip = whyNoBrowser();
const test: typeof it.live = (title, body) => it.live(`page: ${title}`, body, { skip });

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAFElEQVR4nGPkkvNhwA2Y8MiNYGkAL2MAW86twEIAAAAASUVORK5CYII=",
  "base64",
);
const notebook = JSON.stringify({
  cells: [
    { cell_type: "markdown", source: ["# Notes"] },
    { cell_type: "code", source: ["print(40 + 2)"], outputs: [{ output_type: "stream", text: ["42\n"] }] },
  ],
});

/** A sandbox in which a command leaves files, and `rm` takes one away. */
const leaving = (files: Readonly<Record<string, string | Uint8Array>>): FakeSandbox => {
  const sandbox = fakeSandbox(({ command }) =>
    Effect.sync(() => {
      const [owner] = sandbox.opened;
      assert.ok(owner);
      const removed = /^rm -f -- '(.*)'$/s.exec(command)?.[1];
      // What an undo takes away of its own is nothing here.
      if (command.startsWith("rm -rf")) return outcome("");
      if (removed !== undefined) sandbox.files.delete(`${ownerKey(owner)}:${removed}`);
      else {
        for (const [name, content] of Object.entries(files)) {
          const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
          sandbox.files.set(`${ownerKey(owner)}:/workspace/${name}`, bytes);
        }
      }
      return outcome("done\n");
    })
  );
  return sandbox;
};

/** Says yes to the question that is about to be asked. */
const agree = async (page: Parameters<typeof ask>[0]): Promise<void> => {
  await until(page, "the question", async () => await page.$("dialog[open] .danger") !== null);
  await click(page, "dialog[open] .danger");
};

const steps = () => [
  Scripted.calls(Scripted.toolCall("c", "execute_bash", { command: "python3 draw.py" })),
  Scripted.answers("Here it is."),
];

test("a chart is seen, a table, a notebook and Markdown are read, a file is deleted; axe finds nothing in a view", () =>
  Effect.gen(function* () {
    const files = {
      "chart.png": png,
      "sales.csv": "month,total\nJan,12\nFeb,30\n",
      "notes.ipynb": notebook,
      "read.md": "# A title\n\nText.",
      "raw.bin": new Uint8Array(12),
    };
    const { page, complaints } = yield* openPage({ steps: steps(), sandbox: leaving(files) });
    const open = (name: string) => page.locator(`.panel .tree ::-p-text(${name})`).click();
    const back = () => click(page, "[aria-label='Back to the files']");
    yield* Effect.promise(async () => {
      await ask(page, "Draw");
      await shows(page, "Here it is.");
      await until(
        page,
        "the chart",
        async () => Number(await page.evaluate("document.querySelector('.chart img')?.naturalWidth")) > 0,
      );
      await open("sales.csv");
      await until(
        page,
        "the table",
        async () =>
          await page.evaluate("[...document.querySelectorAll('.preview td')].map((cell) => cell.innerText).join()") ===
            "Jan,12,Feb,30",
      );
      assert.deepEqual(await violationsOf(page), [], "a table");
      await back();
      await open("notes.ipynb");
      await shows(page, "print(40 + 2)");
      await shows(page, "42");
      await back();
      await open("read.md");
      await until(page, "the title", async () => await page.$(".preview h1, .preview h2, .preview h3") !== null);
      await back();
      await open("raw.bin");
      await shows(page, "There is no view of this kind of file");
      assert.deepEqual(await violationsOf(page), [], "a file without a view");
      await click(page, "[aria-label='Delete raw.bin']");
      await until(page, "the question", async () => await page.$("dialog[open]") !== null);
      assert.deepEqual(await violationsOf(page), [], "the question");
      await agree(page);
      await until(
        page,
        "its end",
        async () => !String(await page.evaluate("document.querySelector('.panel').innerText")).includes("raw.bin"),
      );
      assert.deepEqual(complaints, []);
    });
  }));

test("a notebook shows its pictures, drawings, tables and errors; nothing in it runs or asks for anything elsewhere", () =>
  Effect.gen(function* () {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" width="9" height="9" ` +
      `onload="document.title='run'"><script>document.title='run'</script><rect width="9" height="9"/>` +
      `<image x:href="https://evil.test/x.png" width="9" height="9"/></svg>`;
    const html =
      `<img src="https://evil.test/y.png" onerror="document.title='run'"><script>document.title='run'</script>` +
      `<table border="1"><thead><tr><th></th><th>total</th></tr></thead><tbody><tr><th>Q4</th><td>22&nbsp;210` +
      `<img src=x onerror="document.title='run'"></td></tr></tbody></table>`;
    const outputs = [
      { output_type: "stream", name: "stderr", text: ["a warning\n"] },
      { output_type: "display_data", data: { "image/png": png.toString("base64"), "text/plain": "<Figure>" } },
      { output_type: "display_data", data: { "image/svg+xml": svg } },
      { output_type: "execute_result", data: { "text/html": html, "text/plain": "total" } },
      { output_type: "display_data", data: { "text/html": "<script>document.title='run'</script>" } },
      { output_type: "display_data", data: { "image/png": "AAAA" } },
      { output_type: "error", traceback: ["\u001b[0;31mValueError\u001b[0m: no"] },
    ];
    const { page, complaints } = yield* openPage({
      steps: steps(),
      sandbox: leaving({
        "book.ipynb": JSON.stringify({ cells: [{ cell_type: "code", source: "plot()", outputs }] }),
        "broken.ipynb": "{",
        "huge.ipynb": new Uint8Array(17 * 1024 * 1024),
        "many.ipynb": `{"cells":[${"{},".repeat(999_999)}{}]}`,
      }),
    });
    const open = async (name: string, said: string) => {
      await page.locator(`.panel .tree ::-p-text(${name})`).click();
      await shows(page, said);
    };
    const back = async () => {
      await click(page, "[aria-label='Back to the files']");
      await until(page, "the tree", async () => await page.$(".panel .tree") !== null);
    };
    yield* Effect.promise(async () => {
      await ask(page, "Draw");
      await shows(page, "Here it is.");
      await until(page, "the tree", async () => await page.$(".panel .tree") !== null);
      await open("book.ipynb", "ValueError: no");
      // The broken picture says so; the two others have been drawn.
      await shows(page, "A picture cannot be shown.");
      const drawn = () =>
        page.evaluate("[...document.querySelectorAll('.notebook img')].map((img) => img.naturalWidth).join()");
      await until(page, "the pictures", async () => await drawn() === "10,9");
      await becomes(
        page,
        "[...document.querySelectorAll('.notebook :is(th, td)')].map((one) => one.innerText).join('|')",
        "|total|Q4|22 210",
      );
      await shows(page, "An output in HTML is not shown.");
      assert.deepEqual(await violationsOf(page), [], "a notebook");
      await back();
      await open("broken.ipynb", "This notebook cannot be read.");
      await back();
      await open("huge.ipynb", "A notebook of more than 16.0 MB: download it to read it.");
      await back();
      await open("many.ipynb", "The first 500 of 1000000 cells.");
      assert.ok(Number(await page.evaluate("document.querySelectorAll('*').length")) < 3_000);
      assert.match(await page.title(), /Caisson$/);
      assert.deepEqual(complaints, []);
    });
  }));

test("files with hostile names are text everywhere, and one that vanished says so", () =>
  Effect.gen(function* () {
    const name = `"><img src=x onerror=alert(1)>'\u202Egnp.txt`;
    const { page, complaints, base } = yield* openPage({
      steps: steps(),
      sandbox: leaving({ [name]: "words", "gone.txt": "soon" }),
    });
    yield* Effect.promise(async () => {
      await ask(page, "Write");
      await shows(page, "Here it is.");
      await click(page, ".file-card");
      await shows(page, "words");
      assert.equal(await page.evaluate("document.querySelectorAll('.panel img, .panel script').length"), 0);
      assert.ok(!String(await page.evaluate("document.querySelector('.panel').innerText")).includes("\u202E"));
      await click(page, "[aria-label='Back to the files']");
      // Another window deletes the file that this one still lists.
      const listed = await page.evaluate(async () => await (await fetch("/v1/artifacts?user=me")).json());
      const gone = listed.data.find((file: { filename: string }) => file.filename === "gone.txt");
      await page.evaluate(
        async (id) => await (await fetch(`/v1/artifacts/${id}?user=me`, { method: "DELETE" })).text(),
        gone.id,
      );
      await page.locator(".panel .tree ::-p-text(gone.txt)").click();
      await shows(page, "This file is gone");
      assert.deepEqual(complaints.filter((said) => !said.includes("404")), [], base);
    });
  }));

test("an upload that is too large is refused in words, and shows how far it is before", () =>
  Effect.gen(function* () {
    const { page } = yield* openPage({ steps: [Scripted.answers("Hello.")], settings: { artifactMbMax: 1 } });
    yield* Effect.promise(async () => {
      const path = await Deno.makeTempFile({ suffix: "-large.bin" });
      await Deno.writeFile(path, new Uint8Array(3 * 1024 * 1024));
      const network = await page.createCDPSession();
      await network.send("Network.emulateNetworkConditions", {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: 2 * 1024 * 1024,
      });
      const [chooser] = await Promise.all([page.waitForFileChooser(), click(page, "[aria-label^='Attach']")]);
      await chooser.accept([path]);
      await until(page, "the refusal", async () =>
        /larger|too large|limit|at most/i.test(
          String(await page.evaluate("document.querySelector('.attachments [role=alert]')?.innerText ?? ''")),
        ));
      // The message is not sent without it, unless it is taken off.
      await ask(page, "Hel");
      await until(page, "the way on", async () =>
        /upload it again, or take it off/.test(
          String(await page.evaluate("document.querySelector('.app > .sr').innerText")),
        ));
      assert.equal(await page.evaluate("document.querySelector('#message').value"), "Hel");
      await click(page, ".attachments [aria-label^='Remove']");
      await ask(page, "lo");
      await shows(page, "Hello.");
      await Deno.remove(path);
    });
  }));

test("a conversation that another tab deletes is told here", () =>
  Effect.gen(function* () {
    const { page, base } = yield* openPage({ steps: [Scripted.answers("Kept for now.")] });
    yield* Effect.promise(async () => {
      await ask(page, "Remember");
      await shows(page, "Kept for now.");
      const second = await openWindow(page.browser(), base, undefined, `/${new URL(page.url()).hash}`);
      await shows(second.page, "Kept for now.");
      await second.page.hover(".sessions li");
      await click(second.page, "[aria-label^='Delete']");
      await agree(second.page);
      await page.bringToFront();
      await shows(page, "deleted in another tab");
    });
  }));

test("what a turn changed is read and taken back, and what stays is named", () =>
  Effect.gen(function* () {
    const { page, complaints } = yield* openPage({
      steps: steps(),
      sandbox: leaving({ "report.md": "first\nsecond\n" }),
      settings: { rewindFiles: "keep" },
    });
    yield* Effect.promise(async () => {
      await ask(page, "Write");
      await shows(page, "Here it is.");
      await until(page, "the changes", async () => await page.$("details.diff") !== null);
      await click(page, "details.diff summary");
      await until(page, "the file", async () =>
        String(await page.evaluate("document.querySelector('details.diff').innerText")).includes("report.md"));
      await shows(page, "+second");
      assert.deepEqual(await violationsOf(page), [], "the changes");
      await page.locator("details.diff > button").click();
      await until(page, "the question", async () =>
        await page.$("dialog[open]") !== null);
      await agree(page);
      await shows(page, "1 file was taken back.");
      await until(page, "the empty workspace", async () =>
        String(await page.evaluate("document.querySelector('.panel').innerText")).includes("No files yet"));
      assert.deepEqual(complaints, []);
    });
  }));

/** A job that has printed something and runs until it is ended. */
const oneJob = (printed: string): { readonly jobs: ReadonlyArray<Job>; readonly ofJobs: SandboxJobs } => {
  const job: Job = { id: "job-1", command: "python3 -m http.server 8000", status: "running", startedAtMs: 0 };
  const jobs = [job];
  const now = () => jobs[0] ?? job;
  return {
    jobs,
    ofJobs: {
      start: () => Effect.die("not asked for"),
      list: Effect.succeed(jobs),
      read: (_id, { offset = 0 }) =>
        Effect.sync(() => ({
          job: now(),
          text: printed.slice(offset),
          offset,
          nextOffset: printed.length,
          totalBytes: printed.length,
        })),
      kill: () => Effect.sync(() => jobs[0] = { ...job, status: "killed", endedAtMs: 61_000 }),
    },
  };
};

test("the panel tells what the sandbox uses and runs; a job is read and ended there; axe finds nothing", () =>
  Effect.gen(function* () {
    const sandbox = fakeSandbox(undefined, undefined, {
      use: { memoryBytes: 96 << 20, memoryBytesMax: 512 << 20, diskBytes: 3 << 20 },
      commands: [{ kind: "shell", command: "pytest -q", startedAtMs: 0 }],
      ...oneJob("serving <b>all</b>\n"),
    });
    const { page, complaints } = yield* openPage({ steps: [], sandbox });
    yield* Effect.promise(async () => {
      await click(page, "#tab-sandbox");
      await shows(page, "96.0 MB of 512.0 MB");
      await shows(page, "3.0 MB");
      await shows(page, "pytest -q");
      await page.locator(".jobs button[aria-expanded]").click();
      await shows(page, "serving <b>all</b>");
      assert.deepEqual(await violationsOf(page), [], "the panel");
      await click(page, "[aria-label^='End the job']");
      await shows(page, "ended by you");
      await until(page, "no way to end it", async () => await page.$("[aria-label^='End the job']") === null);
      assert.deepEqual(complaints, []);
    });
  }));

test("what was used is told in all, by model and by day; axe finds nothing", () =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => Deno.makeTempDir()),
      (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
    );
    const usageLedger = yield* Files.make(directory);
    const { page, complaints } = yield* openPage({ steps: [Scripted.answers("Hello.")], usageLedger });
    yield* Effect.promise(async () => {
      await ask(page, "Hello");
      await shows(page, "Hello.");
      await until(page, "the sum", async () => await page.$(".status .state:nth-child(2)") !== null);
      await click(page, ".status .state:nth-child(2)");
      await shows(page, "By model");
      await shows(page, "tokens by day");
      assert.deepEqual(await violationsOf(page), [], "usage");
      assert.deepEqual(complaints, []);
    });
  }));

test("after a reload the files of a turn are where they were, and one that is gone says so", () =>
  Effect.gen(function* () {
    const sandbox = leaving({ "chart.png": png, "table.csv": "a,b\n1,2\n", "gone.txt": "soon" });
    const { page, complaints } = yield* openPage({ steps: steps(), sandbox });
    const cards = async () =>
      String(await page.evaluate("[...document.querySelectorAll('.file-card')].map((card) => card.innerText).join()"));
    yield* Effect.promise(async () => {
      await ask(page, "Draw");
      await shows(page, "Here it is.");
      await until(page, "the cards", async () => (await cards()).includes("gone.txt"));
      for (const path of sandbox.files.keys()) if (path.endsWith("gone.txt")) sandbox.files.delete(path);
      await page.reload({ waitUntil: "networkidle2" });
      await shows(page, "Here it is.");
      await until(page, "the cards again", async () => /table\.csv/.test(await cards()));
      await until(page, "the one that is gone", async () => /gone\.txt\s*no longer there/.test(await cards()));
      await until(
        page,
        "the chart again",
        async () => Number(await page.evaluate("document.querySelector('.chart img')?.naturalWidth")) > 0,
      );
      assert.deepEqual(await violationsOf(page), [], "the cards");
      assert.deepEqual(complaints, []);
    });
  }));

test("the timeline tells the runs of the conversation, step by step, after a reload too; axe finds nothing", () =>
  Effect.gen(function* () {
    const { page, complaints } = yield* openPage({
      steps: [...steps(), Scripted.answers("Second."), Scripted.answers("Third.")],
    });
    const titles = async () =>
      String(await page.evaluate("[...document.querySelectorAll('.timeline b')].map((each) => each.innerText).join()"));
    yield* Effect.promise(async () => {
      await ask(page, "Draw");
      await shows(page, "Here it is.");
      await ask(page, "More");
      await shows(page, "Second.");
      // A version that is not shown any more is a run all the same.
      const edits = await page.$$("[aria-label='Edit the message']");
      await edits.at(-1)?.click();
      await write(page, ".edit textarea", " of it");
      await click(page, ".edit [type=submit]");
      await shows(page, "Third.");
      await click(page, "#tab-timeline");
      await until(page, "the runs", async () => await titles() === "More of it,More,Draw");
      await page.reload({ waitUntil: "networkidle2" });
      await click(page, "#tab-timeline");
      await until(page, "the runs again", async () => await titles() === "More of it,More,Draw");
      await click(page, ".timeline li:last-child summary");
      await until(
        page,
        "the steps",
        async () =>
          String(
            await page.evaluate("[...document.querySelectorAll('.steps th')].map((each) => each.innerText).join()"),
          ) ===
            "Model,Shell,Model",
      );
      assert.deepEqual(await violationsOf(page), [], "the steps");
      assert.deepEqual(complaints, []);
    });
  }));

test("a disk that is full is told on upload, nothing that was written is lost, and the same goes when there is room", () =>
  Effect.gen(function* () {
    const sandbox = fakeSandbox();
    let isFull = true;
    const full = (path: string) => new FileError({ path, reason: "NoSpace", why: "No space left on device" });
    const layer = Layer.effect(
      Sandbox,
      Effect.map(Sandbox, (inner) =>
        Sandbox.of({
          ...inner,
          open: (owner) =>
            Effect.map(inner.open(owner), (handle) => ({
              ...handle,
              writeFile: (path, content) => isFull ? Effect.fail(full(path)) : handle.writeFile(path, content),
            })),
        })),
    ).pipe(Layer.provide(sandbox.layer));
    const { page, complaints } = yield* openPage({
      steps: [Scripted.answers("Two rows.")],
      sandbox: { ...sandbox, layer },
    });
    yield* Effect.promise(async () => {
      const path = await Deno.makeTempFile({ suffix: "-sales.csv" });
      await Deno.writeTextFile(path, "a,b\n1,2\n");
      await write(page, "#message", "How many rows?");
      const [chooser] = await Promise.all([page.waitForFileChooser(), click(page, "[aria-label^='Attach']")]);
      await chooser.accept([path]);
      const told = async () =>
        String(await page.evaluate("document.querySelector('.attachments [role=alert]')?.innerText ?? ''"));
      await until(page, "the refusal", async () => /disk is full|no space|no room/i.test(await told()));
      assert.deepEqual(await violationsOf(page), [], "the refusal");
      assert.equal(await page.evaluate("document.querySelector('#message').value"), "How many rows?");
      await becomes(page, "document.querySelector('.send').disabled", true);
      isFull = false;
      await click(page, "[aria-label^='Upload'][aria-label$='again']");
      await shows(page, "8 B");
      await until(page, "no refusal", async () => await told() === "");
      await focusOn(page, "#message");
      await page.keyboard.press("Enter");
      await shows(page, "Two rows.");
      await until(
        page,
        "the chip",
        async () => String(await page.evaluate("document.querySelector('.chip')?.innerText")).includes("sales.csv"),
      );
      assert.deepEqual(complaints.filter((said) => !said.includes("Failed to load resource")), []);
      await Deno.remove(path);
    });
  }));

test("files are looked at as what they are: a picture, code, a long text by its beginning, a table of tabs, an empty one", () =>
  Effect.gen(function* () {
    const files = {
      "chart.png": png,
      "deep/er/main.py": "def main():\n    return 42\n",
      "long.txt": "word ".repeat(20_000) + "the end",
      "rows.tsv": Array.from({ length: 300 }, (_, row) => `${row}\tvalue ${row}`).join("\n"),
      "empty.txt": "",
    };
    const { page, complaints } = yield* openPage({ steps: steps(), sandbox: leaving(files) });
    const open = (name: string) => page.locator(`.panel .tree ::-p-text(${name})`).click();
    const back = () => click(page, "[aria-label='Back to the files']");
    const text = async (selector: string) =>
      String(await page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`));
    yield* Effect.promise(async () => {
      await ask(page, "Write");
      await shows(page, "Here it is.");
      await until(page, "the marks", async () => (await page.$$(".new-mark")).length > 0);
      await open("chart.png");
      await until(
        page,
        "the picture",
        async () => Number(await page.evaluate("document.querySelector('.preview img')?.naturalWidth")) > 0,
      );
      assert.deepEqual(await violationsOf(page), [], "a picture");
      await back();
      await open("main.py");
      await until(page, "the code", async () => (await text(".preview pre")).includes("return 42"));
      await until(page, "its colours", async () => await page.$(".preview .hljs-keyword") !== null);
      await back();
      await open("long.txt");
      await shows(page, "The first 64 KB of 98 KB.");
      assert.equal((await text(".preview pre")).includes("the end"), false);
      await back();
      await open("rows.tsv");
      await until(page, "the rows", async () => (await text(".preview table")).includes("value 150"));
      assert.equal(await page.evaluate("document.querySelectorAll('.preview tbody tr').length"), 200);
      await shows(page, "The first 200 of 299 rows");
      await back();
      await open("empty.txt");
      await shows(page, "This file is empty.");
      assert.deepEqual(complaints, []);
    });
  }));

test("the tree, a file, jobs and previews are worked with the keyboard alone, and the focus is never lost", () =>
  Effect.gen(function* () {
    const sandbox = fakeSandbox(
      ({ command }) =>
        Effect.sync(() => {
          const [owner] = sandbox.opened;
          assert.ok(owner);
          sandbox.files.set(`${ownerKey(owner)}:/workspace/notes.txt`, new TextEncoder().encode("words to read"));
          return outcome(`ran ${command}`);
        }),
      undefined,
      oneJob("serving\n"),
    );
    const layer = Layer.effect(
      Sandbox,
      Effect.map(Sandbox, (inner) => Sandbox.of({ ...inner, dial: (_owner, port) => noStreams(port) })),
    ).pipe(Layer.provide(sandbox.layer));
    const { page } = yield* openPage({
      steps: steps(),
      sandbox: { ...sandbox, layer },
      previews: true,
      settings: { previewPort: 0 },
    });
    // The panel as a whole can have the focus too, to be scrolled: it has no name of its own here.
    const focused = () =>
      page.evaluate(`(({ activeElement: on }) =>
        on.role === "tabpanel" ? "" : on.getAttribute("aria-label") ?? on.innerText)(document)`);
    const reach = async (name: RegExp) => {
      for (let presses = 0; presses < 80; presses++) {
        if (name.test(String(await focused()))) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`${name} was not reached by Tab`);
    };
    const press = (key: "Enter" | "ArrowRight") => page.keyboard.press(key);
    yield* Effect.promise(async () => {
      await isReady(page);
      await page.keyboard.type("Draw");
      await press("Enter");
      await shows(page, "Here it is.");
      await until(page, "the tree", async () => await page.$(".panel .tree button") !== null);
      // A file is opened and left again, and its row has the focus.
      await focusOn(page, "#tab-files");
      await reach(/^notes\.txt/);
      await press("Enter");
      await shows(page, "words to read");
      await until(page, "the way back", async () => await focused() === "Back to the files");
      await press("Enter");
      await until(page, "its row", async () => /^notes\.txt/.test(String(await focused())));
      // A job is read and ended.
      await focusOn(page, "#tab-files");
      await press("ArrowRight");
      await press("ArrowRight");
      await shows(page, "Background jobs");
      await reach(/http\.server 8000[^]*running/);
      await press("Enter");
      await shows(page, "serving");
      await reach(/^End the job/);
      await press("Enter");
      await shows(page, "ended by you");
      await until(page, "the job's row", async () => /ended by you/.test(String(await focused())));
      // A preview is opened and ended.
      await reach(/^Port to preview$/);
      await page.keyboard.type("8000");
      await press("Enter");
      await shows(page, "Port 8000");
      await focusOn(page, "#tab-sandbox");
      await reach(/^End the preview of port 8000$/);
      await press("Enter");
      await until(page, "its end", async () => await page.$("[aria-label^='End the preview']") === null);
      await until(page, "the field", async () => await focused() === "Port to preview");
    });
  }));
