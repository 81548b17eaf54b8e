/**
 * The keyboard's place: whatever was opened gives the focus back to what opened it when it is closed again.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import type { Page } from "npm:puppeteer-core@25.16.0";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import {
  ask,
  becomes,
  click,
  focusOn,
  type Look,
  openPage,
  shows,
  until,
  whyNoBrowser,
  write,
} from "./support/browser.ts";

const test: typeof it.live = (title, body) => it.live(`page: ${title}`, body, { skip: whyNoBrowser() });

/** Something that opens: by what, what is there then, and what has the focus when it is closed. */
interface Opening {
  readonly name: string;
  /** Selects what opens it. */
  readonly by: string;
  /** Selects what is open then. */
  readonly opens: string;
  /** Closes it by a click instead of Escape. */
  readonly closesBy?: string;
  /** Selects what has the focus afterwards, where it is not what opened it. */
  readonly then?: string;
}

const dialogs: ReadonlyArray<Opening> = [
  { name: "the settings", by: ".brand .icon-button", opens: "dialog[aria-label='Settings']" },
  {
    name: "the settings, done",
    by: ".brand .icon-button",
    opens: "dialog[aria-label='Settings']",
    closesBy: "dialog .dialog-buttons button",
  },
  {
    name: "deletion of a conversation",
    by: ".row-actions button:nth-child(2)",
    opens: "dialog[aria-label='Delete this conversation?']",
  },
  {
    name: "deletion of a conversation, cancelled",
    by: ".row-actions button:nth-child(2)",
    opens: "dialog[aria-label='Delete this conversation?']",
    closesBy: "dialog .dialog-buttons button",
  },
  {
    name: "an undo",
    by: "details.diff > button",
    opens: "dialog[aria-label='Take these changes back?']",
  },
];

const fields: ReadonlyArray<Opening> = [
  { name: "a title", by: ".row-actions button:nth-child(1)", opens: "input[aria-label='Title']" },
  { name: "a message", by: "[aria-label='Edit the message']", opens: ".edit textarea" },
  {
    name: "a message, cancelled",
    by: "[aria-label='Edit the message']",
    opens: ".edit textarea",
    closesBy: ".edit .plain",
  },
  { name: "a note", by: ".ask-buttons .copy", opens: ".note textarea" },
  { name: "a note, cancelled", by: ".ask-buttons .copy", opens: ".note textarea", closesBy: ".note .plain" },
];

/** What stands in the panel, or is it. */
const inPanel: ReadonlyArray<Opening> = [
  { name: "a file from its card", by: ".file-card", opens: ".preview" },
  { name: "a file from the tree", by: ".tree [data-path$='notes.txt']", opens: ".preview" },
  {
    name: "a file from the tree, by the way back",
    by: ".tree [data-path$='notes.txt']",
    opens: ".preview",
    closesBy: "[aria-label='Back to the files']",
  },
];

/** Presses Enter on what opens it, closes it, and sees where the focus is. */
const openAndClose = async (page: Page, { name, by, opens, closesBy, then = by }: Opening): Promise<void> => {
  await until(page, `what opens ${name}`, async () => await page.$(by) !== null);
  await focusOn(page, by);
  await page.keyboard.press("Enter");
  await until(page, name, async () => await page.$(opens) !== null);
  const isInside = () =>
    page.evaluate(`document.querySelector(${JSON.stringify(opens)}).contains(document.activeElement)`);
  await until(page, `the focus in ${name}`, async () => Boolean(await isInside()));
  if (closesBy === undefined) await page.keyboard.press("Escape");
  else {
    await focusOn(page, closesBy);
    await page.keyboard.press("Enter");
  }
  await until(page, `the end of ${name}`, async () => await page.$(opens) === null);
  const isBack = () => page.evaluate(`document.activeElement.matches(${JSON.stringify(then)})`);
  await until(page, `the focus after ${name}`, async () => Boolean(await isBack()));
};

/** A page with one conversation that has left a file and then asks. */
const worked = (look?: Look) =>
  Effect.gen(function* () {
    const sandbox = fakeSandbox(() =>
      Effect.sync(() => {
        const [owner] = sandbox.opened;
        assert.ok(owner);
        sandbox.files.set(`${ownerKey(owner)}:/workspace/notes.txt`, new TextEncoder().encode("words to read"));
        return outcome("done\n");
      })
    );
    const call = (id: string, command: string) => Scripted.calls(Scripted.toolCall(id, "execute_bash", { command }));
    const { page, complaints } = yield* openPage({
      steps: [call("a", "make"), Scripted.answers("Made."), call("b", "git push")],
      sandbox,
      settings: { rewindFiles: "keep", toolsAsk: parseToolRules("Bash(git push)") ?? assert.fail("rules") },
    }, look);
    yield* Effect.promise(async () => {
      await ask(page, "Make");
      await shows(page, "Made.");
      await ask(page, "Publish");
      await until(page, "the question", async () => await page.$(".ask-buttons") !== null);
      await click(page, "details.diff summary");
      await until(page, "the file", async () => await page.$("details.diff > button") !== null);
    });
    return { page, complaints };
  });

test("every dialog, field and view gives the focus back to what opened it, with Escape and with its button", () =>
  Effect.gen(function* () {
    const { page, complaints } = yield* worked();
    yield* Effect.promise(async () => {
      for (const opening of [...dialogs, ...fields, ...inPanel]) await openAndClose(page, opening);
      // Inside a view of a file: its own question, which leaves the view open.
      await focusOn(page, ".file-card");
      await page.keyboard.press("Enter");
      const trash = "[aria-label='Delete notes.txt']";
      await openAndClose(page, {
        name: "deletion of a file",
        by: trash,
        opens: "dialog[aria-label='Delete this file?']",
      });
      assert.ok(await page.$(".preview"), "Escape has closed the question alone");
      await click(page, "#tab-sandbox");
      await openAndClose(page, {
        name: "a reset",
        by: ".panel .danger",
        opens: "dialog[aria-label='Reset the workspace?']",
      });
      // The panel itself: closed by its button, opened by three.
      const closesBy = "[aria-label='Close the workspace']";
      await click(page, closesBy);
      await until(page, "its end", async () => await page.$(".panel") === null);
      for (const by of ["#workspace", ".status .state", ".file-card"]) {
        await focusOn(page, by);
        await page.keyboard.press("Enter");
        await until(page, "the panel", async () => await page.$(".panel") !== null);
        await click(page, closesBy);
        await until(
          page,
          `the focus at ${by}`,
          async () => Boolean(await page.evaluate(`document.activeElement.matches(${JSON.stringify(by)})`)),
        );
      }
      assert.deepEqual(complaints, []);
    });
  }));

test("on a phone the list, what is opened from it, and the workspace give the focus back with Escape", () =>
  Effect.gen(function* () {
    const { page, complaints } = yield* worked({ width: 390, height: 844, dark: false });
    const menu = ".top [aria-label='Conversations']";
    yield* Effect.promise(async () => {
      await openAndClose(page, { name: "the list", by: menu, opens: ".with-drawer .sidebar" });
      await focusOn(page, menu);
      await page.keyboard.press("Enter");
      await until(page, "the list", async () => await page.$(".with-drawer") !== null);
      for (const opening of dialogs.slice(0, 4)) await openAndClose(page, opening);
      await openAndClose(page, { ...fields[0] ?? assert.fail("a title") });
      assert.ok(await page.$(".with-drawer"), "the list stays open behind what it opened");
      await page.keyboard.press("Escape");
      await until(page, "the end of the list", async () => await page.$(".with-drawer") === null);
      await until(
        page,
        "the menu",
        async () => Boolean(await page.evaluate(`document.activeElement.matches(${JSON.stringify(menu)})`)),
      );
      await openAndClose(page, { name: "the workspace", by: "#workspace", opens: ".panel" });
      // A file first, then what lies over the conversation.
      await focusOn(page, ".file-card");
      await page.keyboard.press("Enter");
      await until(page, "the file", async () => await page.$(".preview") !== null);
      await page.keyboard.press("Escape");
      await until(page, "the tree", async () => await page.$(".tree") !== null);
      await page.keyboard.press("Escape");
      await until(page, "the end of the panel", async () => await page.$(".panel") === null);
      await until(
        page,
        "the card",
        async () => Boolean(await page.evaluate("document.activeElement.matches('.file-card')")),
      );
      assert.deepEqual(complaints, []);
    });
  }));

test("Escape in a field of its own stops no run", () =>
  Effect.gen(function* () {
    const { promise: go, resolve: letGo } = Promise.withResolvers<void>();
    const sandbox = fakeSandbox(() => Effect.promise(() => go).pipe(Effect.as(outcome("trained\n"))));
    const { page } = yield* openPage({
      steps: [
        Scripted.calls(Scripted.toolCall("c", "execute_bash", { command: "train" })),
        Scripted.answers("It is trained."),
      ],
      sandbox,
    });
    yield* Effect.promise(async () => {
      await ask(page, "Train");
      await until(page, "the command", async () => await page.$(".step.running") !== null);
      await write(page, "[type=search]", "nothing of it");
      await page.keyboard.press("Escape");
      await becomes(page, "document.querySelector('[type=search]').value", "");
      await openAndClose(page, dialogs[0] ?? assert.fail("the settings"));
      letGo();
      await shows(page, "It is trained.");
      assert.equal(await page.evaluate("document.body.innerText.includes('Stopped')"), false);
    });
  }));

test("what could not be done is told where it was agreed to, and can be tried again", () =>
  Effect.gen(function* () {
    const { page } = yield* worked();
    yield* Effect.promise(async () => {
      const network = await page.createCDPSession();
      await network.send("Network.enable");
      await network.send("Network.setBlockedURLs", { urls: ["*/v1/sessions/*"] });
      await focusOn(page, ".row-actions button:nth-child(2)");
      await page.keyboard.press("Enter");
      await until(page, "the question", async () => await page.$("dialog[open] .danger") !== null);
      await click(page, "dialog[open] .danger");
      await until(page, "the reason", async () => await page.$("dialog[open] [role=alert]") !== null);
      await network.send("Network.setBlockedURLs", { urls: [] });
      await click(page, "dialog[open] .danger");
      await shows(page, "What should I work out?");
      await until(page, "the field", async () => await page.evaluate("document.activeElement.id") === "message");
    });
  }));

/** Every question that is asked before something is done stands among those above: a new one is tried too. */
Deno.test("every question of the page is among those whose focus is tried", async () => {
  const asked: Array<string> = [];
  const look = async (folder: URL): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) await look(new URL(`${name}/`, folder));
      else {
        const source = await Deno.readTextFile(new URL(name, folder));
        asked.push(...[...source.matchAll(/confirmThen\(\{\s*title: "([^"]+)"/g)].map(([, title]) => `${title}`));
        asked.push(...[...source.matchAll(/<Dialog label="([^"]+)"/g)].map(([, label]) => `${label}`));
      }
    }
  };
  await look(new URL("../../web/src/", import.meta.url));
  const tried = await Deno.readTextFile(new URL(import.meta.url));
  assert.ok(asked.length >= 5, `${asked.length}`);
  assert.deepEqual(asked.filter((title) => !tried.includes(`dialog[aria-label='${title}']`)), []);
});
