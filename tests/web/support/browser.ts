/**
 * A real browser on a real server: the page as people have it, with a scripted model and a fake sandbox.
 */
import { existsSync } from "node:fs";
import { Effect, type Scope } from "effect";
import puppeteer, { type Browser, type Page } from "npm:puppeteer-core@25.16.0";
import axe from "npm:axe-core@4.14.1";
import type { AppOptions } from "../../support/app.ts";
import { served } from "../../support/served.ts";

/** Where Debian puts the browser. */
const executablePath = "/usr/bin/chromium";

const isRequired = Deno.env.get("CAISSON_TEST_REQUIRE_BROWSER") === "1";
const root = new URL("../../../", import.meta.url);

/** Why no browser test can run here; undefined when they can. A gate that requires the browser runs into the error. */
export const whyNoBrowser = (): string | undefined => {
  if (isRequired) return undefined;
  if (!existsSync(executablePath)) return `no browser at ${executablePath}`;
  return existsSync(new URL("web/dist/app.js", root)) ? undefined : "the page is not built: deno task web";
};

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
];

/** A window of the page, and what went wrong in it. */
export interface Window {
  readonly page: Page;
  readonly base: string;
  /** Messages of the console, failures and requests to elsewhere: nothing of it may happen. */
  readonly complaints: Array<string>;
}

/** How a window looks. */
export interface Look {
  readonly width: number;
  readonly height: number;
  readonly dark: boolean;
}

const wide: Look = { width: 1440, height: 900, dark: false };

/** Longest time that anything may take, in milliseconds: the machine may be very busy. */
export const appearsMs = 120_000;

const browserOf: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() =>
    puppeteer.launch({
      executablePath,
      headless: true,
      args: flags,
      timeout: appearsMs,
      protocolTimeout: 5 * appearsMs,
    })
  ),
  (browser) => Effect.promise(() => browser.close()),
);

/** Opens the page of a server in a window of a browser of its own. */
export const openPage = Effect.fnUntraced(function* (options: AppOptions, look: Look = wide) {
  const base = yield* served(options);
  const browser = yield* browserOf;
  return yield* Effect.promise(() => openWindow(browser, base, look));
});

/** Opens a further window beside others; it shares their storage. */
export const openWindow = async (browser: Browser, base: string, look: Look = wide, path = "/"): Promise<Window> => {
  const page = await browser.newPage();
  page.setDefaultTimeout(appearsMs);
  await page.setViewport({ width: look.width, height: look.height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: look.dark ? "dark" : "light" }]);
  const complaints: Array<string> = [];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    // What a page made itself comes from nowhere.
    const isOwn = [base, "data:", `blob:${base}/`, "blob:null/"].some((origin) => request.url().startsWith(origin));
    if (!isOwn) complaints.push(request.url());
  });
  await page.goto(base + path, { waitUntil: "networkidle2" });
  return { page, base, complaints };
};

/** What a person would see now and where the keyboard stands, for the message of a failure. */
const seen = (page: Page): Promise<unknown> =>
  page.evaluate(
    "[document.body.innerText, 'The keyboard:', document.activeElement?.outerHTML.slice(0, 200)].join(' | ')",
  );

/** Waits until an expression of the page is true; polled from here, because the policy forbids it there. */
export const until = async (page: Page, what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + appearsMs;
  // A page that is just loaded anew answers nothing: it is asked again.
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > deadline) {
      // What was missed stands at the end, where a log that is cut is read.
      throw new Error(`${await seen(page)}\n${what} did not come`);
    }
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 30))").catch(() => undefined);
  }
};

/** Waits until the page shows a text. */
export const shows = (page: Page, text: string): Promise<void> =>
  until(
    page,
    text,
    async () => Boolean(await page.evaluate(`document.body.innerText.includes(${JSON.stringify(text)})`)),
  );

/** Waits until an expression of the page has a value. */
export const becomes = (page: Page, expression: string, value: unknown): Promise<void> =>
  until(page, `${value} of ${expression}`, async () => await page.evaluate(expression) === value);

/** Waits until the field of the message has the focus, as it has it when the page is there. */
export const isReady = (page: Page): Promise<void> => becomes(page, "document.activeElement.id", "message");

/** Waits until the page has what is selected: it may come behind the words that were waited for. */
const has = (page: Page, selector: string): Promise<void> =>
  until(page, selector, async () => await page.$(selector) !== null);

/** Clicks what comes. */
export const click = async (page: Page, selector: string): Promise<void> => {
  await has(page, selector);
  await page.click(selector);
};

/** Writes into what comes. */
export const write = async (page: Page, selector: string, text: string): Promise<void> => {
  await has(page, selector);
  await page.type(selector, text);
};

/** Gives the focus to what comes. */
export const focusOn = async (page: Page, selector: string): Promise<void> => {
  await has(page, selector);
  await page.focus(selector);
};

/** Writes a message and sends it with the keyboard. */
export const ask = async (page: Page, text: string): Promise<void> => {
  await focusOn(page, "#message");
  await page.type("#message", text);
  await page.keyboard.press("Enter");
};

/** Waits until what slides or fades in stands where it stays; what moves for ever is not waited for. */
const rests = `Promise.allSettled(document.getAnimations()
  .filter((each) => Number.isFinite(each.effect.getComputedTiming().endTime)).map((each) => each.finished))
  .then(() => {})`;

/** What axe finds on what is shown now, each with the first place. */
export const violationsOf = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(rests);
  // The policy of the page forbids scripts of others, and so tests it: the source goes in through the debugger.
  await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    const { violations } = await Reflect.get(globalThis, "axe").run();
    return violations.map((found: { id: string; nodes: ReadonlyArray<{ html: string }> }) =>
      `${found.id}: ${found.nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`
    );
  });
};
