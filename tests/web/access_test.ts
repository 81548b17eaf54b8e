/**
 * A host that the model asks for, on the page: asked, granted, and shown with the sandbox, in a real browser.
 */
import assert from "node:assert/strict";
import { Effect, Option } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { egressRows } from "../../src/config/egress.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { reaching, unreached } from "../support/reachingSandbox.ts";
import { ask, click, openPage, shows, until, violationsOf, whyNoBrowser } from "./support/browser.ts";

const call = { host: "api.example.com", port: 8443, reason: "to read the rates" };

it.live(
  "page: a host is asked for with its reason, granted with a button, and stands with the sandbox",
  () =>
    Effect.gen(function* () {
      const { page, complaints } = yield* openPage({
        steps: [
          Scripted.calls(Scripted.toolCall("a", "request_access", call)),
          Scripted.answers("I can reach it now."),
        ],
        sandbox: reaching(fakeSandbox()),
        egress: unreached,
        settings: {
          egress: "allowlist",
          egressAsk: Option.getOrElse(egressRows.egressAsk.parse("*.example.com:8443"), () => assert.fail("no list")),
        },
      });
      yield* Effect.promise(async () => {
        await ask(page, "Read the rates");
        await until(page, "the question", async () => await page.$(".ask.open .ask-buttons") !== null);
        const card = String(await page.evaluate("document.querySelector('.ask').innerText"));
        assert.match(card, /Ask for a host[^]*rule request_access\(api\.example\.com:8443\)[^]*to read the rates/);
        await click(page, "#tab-sandbox");
        assert.ok(!String(await page.evaluate("document.body.innerText")).includes("Hosts that you granted"));
        await page.locator(".ask-buttons ::-p-text(Approve)").click();
        await shows(page, "I can reach it now.");
        await shows(page, "Hosts that you granted");
        const listed = await page.evaluate("document.querySelector('.panel .sandbox .jobs').innerText");
        assert.match(String(listed), /^api\.example\.com:8443 until /);
        assert.deepEqual(await violationsOf(page), []);
        assert.deepEqual(complaints, []);
      });
    }),
  { skip: whyNoBrowser() },
);
