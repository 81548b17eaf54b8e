/**
 * The workspace beside the conversation, in a real browser: files shown, saved and deleted, and what goes wrong.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import * as Files from "../../src/adapters/usageLedger/Files.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { Job } from "../../src/domain/Job.ts";
import { type FakeSandbox, fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { ask, openPage, openWindow, shows, until, violationsOf, whyNoBrowser } from "./support/browser.ts";

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
  await page.click("dialog[open] .danger");
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
    const back = () => page.click("[aria-label='Back to the files']");
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
      await page.click("[aria-label='Delete raw.bin']");
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
      await page.click(".file-card");
      await shows(page, "words");
      assert.equal(await page.evaluate("document.querySelectorAll('.panel img, .panel script').length"), 0);
      assert.ok(!String(await page.evaluate("document.querySelector('.panel').innerText")).includes("\u202E"));
      await page.click("[aria-label='Back to the files']");
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
      const [chooser] = await Promise.all([page.waitForFileChooser(), page.click("[aria-label^='Attach']")]);
      await chooser.accept([path]);
      await until(page, "the refusal", async () =>
        /larger|too large|limit|at most/i.test(
          String(await page.evaluate("document.querySelector('.attachments [role=alert]')?.innerText ?? ''")),
        ));
      // What was refused can be taken off, and the message goes without it.
      await page.click(".attachments button");
      await ask(page, "Hello");
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
      await second.page.click("[aria-label^='Delete']");
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
      await page.click("details.diff summary");
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

test("the panel tells what the sandbox uses and runs; a job is read and ended there; axe finds nothing", () =>
  Effect.gen(function* () {
    let ended = false;
    const job = (): Job => ({
      id: "job-1",
      command: "python3 -m http.server 8000",
      status: ended ? "killed" : "running",
      startedAtMs: 0,
      ...(ended && { endedAtMs: 61_000 }),
    });
    const jobs: Array<Job> = [job()];
    const printed = "serving <b>all</b>\n";
    const sandbox = fakeSandbox(undefined, undefined, {
      use: { memoryBytes: 96 << 20, memoryBytesMax: 512 << 20, diskBytes: 3 << 20 },
      commands: [{ kind: "shell", command: "pytest -q", startedAtMs: 0 }],
      jobs,
      ofJobs: {
        start: () => Effect.die("not asked for"),
        list: Effect.succeed(jobs),
        read: (_id, { offset = 0 }) =>
          Effect.sync(() => ({
            job: job(),
            text: printed.slice(offset),
            offset,
            nextOffset: printed.length,
            totalBytes: printed.length,
          })),
        kill: () =>
          Effect.sync(() => {
            ended = true;
            jobs[0] = job();
            return job();
          }),
      },
    });
    const { page, complaints } = yield* openPage({ steps: [], sandbox });
    yield* Effect.promise(async () => {
      await page.click("#tab-sandbox");
      await shows(page, "96.0 MB of 512.0 MB");
      await shows(page, "3.0 MB");
      await shows(page, "pytest -q");
      await page.locator(".jobs button[aria-expanded]").click();
      await shows(page, "serving <b>all</b>");
      assert.deepEqual(await violationsOf(page), [], "the panel");
      await page.click("[aria-label^='End the job']");
      await shows(page, "ended by you");
      assert.equal(await page.$("[aria-label^='End the job']"), null);
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
      await page.click(".status .state:nth-child(2)");
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
      assert.match(await cards(), /gone\.txt\s*no longer there/);
      assert.ok(Number(await page.evaluate("document.querySelector('.chart img')?.naturalWidth")) > 0);
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
      await page.type(".edit textarea", " of it");
      await page.click(".edit [type=submit]");
      await shows(page, "Third.");
      await page.click("#tab-timeline");
      await until(page, "the runs", async () => await titles() === "More of it,More,Draw");
      await page.reload({ waitUntil: "networkidle2" });
      await page.click("#tab-timeline");
      await until(page, "the runs again", async () => await titles() === "More of it,More,Draw");
      await page.click(".timeline li:last-child summary");
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
