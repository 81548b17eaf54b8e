/**
 * The page in a real browser: what is asked, shown, stopped, kept and read with hands, eyes and ears.
 */
import assert from "node:assert/strict";
import { Effect, Option, Redacted } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import {
  ask,
  becomes,
  click,
  isReady,
  openPage,
  openWindow,
  shows,
  until,
  violationsOf,
  whyNoBrowser,
  write,
} from "./support/browser.ts";
import { longestTaskMs } from "./support/longestTask.ts";

const skip = whyNoBrowser();
const test: typeof it.live = (title, body) => it.live(`page: ${title}`, body, { skip });

const bash = (id: string, command = "python3 train.py") =>
  Scripted.calls(Scripted.toolCall(id, "execute_bash", { command }));

/** A sandbox whose command prints at once and then waits to be let go, and that tells how many were killed. */
const waiting = () => {
  const { promise: go, resolve: letGo } = Promise.withResolvers<void>();
  let killed = 0;
  const sandbox = fakeSandbox((request) =>
    Effect.sync(() => request.onOutput?.("stdout", "epoch 1\n")).pipe(
      Effect.andThen(Effect.promise(() => go)),
      Effect.tap(() => Effect.sync(() => request.onOutput?.("stdout", "epoch 2\n"))),
      Effect.as(outcome("epoch 1\nepoch 2\n")),
      Effect.onInterrupt(() => Effect.sync(() => void killed++)),
    )
  );
  return { sandbox, letGo, killed: () => killed };
};

test("output is shown while the command runs, and the answer behind it; nothing complains", () =>
  Effect.gen(function* () {
    const { sandbox, letGo } = waiting();
    const { page, complaints } = yield* openPage({
      steps: [bash("c"), Scripted.answers("It is **trained**.")],
      sandbox,
    });
    yield* Effect.promise(async () => {
      await ask(page, "Train it");
      await shows(page, "epoch 1");
      assert.ok(await page.$(".step.running"), "the line is there before the command has ended");
      letGo();
      await shows(page, "It is trained.");
      await shows(page, "epoch 2");
      await until(page, "the end of the step", async () => await page.$(".step.running") === null);
      assert.deepEqual(complaints, []);
    });
  }));

test("stop ends the command itself, and says so", () =>
  Effect.gen(function* () {
    const { sandbox, killed } = waiting();
    const { page } = yield* openPage({ steps: [bash("c")], sandbox });
    yield* Effect.promise(async () => {
      await ask(page, "Train it");
      await shows(page, "epoch 1");
      await page.keyboard.press("Escape");
      await until(page, "the end of the command", () => Promise.resolve(killed() === 1));
      await shows(page, "Stopped");
    });
  }));

test("a reload and a second tab show the run that goes on, and nothing is asked twice", () =>
  Effect.gen(function* () {
    const { sandbox, letGo } = waiting();
    const { page, base } = yield* openPage({ steps: [bash("c"), Scripted.answers("All done.")], sandbox });
    yield* Effect.promise(async () => {
      await ask(page, "Train it");
      await shows(page, "epoch 1");
      await page.reload();
      await shows(page, "epoch 1");
      const path = new URL(page.url()).hash;
      const second = await openWindow(page.browser(), base, undefined, `/${path}`);
      await shows(second.page, "epoch 1");
      letGo();
      await shows(second.page, "All done.");
      await page.bringToFront();
      await shows(page, "All done.");
      assert.equal(sandbox.executed.length, 1);
      assert.deepEqual(second.complaints.filter((said) => !said.includes("404")), []);
    });
  }));

test("a draft outlives a reload; an edited question is a second version and both can be read", () =>
  Effect.gen(function* () {
    const { page } = yield* openPage({
      steps: [Scripted.answers("First answer."), Scripted.answers("Second answer.")],
    });
    yield* Effect.promise(async () => {
      await write(page, "#message", "half a thought");
      await page.reload({ waitUntil: "networkidle2" });
      await until(
        page,
        "the draft",
        async () => await page.evaluate("document.querySelector('#message').value") === "half a thought",
      );
      await isReady(page);
      await page.keyboard.press("Enter");
      await shows(page, "First answer.");
      await click(page, "[aria-label='Edit the message']");
      await write(page, ".edit textarea", ", and the other half");
      await click(page, ".edit [type=submit]");
      await shows(page, "Second answer.");
      await shows(page, "2/2");
      await click(page, "[aria-label='Earlier version']");
      await shows(page, "First answer.");
      await shows(page, "1/2");
    });
  }));

test("a file is attached, goes with the message, and is a chip after a reload", () =>
  Effect.gen(function* () {
    const { page, complaints } = yield* openPage({ steps: [Scripted.answers("Three rows.")] });
    yield* Effect.promise(async () => {
      const path = await Deno.makeTempFile({ suffix: "-sales.csv" });
      await Deno.writeTextFile(path, "a,b\n1,2\n");
      const [chooser] = await Promise.all([page.waitForFileChooser(), click(page, "[aria-label^='Attach']")]);
      await chooser.accept([path]);
      await shows(page, "8 B");
      await ask(page, "How many rows?");
      await shows(page, "Three rows.");
      await page.reload({ waitUntil: "networkidle2" });
      await until(page, "the chip", async () =>
        String(await page.evaluate("document.querySelector('.chip')?.innerText")).includes("sales.csv"));
      assert.deepEqual(complaints, []);
      await Deno.remove(path);
    });
  }));

test("hostile words stay words: no script, no remote picture, no link but to the web", () =>
  Effect.gen(function* () {
    const hostile = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) ![spy](https://evil.test/x.png) " +
      "<script>alert(1)</script> \u202Etxt.exe \u0000\n\n[fine](https://example.test)\n\n";
    const { page, complaints } = yield* openPage({
      steps: [Scripted.answers(hostile, "The end."), Scripted.answers(hostile, "x".repeat(1_000_000), "\n\nThe last.")],
    });
    yield* Effect.promise(async () => {
      await ask(page, "Attack");
      await shows(page, "The end.");
      await becomes(
        page,
        "[...document.querySelectorAll('main a')].map((link) => link.href).join()",
        "https://example.test/",
      );
      await ask(page, "A line of a megabyte");
      await shows(page, "The last.");
      assert.equal(await page.evaluate("document.querySelectorAll('main img, main script').length"), 0);
      assert.deepEqual(complaints, []);
      const isWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
      assert.equal(isWide, false, "a long word does not make the page wider");
    });
  }));

test("ten thousand chunks: no long task, few nodes; two thousand lines", () =>
  Effect.gen(function* () {
    const paragraph = (index: number) => index % 20 === 19 ? `word${index}.\n\n` : `word${index} `;
    const chunks = Array.from({ length: 10_000 }, (_, index) => paragraph(index));
    const lines = Array.from({ length: 2_000 }, (_, index) => `line ${index}\n`);
    const sandbox = fakeSandbox(({ onOutput }) =>
      Effect.sync(() => {
        for (const line of lines) onOutput?.("stdout", line);
        return outcome(lines.join(""));
      })
    );
    const { page } = yield* openPage({
      steps: [Scripted.answers(...chunks, "The end."), bash("c"), Scripted.answers("Printed.")],
      sandbox,
    });
    yield* Effect.promise(async () => {
      const asked = (question: string, last: string) =>
        longestTaskMs(page, async () => {
          await ask(page, question);
          await shows(page, last);
        });
      const writing = await asked("Write", "The end.");
      const nodes = Number(await page.evaluate("document.querySelectorAll('*').length"));
      const printing = await asked("Print", "Printed.");
      console.log(`longest task: ${writing} ms of 10,000 chunks, ${printing} ms of 2,000 lines; ${nodes} nodes`);
      assert.ok(nodes < 6_000, `${nodes} nodes`);
      // A tenth of it on a quiet machine.
      assert.ok(writing < 200 && printing < 200);
    });
  }));

for (const dark of [false, true]) {
  for (const width of [1440, 390]) {
    test(`axe finds nothing at ${width}, ${dark ? "dark" : "light"}, and nothing is wider than the window`, () =>
      Effect.gen(function* () {
        const steps = [
          bash("c"),
          Scripted.answers("# Done\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint(1)\n```\n"),
        ];
        const { page } = yield* openPage({ steps }, { width, height: 844, dark });
        yield* Effect.promise(async () => {
          assert.deepEqual(await violationsOf(page), [], "welcome");
          await ask(page, "Work");
          await shows(page, "Again");
          assert.deepEqual(await violationsOf(page), [], "thread");
          if (width < 1101) await click(page, "[aria-label='Workspace'][aria-pressed]");
          for (const tab of ["files", "timeline", "sandbox"]) {
            await click(page, `#tab-${tab}`);
            assert.deepEqual(await violationsOf(page), [], tab);
          }
          assert.equal(await page.evaluate("document.documentElement.scrollWidth > innerWidth"), false);
        });
      }));
  }
}

test("a server with keys asks for one, and the key is nowhere in the page's storage", () =>
  Effect.gen(function* () {
    const key = "sk-page-0123456789abcdef0123456789abcdef";
    const { page } = yield* openPage({
      steps: [Scripted.answers("Welcome in.")],
      settings: { apiKeys: Option.some(Redacted.make(`ada:${key}`)) },
    });
    yield* Effect.promise(async () => {
      await shows(page, "asks for a key");
      assert.deepEqual(await violationsOf(page), []);
      await write(page, "[name=key]", "wrong");
      await page.keyboard.press("Enter");
      await until(page, "the refusal", async () => await page.$("[role=alert]") !== null);
      await page.evaluate("document.querySelector('[name=key]').value = ''");
      await write(page, "[name=key]", key);
      await page.keyboard.press("Enter");
      await shows(page, "What should I work out?");
      await ask(page, "Hello");
      await shows(page, "Welcome in.");
      const stored = await page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie");
      assert.ok(!String(stored).includes(key) && !String(stored).includes("caisson_sign_in"));
    });
  }));
