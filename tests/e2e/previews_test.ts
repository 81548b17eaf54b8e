/**
 * Web servers in sandboxes, seen in a real browser: the MCP server as a process, three users, one browser.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Effect } from "effect";
import type { Page } from "npm:puppeteer-core@25.16.0";
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { dataDirectory } from "../support/dataDirectory.ts";
import { skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { start } from "./processes.ts";
import { chromium, newPage, withoutBrowser } from "./support/chromium.ts";

const withoutBubblewrap = existsSync("/usr/bin/bwrap") ? undefined : "no bubblewrap: WebAssembly has no ports";

const users = ["ada", "bob", "cleo"] as const;

const connect = (url: string, user: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ name: "test", version: "1" });
      const requestInit = { headers: { "x-user-id": user } };
      await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
      return client;
    }),
    // The server may be gone by then.
    (client) => Effect.ignore(Effect.tryPromise(() => client.close())),
  );

const call = async (client: Client, name: string, args: Record<string, unknown>): Promise<Record<string, unknown>> => {
  const { structuredContent, isError, content } = await client.callTool({ name, arguments: args });
  assert.ok(
    isError !== true && typeof structuredContent === "object" && structuredContent !== null,
    JSON.stringify(content),
  );
  return { ...structuredContent };
};

/** Times that a server is asked for which may not listen yet. */
const publishTriesMax = 10_000;

/** A user's site: a page with a script of its own, served by Python as a background job; yields its link. */
const publish = async (client: Client, user: string): Promise<string> => {
  await call(client, "write_file", {
    file_path: "site/index.html",
    content: `<!doctype html><title>${user}</title><p id="who"></p><script src="/who.js"></script>`,
  });
  await call(client, "write_file", {
    file_path: "site/who.js",
    content: `document.cookie = "owner=${user}; domain=localhost"; document.cookie = "owner=${user}";
      localStorage.owner = (localStorage.owner ?? "") + "${user}";
      who.textContent = "site of ${user}: " + document.cookie + " " + localStorage.owner;`,
  });
  const job = await call(client, "execute_bash", {
    command: "exec python3 -m http.server 8000 --bind 127.0.0.1 -d site",
    background: true,
  });
  assert.equal(job["status"], "running");
  for (let tries = 0; tries < publishTriesMax; tries++) {
    const told = await client.callTool({ name: "preview_port", arguments: { port: 8000 } });
    if (told.structuredContent !== undefined) return String(Object(told.structuredContent)["url"]);
    // As the tool says: a server that does not listen yet is asked for again.
    assert.match(JSON.stringify(told.content), /nothing listens/);
  }
  return assert.fail("the server never listened");
};

const evaluated = async (page: Page, expression: string): Promise<unknown> => await page.evaluate(expression);

for (const [sandbox, skip] of [["embedded", withoutBubblewrap], ["docker", skipWithoutEngine]] as const) {
  it.live(
    `three users look at their sites at once, in ${sandbox} sandboxes, until the server ends`,
    () =>
      Effect.gen(function* () {
        const dataPath = yield* dataDirectory;
        // When the server is root, sandboxes of bubblewrap run as users who must reach their workspace.
        yield* Effect.promise(() => Deno.chmod(dataPath, 0o711));
        const engine = Deno.env.get("DOCKER_HOST");
        const running = yield* start("mcp.ts", {
          CAISSON_MCP_PORT: "0",
          CAISSON_PREVIEW_PORT: "0",
          CAISSON_SANDBOX: sandbox,
          CAISSON_DATA_PATH: dataPath,
          ...(sandbox === "docker" && engine !== undefined && { DOCKER_HOST: engine }),
        });
        const [port] = yield* running.line(/MCP server listens on http:\/\/127\.0\.0\.1:(\d+)/);
        const clients = yield* Effect.forEach(users, (user) => connect(`http://127.0.0.1:${port}/mcp`, user));
        const browser = yield* chromium;
        const links = yield* Effect.promise(() =>
          Promise.all(clients.map((client, at) => publish(client, users[at] ?? "")))
        );
        yield* Effect.promise(async () => {
          assert.equal(new Set(links.map((link) => new URL(link).host)).size, users.length);
          const pages = await Promise.all(links.map(async (link) => {
            const page = await newPage(browser);
            const response = await page.goto(link, { waitUntil: "networkidle2" });
            assert.equal(response?.headers()["cache-control"], "no-store");
            return page;
          }));
          for (const [at, page] of pages.entries()) {
            const user = users[at];
            // One cookie and one storage each, although all of them are pages of one machine.
            assert.equal(await evaluated(page, "who.textContent"), `site of ${user}: owner=${user} ${user}`);
            const foreign = `fetch("http://127.0.0.1:${port}/mcp").then(() => "reached", () => "refused")`;
            assert.equal(await evaluated(page, foreign), "refused");
            await page.reload({ waitUntil: "networkidle2" });
            assert.equal(await evaluated(page, "who.textContent"), `site of ${user}: owner=${user} ${user}${user}`);
          }
        });
        yield* running.stop;
        yield* Effect.promise(async () => {
          for (const link of links) {
            await assert.rejects((await newPage(browser)).goto(link), /ERR_CONNECTION_REFUSED/);
          }
        });
      }),
    { skip: skip ?? withoutBrowser },
  );
}
