/**
 * A real browser for tests that look at what programs in sandboxes serve.
 */
import { existsSync } from "node:fs";
import { Effect } from "effect";
import puppeteer from "npm:puppeteer-core@25.16.0";

/** Where Debian puts the browser. */
const executablePath = "/usr/bin/chromium";

/** Why no browser test can run here; undefined when they can. A gate that requires the browser runs into the error. */
export const withoutBrowser = existsSync(executablePath) || Deno.env.get("CAISSON_TEST_REQUIRE_BROWSER") === "1"
  ? undefined
  : `no browser at ${executablePath}`;

/** A browser of its own for the scope. */
export const chromium = Effect.acquireRelease(
  Effect.promise(() =>
    puppeteer.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-gpu", "--no-first-run"] })
  ),
  (browser) => Effect.promise(() => browser.close()),
);
