/**
 * A PDF in the page: drawn by a frame that reaches nothing, in a real browser.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import type { Frame, Page } from "npm:puppeteer-core@25.16.0";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import { type FakeSandbox, fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { ask, click, openPage, shows, until, violationsOf, whyNoBrowser } from "./support/browser.ts";

const test: typeof it.live = (title, body) => it.live(`page: ${title}`, body, { skip: whyNoBrowser() });

/** A PDF of pages with a line each, that would run a script and open an address when it is read. */
const pdfOf = (lines: ReadonlyArray<string>): Uint8Array => {
  const pages = lines.map((_, at) => `${4 + 2 * at} 0 R`).join(" ");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\(document.title\\)) >> " +
    "/AA << /WC << /S /URI /URI (https://evil.test/) >> >> >>",
    `<< /Type /Pages /Kids [${pages}] /Count ${lines.length} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ...lines.flatMap((line, at) => {
      const drawn = `BT /F1 32 Tf 40 700 Td (${line}) Tj ET 40 400 300 200 re f`;
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${5 + 2 * at} 0 R ` +
        "/Resources << /Font << /F1 3 0 R >> >> >>",
        `<< /Length ${drawn.length} >>\nstream\n${drawn}\nendstream`,
      ];
    }),
  ];
  let text = "%PDF-1.4\n";
  const offsets = objects.map((object, at) => {
    const offset = text.length;
    text += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const start = text.length;
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  text += offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  text += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return new TextEncoder().encode(text);
};

/** A sandbox in which a command leaves files. */
const leaving = (files: Readonly<Record<string, Uint8Array>>): FakeSandbox => {
  const sandbox = fakeSandbox(() =>
    Effect.sync(() => {
      const [owner] = sandbox.opened;
      assert.ok(owner);
      for (const [name, bytes] of Object.entries(files)) {
        sandbox.files.set(`${ownerKey(owner)}:/workspace/${name}`, bytes);
      }
      return outcome("done\n");
    })
  );
  return sandbox;
};

const steps = () => [
  Scripted.calls(Scripted.toolCall("c", "execute_bash", { command: "make paper.pdf" })),
  Scripted.answers("Here it is."),
];

const frameOf = async (page: Page): Promise<Frame> => {
  await until(page, "the frame", () => Promise.resolve(page.frames().length > 1));
  const frame = page.frames().at(-1);
  assert.ok(frame);
  return frame;
};

test("a PDF is drawn and its words can be read; its frame reaches nothing, and its own scripts are not there", () =>
  Effect.gen(function* () {
    const lines = Array.from({ length: 12 }, (_, at) => `The words of page ${at + 1}`);
    const { page, complaints } = yield* openPage({ steps: steps(), sandbox: leaving({ "paper.pdf": pdfOf(lines) }) });
    yield* Effect.promise(async () => {
      await ask(page, "Write a paper");
      await shows(page, "Here it is.");
      await page.locator(".panel .tree ::-p-text(paper.pdf)").click();
      const frame = await frameOf(page);
      const words = async () => String(await frame.evaluate("document.body.innerText"));
      await until(page, "the words", async () => (await words()).includes("The words of page 1"));
      const isInked = `(() => {
        const { width, height } = document.querySelector("canvas");
        const { data } = document.querySelector("canvas").getContext("2d").getImageData(0, 0, width, height);
        return data.some((value, at) => at % 4 === 0 && value < 50 && data[at + 3] === 255);
      })()`;
      await until(page, "the drawing", async () => Boolean(await frame.evaluate(isInked)));
      await until(
        page,
        "its pages",
        async () => await frame.evaluate("document.querySelectorAll('section').length") === 12,
      );
      assert.equal((await words()).includes("page 12"), false, "what is far away is not drawn yet");
      await frame.evaluate("document.querySelector('section:last-of-type').scrollIntoView()");
      await until(page, "the last page", async () => (await words()).includes("The words of page 12"));
      assert.deepEqual(complaints, []);
      assert.deepEqual(await violationsOf(page), [], "a PDF");

      // What would get hold of the frame has nothing in its hands.
      assert.equal(await frame.evaluate("self.origin"), "null");
      const tries = await frame.evaluate(async () => {
        const outcomeOf = async (act: () => unknown) => {
          try {
            return String(await act());
          } catch {
            return "refused";
          }
        };
        return [
          await outcomeOf(() => fetch("/v1/me")),
          await outcomeOf(() => Reflect.get(globalThis, "localStorage").length),
          await outcomeOf(() => Reflect.get(globalThis, "document").cookie),
          await outcomeOf(() => Reflect.get(globalThis, "parent").document.title),
        ].join();
      });
      assert.equal(tries, "refused,refused,refused,refused");
      await click(page, "[aria-label='Back to the files']");
      await until(page, "its end", () => Promise.resolve(page.frames().length === 1));
    });
  }));

test("a PDF that is broken, empty or behind a password says so", () =>
  Effect.gen(function* () {
    const text = new TextDecoder().decode(pdfOf(["Secret"]));
    const locked = text.replace(
      "/Root 1 0 R",
      "/Root 1 0 R /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 " +
        `/O <${"ab".repeat(32)}> /U <${"cd".repeat(32)}> >> /ID [<0123> <0123>]`,
    );
    const bytes = (content: string) => new TextEncoder().encode(content);
    const files = {
      "broken.pdf": bytes("%PDF-1.7\nnothing of one"),
      "empty.pdf": bytes(""),
      "locked.pdf": bytes(locked),
    };
    const { page, complaints } = yield* openPage({ steps: steps(), sandbox: leaving(files) });
    yield* Effect.promise(async () => {
      await ask(page, "Write");
      await shows(page, "Here it is.");
      for (const [name, said] of [["broken", "cannot be read"], ["empty", "cannot be read"], ["locked", "password"]]) {
        await page.locator(`.panel .tree ::-p-text(${name}.pdf)`).click();
        await until(page, `what is said of ${name}`, async () =>
          String(await page.evaluate("document.querySelector('.preview [role=status]')?.innerText")).includes(
            `${said}`,
          ));
        await click(page, "[aria-label='Back to the files']");
      }
      assert.deepEqual(complaints, []);
    });
  }));
