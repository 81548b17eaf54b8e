/**
 * Files of a run, from the sandbox that made them to the browser that opens their link: the whole HTTP
 * application with a model that plays the steps, and real containers.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Effect, Layer } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { layer as dockerLayer } from "../../src/adapters/sandbox/docker/Docker.ts";
import { makeId } from "../../src/domain/ids.ts";
import { Sandbox } from "../../src/services/Sandbox.ts";
import { makeApp } from "../support/app.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";

const bash = (id: string, command: string) => Scripted.toolCall(id, "execute_bash", { command });

/** "Create a CSV with ten rows of sales data, total it with pandas, draw a bar chart, show me", and a long download. */
const steps = [
  Scripted.calls(
    bash(
      "c1",
      "echo region,amount > sales.csv; for i in $(seq 0 9); do echo $((i % 2)),$((i * 10)) >> sales.csv; done",
    ),
    bash("c2", `python3 -c 'import pandas; print(pandas.read_csv("sales.csv").amount.sum())'`),
    bash(
      "c3",
      `python3 -c 'import pandas, charts; charts.bar(pandas.read_csv("sales.csv").groupby("region", as_index=False).sum(), "region", "amount", "/workspace/sales.png", "Sales")'`,
    ),
    bash("c4", "sha256sum sales.png | cut -c1-64"),
    bash(
      "c5",
      "cat /skills/data-analysis/SKILL.md | head -2; python3 /skills/data-analysis/scripts/profile.py sales.csv",
    ),
  ),
  Scripted.answers("The total is 450."),
  Scripted.calls(bash("d1", "head -c 50000000 /dev/urandom > big.bin; sha256sum big.bin | cut -c1-64")),
  Scripted.answers("Done."),
];

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

it.live("a chart made in a container opens by its link without a key, byte for byte", () =>
  Effect.gen(function* () {
    const user = makeId("user");
    const sandbox = yield* Layer.build(
      Layer.orDie(dockerLayer.pipe(Layer.provide(engineSettings({ toolsPath: "./tools", skillsPath: "./skills" })))),
    );
    const app = makeApp({ steps, sandbox: { ...fakeSandbox(), layer: Layer.succeedContext(sandbox) } });
    yield* Effect.addFinalizer(() =>
      Effect.promise(() => app.dispose()).pipe(
        Effect.andThen(Effect.flatMap(Sandbox, ({ reset }) =>
          Effect.ignore(reset({ principal: "anonymous", user, ephemeral: false })))),
        Effect.provideContext(sandbox),
      )
    );
    yield* Effect.promise(async () => {
      const ask = async (content: string): Promise<string> => {
        const response = await app.chat({ model: "scripted", user, messages: [{ role: "user", content }] });
        return (await response.json()).choices[0].message.content;
      };
      const open = async (url: string, headers: Record<string, string> = {}) => {
        const { pathname, search } = new URL(url);
        const response = await app.get(`${pathname}${search}`, headers);
        return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
      };
      const content = await ask(
        "Create a CSV with ten rows of sales data, total it with pandas, draw a bar chart, show me",
      );
      assert.match(content, /\n450\n/);
      assert.match(content, /name: data-analysis[\s\S]*10 rows, 2 columns[\s\S]*Nothing looks wrong/);
      const image = await open(/!\[sales\.png\]\((\S+)\)/.exec(content)?.[1] ?? assert.fail(content));
      assert.equal(image.response.headers.get("content-type"), "image/png");
      assert.ok(content.includes(sha256(image.bytes)), "the container and the browser see the same bytes");
      assert.match(content, /\[sales\.csv\]\(\S+\) \(\d+ B\)/);

      const large = await ask("Make something large");
      const link = /\[big\.bin\]\((\S+)\)/.exec(large)?.[1] ?? assert.fail(large);
      const first = await open(link, { range: "bytes=0-19999999" });
      const rest = await open(link, { range: "bytes=20000000-", "if-range": first.response.headers.get("etag") ?? "" });
      assert.deepEqual([first.response.status, rest.response.status], [206, 206]);
      const hash = createHash("sha256").update(first.bytes).update(rest.bytes).digest("hex");
      assert.ok(large.includes(hash), "the two halves are the file");
    });
  }), { skip: skipWithoutEngine });
