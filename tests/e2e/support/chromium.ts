/**
 * A real browser for tests that look at what programs in sandboxes serve.
 */
import { existsSync } from "node:fs";
import { Effect } from "effect";
import puppeteer, { type Browser, type Page } from "npm:puppeteer-core@25.16.0";

/** Where Debian puts the browser. */
const executablePath = "/usr/bin/chromium";

/** Why no browser test can run here; undefined when they can. A gate that requires the browser runs into the error. */
export const withoutBrowser = existsSync(executablePath) || Deno.env.get("CAISSON_TEST_REQUIRE_BROWSER") === "1"
  ? undefined
  : `no browser at ${executablePath}`;

/** Longest time that anything may take, in milliseconds: the machine may be very busy. */
const appearsMs = 120_000;

/** A new page, which is as patient. */
export const newPage = async (browser: Browser): Promise<Page> => {
  const page = await browser.newPage();
  page.setDefaultTimeout(appearsMs);
  return page;
};

/** A browser of its own for the scope. */
export const chromium = Effect.acquireRelease(
  Effect.promise(() =>
    puppeteer.launch({
      executablePath,
      headless: true,
      args: ["--no-sandbox", "--disable-gpu", "--no-first-run"],
      timeout: appearsMs,
      protocolTimeout: 5 * appearsMs,
    })
  ),
  (browser) => Effect.promise(() => browser.close()),
);
