/**
 * Every screen of the page, wide and as on a phone, light and dark: nothing that axe finds, nothing wider than the
 * window, and something to see. With `CAISSON_TEST_SCREENS` the pictures are kept in that directory, for people to
 * look at.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import { Effect, Layer } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import * as Files from "../../src/adapters/usageLedger/Files.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { Job } from "../../src/domain/Job.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import { noStreams, Sandbox } from "../../src/services/Sandbox.ts";
import { type FakeSandbox, fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import {
  ask,
  click,
  type Look,
  openPage,
  shows,
  until,
  violationsOf,
  whyNoBrowser,
  type Window,
  write,
} from "./support/browser.ts";

const keptIn = Deno.env.get("CAISSON_TEST_SCREENS");

/** A chart as a picture: four bars on white. */
const chart = (): Buffer => {
  const [width, height] = [640, 320];
  const tops = [190, 140, 220, 60];
  const isBar = (x: number, y: number): boolean => {
    const top = x < 60 ? undefined : tops[Math.floor((x - 60) / 140)];
    return top !== undefined && (x - 60) % 140 < 90 && y > top && y < 280;
  };
  const rows = Array.from(
    { length: height },
    (_, y) =>
      Buffer.from([
        0,
        ...Array.from({ length: width }, (_, x) => isBar(x, y) ? [15, 106, 115] : [255, 255, 255]).flat(),
      ]),
  );
  const piece = (kind: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    piece("IHDR", header),
    piece("IDAT", deflateSync(Buffer.concat(rows))),
    piece("IEND", Buffer.alloc(0)),
  ]);
};

const job: Job = {
  id: "job-1",
  command: "python3 -m http.server 8000",
  status: "running",
  startedAtMs: Date.now() - 125_000,
};
const printed = 'Serving HTTP on 0.0.0.0 port 8000\n127.0.0.1 - "GET /report.html" 200 -\n';

const mib = 1024 * 1024;

const files: Readonly<Record<string, string | Uint8Array>> = {
  "chart.png": chart(),
  "sales.csv": "quarter,region,total\nQ1,North,9120\nQ2,North,14030\nQ3,South,6100\nQ4,South,22210\n",
  "report/summary.md": "# Sales\n\nThe fourth quarter leads.\n",
  "report/notes.txt": "checked\n",
};

const code = `import csv
from collections import Counter

totals = Counter()
for row in csv.DictReader(open("sales.csv")):
    totals[row["quarter"]] += int(row["total"])
for quarter, total in totals.most_common():
    print(f"{quarter}  {total:>8,}")`;

const answer = `The fourth quarter leads with **22,210**, more than a third of the year.

| Quarter | Total |
|---|---:|
| Q4 | 22,210 |
| Q2 | 14,030 |
| Q1 | 9,120 |
| Q3 | 6,100 |

The chart and the table are in the workspace.`;

/** A sandbox with work in it: commands leave files, a job runs, and something is used. */
const working = () => {
  const { promise: go, resolve: letGo } = Promise.withResolvers<void>();
  const sandbox: FakeSandbox = fakeSandbox(
    ({ command, onOutput }) =>
      Effect.promise(async () => {
        if (command.includes("train")) {
          onOutput?.("stdout", "epoch 1  loss 0.912\nepoch 2  loss 0.577\n");
          onOutput?.("stderr", "warning: no GPU\n");
          await go;
        }
        const [owner] = sandbox.opened;
        assert.ok(owner);
        for (const [name, content] of Object.entries(files)) {
          const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
          sandbox.files.set(`${ownerKey(owner)}:/workspace/${name}`, bytes);
        }
        return command.includes("pytest")
          ? outcome("E   AssertionError: 3 != 4\n1 failed in 0.02s\n", 1)
          : outcome("Q4    22,210\nQ2    14,030\nQ1     9,120\nQ3     6,100\n");
      }),
    undefined,
    {
      use: { memoryBytes: 143 * mib, memoryBytesMax: 1024 * mib, diskBytes: 37 * mib, diskBytesMax: 2048 * mib },
      commands: [{ kind: "shell", command: "python3 train.py --epochs 40", startedAtMs: Date.now() - 8_000 }],
      jobs: [{ ...job, id: "job-0", command: "make all", status: "exited", endedAtMs: Date.now(), exitCode: 2 }, job],
      ofJobs: {
        start: () => Effect.die("not asked for"),
        list: Effect.succeed([job]),
        read: (_id, { offset = 0 }) =>
          Effect.succeed({
            job,
            text: printed.slice(offset),
            offset,
            nextOffset: printed.length,
            totalBytes: printed.length,
          }),
        kill: () => Effect.succeed(job),
      },
    },
  );
  // There are ports to preview, and nobody listens on them.
  const layer = Layer.effect(
    Sandbox,
    Effect.map(Sandbox, (inner) => Sandbox.of({ ...inner, dial: (_owner, port) => noStreams(port) })),
  )
    .pipe(Layer.provide(sandbox.layer));
  return { sandbox: { ...sandbox, layer }, letGo };
};

const call = (id: string, command: string) => Scripted.toolCall(id, "execute_bash", { command });

const steps = () => [
  Scripted.calls(call("a", `python3 -c '${code}'`), call("b", "pytest -q")),
  Scripted.answers(answer),
  Scripted.calls(call("c", "python3 train.py --epochs 40")),
  Scripted.answers("Trained."),
  Scripted.calls(
    call(
      "d",
      "git add report && git commit -m 'Sales of the year' && git push origin main",
    ),
    Scripted.toolCall("e", "write_file", {
      file_path: "/workspace/report/done.txt",
      content: "published\n",
    }),
  ),
];

/** Looks at the screen as it is now. */
const shoot = async ({ page }: Window, look: Look, name: string): Promise<void> => {
  assert.deepEqual(await violationsOf(page), [], name);
  assert.equal(await page.evaluate("document.documentElement.scrollWidth > innerWidth"), false, `${name} is too wide`);
  const picture = await page.screenshot();
  // A window of one colour compresses to next to nothing.
  assert.ok(picture.length > 6_000, `${name}: ${picture.length} bytes`);
  if (keptIn === undefined) return;
  await Deno.mkdir(keptIn, { recursive: true });
  await Deno.writeFile(`${keptIn}/${name}-${look.width}-${look.dark ? "dark" : "light"}.png`, picture);
};

const used = { inputTokens: 30_000, cachedInputTokens: 0, outputTokens: 4_000, reasoningTokens: 0 };

/** A ledger in which a month was worked. */
const ledgerOfMonth = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => Deno.makeTempDir()),
    (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
  );
  const ledger = yield* Files.make(directory);
  for (let day = 1; day < 28; day++) {
    yield* ledger.record({
      atMs: Date.now() - day * 86_400_000,
      principal: "anonymous",
      owner: null,
      model: day % 3 === 0 ? "gemini-3-flash" : "gpt-6-mini",
      turns: 2,
      usage: { ...used, inputTokens: 4_000 + (day * 7_919) % 40_000 },
      usd: 0.02 * (day % 5),
      end: "Stop",
    });
  }
  return ledger;
});

for (const width of [1440, 390]) {
  for (const dark of [false, true]) {
    const look: Look = { width, height: width === 390 ? 844 : 900, dark };
    it.live(
      `page: every screen at ${width}, ${dark ? "dark" : "light"}`,
      () =>
        Effect.gen(function* () {
          const { sandbox, letGo } = working();
          const usageLedger = yield* ledgerOfMonth;
          const window = yield* openPage({
            steps: steps(),
            sandbox,
            usageLedger,
            previews: true,
            settings: {
              previewPort: 0,
              toolsAsk: parseToolRules("Bash(git push *)") ??
                assert.fail("rules"),
            },
          }, look);
          yield* Effect.promise(() => walk(window, look, letGo));
        }),
      { skip: whyNoBrowser() },
    );
  }
}

/** Goes through the screens as somebody who works does. */
const walk = async (window: Window, look: Look, letGo: () => void): Promise<void> => {
  const { page, complaints } = window;
  const isNarrow = look.width < 1101;
  const shot = (name: string) => shoot(window, look, name);
  const panel = async (tab: string) => {
    if (isNarrow && await page.$(".panel") === null) await click(page, "[aria-label='Workspace'][aria-pressed]");
    await click(page, `#tab-${tab}`);
  };
  const close = async () => {
    if (isNarrow) await click(page, "[aria-label='Close the workspace']");
  };
  await shot("01-welcome");
  await ask(page, "Which quarter of `sales.csv` leads? Draw it.");
  await shows(page, "are in the workspace.");
  await until(page, "the files", async () => await page.$(".file-card") !== null);
  await shot("02-thread-end");
  await page.evaluate("document.querySelector('.scroll').scrollTop = 0");
  await shot("03-thread-top");
  await panel("files");
  await until(page, "the tree", async () => await page.$(".panel .tree") !== null);
  await shot("04-files");
  await page.locator(".panel .tree ::-p-text(sales.csv)").click();
  await shows(page, "22210");
  await shot("05-table");
  await click(page, "[aria-label='Back to the files']");
  await panel("timeline");
  await click(page, ".timeline summary");
  await until(page, "the steps", async () => await page.$(".steps") !== null);
  await shot("06-timeline");
  await panel("sandbox");
  await shows(page, "143.0 MB");
  await page.locator(".jobs button[aria-expanded]").click();
  await shows(page, "Serving HTTP");
  await write(page, "[aria-label='Port to preview']", "8000");
  await page.keyboard.press("Enter");
  await shows(page, "Port 8000");
  await shot("07-sandbox");
  const link = String(await page.evaluate("document.querySelector('.job-head a').href"));
  assert.match(link, /^http:\/\//);
  await click(page, "[aria-label='End the preview of port 8000']");
  await until(page, "its end", async () => await page.$(".job-head a") === null);
  await panel("usage");
  await shows(page, "By model");
  await shot("08-usage");
  await close();
  await ask(page, "Now train the model");
  await shows(page, "no GPU");
  await shot("09-live");
  letGo();
  await shows(page, "Trained.");
  await ask(page, "Publish the report");
  await until(
    page,
    "the question",
    async () => await page.$(".ask-buttons") !== null,
  );
  await shot("13-approval");
  if (isNarrow) {
    await click(page, ".top [aria-label='Conversations']");
    await until(page, "the list", async () => await page.$(".with-drawer") !== null);
    // What slides in is looked at where it stands.
    await page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))");
    await shot("10-list");
  }
  await page.locator("[aria-label='Settings']").click();
  await until(page, "the settings", async () => await page.$("dialog[open]") !== null);
  await shot("11-settings");
  await page.keyboard.press("Escape");
  if (isNarrow) await page.keyboard.press("Escape");
  await ask(page, "And once more");
  await until(page, "the failure", async () => await page.$(".notice.bad") !== null);
  await shot("12-failure");
  assert.deepEqual(complaints.filter((said) => !said.includes("500")), []);
};
