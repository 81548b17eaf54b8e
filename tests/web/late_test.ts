/**
 * Answers that come late: what is on the screen, and where the keyboard stands, is not taken away by them.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import type { HTTPRequest, Page } from "npm:puppeteer-core@25.16.0";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { ask, click, openPage, shows, until, whyNoBrowser, write } from "./support/browser.ts";

const test: typeof it.live = (title, body) => it.live(`page: ${title}`, body, { skip: whyNoBrowser() });

/** Holds requests back from now on, until they are let go; later ones then pass. */
const holdBack = async (page: Page, isHeld: (path: string) => boolean) => {
  let held: Array<HTTPRequest> | undefined = [];
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (held !== undefined && isHeld(new URL(request.url()).pathname)) held.push(request);
    else void request.continue();
  });
  return {
    count: () => held?.length ?? 0,
    letGo: async () => {
      const all = held ?? [];
      held = undefined;
      await Promise.all(all.map((request) => request.continue()));
    },
  };
};

test("who asks before the page was read to its end keeps what is shown", () =>
  Effect.gen(function* () {
    const { page } = yield* openPage({ steps: [Scripted.answers("An early answer.")] });
    yield* Effect.promise(async () => {
      const usage = await holdBack(page, (path) => path === "/v1/usage");
      await page.reload({ waitUntil: "networkidle2" });
      await ask(page, "Early");
      await shows(page, "An early answer.");
      await click(page, "[aria-label='Edit the message']");
      await write(page, ".edit textarea", ", and a draft");
      await until(page, "a look at what was used", () => Promise.resolve(usage.count() > 0));
      await usage.letGo();
      await page.waitForNetworkIdle();
      assert.equal(await page.evaluate("document.querySelector('.edit textarea')?.value"), "Early, and a draft");
    });
  }));

test("an answer that is not read back yet stays on the screen while one asks on", () =>
  Effect.gen(function* () {
    const steps = ["The first answer.", "The second answer.", "The third answer."].map((text) =>
      Scripted.answers(text)
    );
    const { page } = yield* openPage({ steps });
    yield* Effect.promise(async () => {
      const stored = await holdBack(page, (path) => /^\/v1\/sessions\/[^/]+$/.test(path));
      await ask(page, "One");
      await shows(page, "The first answer.");
      await ask(page, "Two");
      await shows(page, "The second answer.");
      await shows(page, "The first answer.");
      await ask(page, "Three");
      await shows(page, "The third answer.");
      const blocks = () => page.$$eval(".turn-block", (all) => all.map((each) => each.textContent ?? ""));
      const before = await blocks();
      assert.equal(before.length, 3, before.join("\n"));
      await until(page, "three looks at what is stored", () => Promise.resolve(stored.count() === 3));
      await stored.letGo();
      await page.waitForNetworkIdle();
      assert.equal((await blocks()).length, 3);
    });
  }));

test("the keyboard stays where it is while a field for an edit stands open elsewhere", () =>
  Effect.gen(function* () {
    const { promise: go, resolve: letGo } = Promise.withResolvers<void>();
    const sandbox = fakeSandbox((request) =>
      Effect.sync(() => request.onOutput?.("stdout", "epoch 1\n")).pipe(
        Effect.andThen(Effect.promise(() => go)),
        Effect.as(outcome("epoch 1\n")),
      )
    );
    const { page } = yield* openPage({
      steps: [
        Scripted.answers("Hello."),
        Scripted.calls(Scripted.toolCall("c", "execute_bash", { command: "train" })),
        Scripted.answers("It is trained."),
      ],
      sandbox,
    });
    yield* Effect.promise(async () => {
      const focused = () => page.evaluate("document.activeElement.id || document.activeElement.className");
      await ask(page, "Hi");
      await shows(page, "Hello.");
      await click(page, "[aria-label='Edit the message']");
      await until(page, "the field", async () => await page.$(".edit textarea") !== null);
      await ask(page, "Train it");
      await shows(page, "epoch 1");
      assert.equal(await focused(), "message");
      await page.keyboard.type("and then");
      letGo();
      await shows(page, "It is trained.");
      await page.waitForNetworkIdle();
      assert.equal(await focused(), "message");
      assert.equal(await page.evaluate("document.getElementById('message').value"), "and then");
    });
  }));
