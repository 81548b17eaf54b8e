/**
 * Makes the picture of the page in the README, from the real page over a real sandbox.
 *
 * Usage: `deno run -A --lock=tests/deno.lock scripts/pagePicture.ts URL`, where a server with a free workspace answers;
 * it asks for one run and looks at it with Debian's Chromium.
 */
import puppeteer from "npm:puppeteer-core@25.16.0";

const [url] = Deno.args;
if (url === undefined) throw new Error("say where the server is: scripts/pagePicture.ts http://127.0.0.1:8000");

const question = "Write a Python script that computes 2+2 and then execute it";
/** Longest time that the run may take, in milliseconds. */
const runMsMax = 120_000;

const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", headless: true, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1200, height: 720 });
  await page.goto(url, { waitUntil: "networkidle2" });
  await page.type("#message", question);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".foot", { timeout: runMsMax });
  const picture = await page.screenshot({ optimizeForSpeed: false });
  await Deno.writeFile(new URL("../docs/page.png", import.meta.url), picture);
} finally {
  await browser.close();
}
