/**
 * Calls that wait for a person, on the page: asked, read whole, approved and denied, in a real browser.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import type { Page } from "npm:puppeteer-core@25.16.0";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import {
  ask,
  becomes,
  isReady,
  openPage,
  openWindow,
  shows,
  until,
  violationsOf,
  whyNoBrowser,
} from "./support/browser.ts";

const test: typeof it.live = (title, body) => it.live(`page: ${title}`, body, { skip: whyNoBrowser() });

const settings = {
  toolsAsk: parseToolRules("Bash(git push *), Bash(rm *)") ??
    assert.fail("rules"),
};
const bash = (id: string, command: string) => Scripted.toolCall(id, "execute_bash", { command, timeout: 5 });
const sandboxOf = () => fakeSandbox(({ command }) => Effect.succeed(outcome(`did ${command}\n`)));

const asks = (page: Page): Promise<void> =>
  until(
    page,
    "the question",
    async () => await page.$(".ask.open .ask-buttons") !== null,
  );

/** Nothing is asked any more. */
const isDecided = (page: Page): Promise<void> =>
  until(page, "the end of the question", async () => await page.$(".ask-buttons") === null);

/** Presses Tab, back where told so, until what is named has the focus. */
const reach = async (
  page: Page,
  name: string,
  shift: boolean,
): Promise<void> => {
  const named = () =>
    page.evaluate(
      "document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.innerText ?? ''",
    );
  for (let presses = 0; presses < 80; presses++) {
    if (String(await named()).trim() === name) return;
    if (shift) await page.keyboard.down("Shift");
    await page.keyboard.press("Tab");
    if (shift) await page.keyboard.up("Shift");
  }
  assert.fail(`${name} was not reached by Tab`);
};

test("a call that waits is shown whole, approved with the keyboard alone, and told so after a reload; axe finds nothing", () =>
  Effect.gen(function* () {
    const sandbox = sandboxOf();
    const { page, complaints } = yield* openPage({
      steps: [
        Scripted.calls(
          bash("a", "ls"),
          bash("b", "git push origin ma\u202Ein"),
        ),
        Scripted.answers("It is published."),
      ],
      sandbox,
      settings,
    });
    yield* Effect.promise(async () => {
      await isReady(page);
      await page.keyboard.type("Publish it");
      await page.keyboard.press("Enter");
      await asks(page);
      const card = String(
        await page.evaluate("document.querySelector('.ask').innerText"),
      );
      // What hides in a command is read, and so is every argument.
      assert.match(
        card,
        /May I run this\?[^]*Shell[^]*rule Bash\(git push \*\)[^]*ma\\u\{202e\}in[^]*timeout = 5/,
      );
      assert.equal(
        String(await page.evaluate("document.body.innerText")).includes(
          "Answer yes, no",
        ),
        false,
      );
      await until(page, "the title", async () => (await page.title()).startsWith("Waiting for you: "));
      await until(
        page,
        "what is read aloud",
        async () => /may this run/i.test(String(await page.evaluate("document.querySelector('.app > .sr').innerText"))),
      );
      assert.deepEqual(sandbox.executed, ["ls"]);
      assert.deepEqual(await violationsOf(page), [], "the question");
      await reach(page, "Message", false);
      await reach(page, "Approve", true);
      await page.keyboard.press("Enter");
      await shows(page, "It is published.");
      assert.equal(sandbox.executed.length, 2);
      await isReady(page);
      const told = async () => {
        const read = (selector: string) =>
          page.evaluate(
            `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.innerText).join()`,
          );
        return [
          await read(".fate"),
          await read(".decision"),
          await read(".step .verb"),
        ];
      };
      const decided = ["Approved", "You approved", "Shell,Shell"];
      await until(page, "what was decided", async () => (await told()).join() === decided.join());
      assert.deepEqual(await violationsOf(page), [], "what was decided");
      await page.reload({ waitUntil: "networkidle2" });
      await shows(page, "It is published.");
      await until(
        page,
        "all of it again",
        async () => (await told()).join() === decided.join(),
      );
      await isDecided(page);
      assert.deepEqual(complaints, []);
    });
  }));

test("of several calls some are approved; a second tab sees the question, and the decision when it falls", () =>
  Effect.gen(function* () {
    const sandbox = sandboxOf();
    const { page, base, complaints } = yield* openPage({
      steps: [
        Scripted.calls(bash("a", "git push one"), bash("b", "rm two")),
        Scripted.answers("Half of it."),
      ],
      sandbox,
      settings,
    });
    yield* Effect.promise(async () => {
      await ask(page, "Publish and clean");
      await asks(page);
      const second = await openWindow(
        page.browser(),
        base,
        undefined,
        `/${new URL(page.url()).hash}`,
      );
      await asks(second.page);
      await shows(second.page, "Approve 2 of 2");
      await page.bringToFront();
      await page.locator(".ask li:nth-child(2) input").click();
      await page.locator(".ask-buttons ::-p-text(Approve 1 of 2)").click();
      await shows(page, "Half of it.");
      assert.deepEqual(sandbox.executed, ["git push one"]);
      const fates = (of: Page) =>
        of.evaluate(
          "[...document.querySelectorAll('.fate')].map((one) => one.innerText).join()",
        );
      await until(
        page,
        "what became of them",
        async () => await fates(page) === "Approved,Not run",
      );
      await second.page.bringToFront();
      await until(
        second.page,
        "the same there",
        async () => await fates(second.page) === "Approved,Not run",
      );
      await isDecided(second.page);
      assert.deepEqual([...complaints, ...second.complaints], []);
    });
  }));

test("a denied call is not run; one that other words answer is not run either, and the words are said", () =>
  Effect.gen(function* () {
    const sandbox = sandboxOf();
    const { page, complaints } = yield* openPage({
      steps: [
        Scripted.calls(bash("a", "rm one")),
        Scripted.calls(bash("b", "rm two")),
        Scripted.answers("Then I keep both."),
      ],
      sandbox,
      settings,
    });
    yield* Effect.promise(async () => {
      await ask(page, "Clean");
      await asks(page);
      await page.locator(".ask-buttons ::-p-text(Deny)").click();
      await until(
        page,
        "the second question",
        async () => (await page.$$(".ask")).length === 2,
      );
      await asks(page);
      await until(
        page,
        "what the field says",
        async () => /not run/.test(String(await page.evaluate("document.querySelector('#message').placeholder"))),
      );
      await ask(page, "Yes, but make a backup first");
      await shows(page, "Then I keep both.");
      assert.deepEqual(sandbox.executed, []);
      await becomes(
        page,
        "[...document.querySelectorAll('.fate')].map((one) => one.innerText).join()",
        "Not run,Not run",
      );
      await shows(page, "You denied");
      await shows(page, "Yes, but make a backup first");
      assert.deepEqual(complaints, []);
    });
  }));

test("a denial says why: the note is no consent, and stands in both tabs and after a reload; axe finds nothing", () =>
  Effect.gen(function* () {
    const sandbox = sandboxOf();
    const { page, base, complaints } = yield* openPage({
      steps: [Scripted.calls(bash("a", "rm one")), Scripted.answers("I keep it.")],
      sandbox,
      settings,
    });
    yield* Effect.promise(async () => {
      await ask(page, "Clean");
      await asks(page);
      const second = await openWindow(page.browser(), base, undefined, `/${new URL(page.url()).hash}`);
      await asks(second.page);
      await page.bringToFront();
      await page.locator(".ask-buttons .copy").click();
      await until(
        page,
        "the field",
        async () => Boolean(await page.evaluate("document.activeElement.matches('.note textarea')")),
      );
      assert.deepEqual(await violationsOf(page), [], "the field");
      await page.keyboard.type("  Yes, but move it to /tmp\nfirst  ");
      await page.locator(".note [type=submit]").click();
      const told = (of: Page) =>
        of.evaluate(
          "[...document.querySelectorAll('.decision, .decision + .bubble')].map((one) => one.innerText).join('|')",
        );
      const wanted = "You denied, and said|Yes, but move it to /tmp\nfirst";
      for (const each of [page, second.page]) {
        await each.bringToFront();
        await shows(each, "I keep it.");
        await until(each, "what was said", async () => String(await told(each)).trim() === wanted);
        await isDecided(each);
      }
      await page.bringToFront();
      await page.reload({ waitUntil: "networkidle2" });
      await shows(page, "I keep it.");
      await until(page, "what was said", async () => String(await told(page)).trim() === wanted);
      assert.deepEqual(sandbox.executed, []);
      assert.deepEqual([...complaints, ...second.complaints], []);
    });
  }));

test("who decides after another sees what the other decided, and nothing is carried out twice", () =>
  Effect.gen(function* () {
    const sandbox = sandboxOf();
    const { page } = yield* openPage({
      steps: [Scripted.calls(bash("a", "rm one")), Scripted.answers("Then I keep it.")],
      sandbox,
      settings,
    });
    yield* Effect.promise(async () => {
      await ask(page, "Clean");
      await asks(page);
      // Another client of the same user denies it, which this page has not heard of.
      await page.evaluate(async () => {
        const { data: [asked] } = await (await fetch("/v1/approvals?user=me")).json();
        const { run } = await (await fetch(`/v1/approvals/${asked.id}?user=me`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ decision: "deny" }),
        })).json();
        await (await fetch(`/v1/runs/${run}/events?user=me`)).text();
      });
      await page.locator(".ask-buttons ::-p-text(Approve)").click();
      await shows(page, "Then I keep it.");
      await shows(page, "You denied");
      await until(
        page,
        "what became of it",
        async () => await page.evaluate("document.querySelector('.fate')?.innerText") === "Not run",
      );
      assert.deepEqual(sandbox.executed, []);
      assert.equal(await page.$("[aria-label='Earlier version']"), null, "there is one decision");
    });
  }));

test("a conversation that waits is marked in the list, also when its run was left, until it is decided; axe finds nothing", () =>
  Effect.gen(function* () {
    const gate = Promise.withResolvers<void>();
    const sandbox = fakeSandbox(({ command }) =>
      Effect.promise(async () => {
        if (command === "make") await gate.promise;
        return outcome("made\n");
      })
    );
    const { page, complaints } = yield* openPage({
      steps: [
        Scripted.calls(Scripted.toolCall("m", "execute_bash", { command: "make" })),
        Scripted.calls(bash("a", "git push")),
        Scripted.answers("Published."),
      ],
      sandbox,
      settings,
    });
    const marks = async () => (await page.$$(".sessions .lamp")).length;
    yield* Effect.promise(async () => {
      await ask(page, "Make and publish");
      await until(page, "the command", async () => await page.$(".step.running") !== null);
      await page.locator(".new").click();
      await shows(page, "What should I work out?");
      assert.equal(await marks(), 0);
      gate.resolve();
      await until(page, "the mark", async () => await marks() === 1);
      await shows(page, "waits for you");
      assert.deepEqual(await violationsOf(page), [], "the list");
      await page.locator(".sessions li button").click();
      await asks(page);
      await page.locator(".ask-buttons ::-p-text(Always)").click();
      await shows(page, "Published.");
      await until(page, "no mark", async () => await marks() === 0);
      assert.deepEqual(complaints.filter((said) => !said.includes("404")), []);
    });
  }));
