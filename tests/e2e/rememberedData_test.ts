/**
 * An analyst's two messages with every part real: a table is loaded, and the next message plots it without loading it
 * again; in chat through the official client, and through MCP with a cell out of time in between.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Logger, Option } from "effect";
import { HttpServer } from "effect/http";
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import OpenAI from "npm:openai@7.57.0";
import { agentApi } from "../../src/app.ts";
import { Settings } from "../../src/config.ts";
import { dataDirectory } from "../support/dataDirectory.ts";
import { skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { start } from "./processes.ts";

const dockerHost = Option.fromUndefinedOr(Deno.env.get("DOCKER_HOST"));

const sales = "month,amount\nJan,10\nFeb,25\nJan,5\nMar,7\n";
const load = "import pandas as pd\ndf = pd.read_csv('sales.csv')\nlen(df)";
const plot = "import matplotlib.pyplot as plt\n" +
  "df.groupby('month', sort=False)['amount'].sum().plot.bar(title='by month')\n" +
  "print(df.groupby('month').amount.sum()['Jan'])";

const pngStart = [0x89, 0x50, 0x4e, 0x47];

/** The one picture that an answer shows, as bytes. */
const pictureIn = async (answer: string, base: string): Promise<Uint8Array> => {
  const [, url = ""] = answer.match(/!\[[^\]]*\]\(([^)\s]+)/) ?? [];
  assert.notEqual(url, "", `no picture in: ${answer}`);
  const response = await fetch(new URL(url, base));
  assert.equal(response.status, 200);
  return await response.bytes();
};

it.live(
  "in chat a table that one message loads is plotted by the next without being loaded again",
  () =>
    Effect.gen(function* () {
      const dataPath = yield* dataDirectory;
      const context = yield* Layer.build(
        agentApi.pipe(
          Layer.provide(Settings.layerWith({ apiPort: 0, dataPath, dockerHost, logLevel: "NONE", sandbox: "docker" })),
          Layer.provide(Logger.layer([])),
        ),
      );
      const { address } = yield* HttpServer.HttpServer.pipe(Effect.provideContext(context));
      const origin = HttpServer.formatAddress(address);
      const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: "none-on-loopback", maxRetries: 0 });
      const messages: Array<OpenAI.ChatCompletionMessageParam> = [];
      const say = (content: string) =>
        Effect.promise(async () => {
          messages.push({ role: "user", content });
          const completion = await client.chat.completions.create(
            { model: "caisson-offline", user: "ada", messages },
            { headers: { "x-session-id": "sales" } },
          );
          const answer = completion.choices[0]?.message.content ?? "";
          messages.push({ role: "assistant", content: answer });
          return answer;
        });
      yield* say(`Write a file sales.csv with the content:\n\`\`\`\n${sales}\`\`\``);
      assert.match(yield* say(`Load this CSV into df, run in a notebook cell:\n\`\`\`python\n${load}\n\`\`\``), /4/);
      // What is gone cannot be loaded again.
      yield* say("Execute this bash command: rm sales.csv");
      const plotted = yield* say(`Plot df by month, run in a notebook cell:\n\`\`\`python\n${plot}\n\`\`\``);
      assert.match(plotted, /\b15\b/);
      assert.doesNotMatch(plotted, /Traceback|NameError|FileNotFound/);
      const picture = yield* Effect.promise(() => pictureIn(plotted, origin));
      assert.deepEqual([...picture.subarray(0, 4)], pngStart);
    }),
  { skip: skipWithoutEngine },
);

/** One call of `execute_python`: what is told, and the media types of the pictures beside it. */
const cell = (client: Client, code: string, timeout = 60) =>
  Effect.promise(async () => {
    const { structuredContent, content } = await client.callTool({
      name: "execute_python",
      arguments: { code, timeout },
    });
    const pictures = Array.isArray(content) ? content.filter(({ type }) => type === "image") : [];
    return { told: JSON.stringify(structuredContent), pictures: pictures.map(({ mimeType }) => mimeType) };
  });

it.live(
  "over MCP a table outlives a cell that ran out of time",
  () =>
    Effect.gen(function* () {
      const engine = Deno.env.get("DOCKER_HOST");
      const running = yield* start("mcp.ts", {
        CAISSON_MCP_PORT: "0",
        CAISSON_SANDBOX: "docker",
        CAISSON_DATA_PATH: yield* dataDirectory,
        ...(engine !== undefined && { DOCKER_HOST: engine }),
      });
      const [port] = yield* running.line(/MCP server listens on http:\/\/127\.0\.0\.1:(\d+)/);
      const client = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const made = new Client({ name: "test", version: "1" });
          const requestInit = { headers: { "x-user-id": "ada" } };
          await made.connect(
            new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`), { requestInit }),
          );
          return made;
        }),
        (made) => Effect.promise(() => made.close()),
      );
      yield* Effect.promise(() =>
        client.callTool({ name: "write_file", arguments: { file_path: "sales.csv", content: sales } })
      );
      assert.match((yield* cell(client, load)).told, /"result":"4"/);
      yield* cell(client, "import os; os.remove('sales.csv')");
      const late = yield* cell(client, "while True: pass", 1);
      assert.match(late.told, /"timed_out":true/);
      assert.doesNotMatch(late.told, /"state_lost":true/);
      const plotted = yield* cell(client, plot);
      assert.match(plotted.told, /"stdout":"15\\n"/);
      assert.doesNotMatch(plotted.told, /"restarted":true|"error"/);
      assert.deepEqual(plotted.pictures, ["image/png"]);
    }),
  { skip: skipWithoutEngine },
);
