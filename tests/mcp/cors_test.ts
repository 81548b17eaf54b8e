/**
 * Pages of the origins that an operator allows call the MCP server from a browser, and no others.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { it } from "../support/it.ts";
import { initialize, jsonHeaders, makeServer, type TestServer } from "./support/server.ts";

const page = "https://ui.example";

/** What a browser asks before it lets a page send JSON with a key. */
const preflight = (server: TestServer, origin: string) =>
  Effect.promise(() =>
    server.fetch("/mcp", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,mcp-protocol-version,mcp-session-id",
      },
    })
  );

const begin = (server: TestServer, origin: string) =>
  Effect.promise(async () => {
    const response = await server.fetch("/mcp", {
      method: "POST",
      headers: { ...jsonHeaders, origin },
      body: initialize,
    });
    await response.body?.cancel();
    return response;
  });

const allowed = ({ headers }: Response) => headers.get("access-control-allow-origin");

it.live("a page of an allowed origin is let in, and reads the id of its session", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ settings: { mcpAllowedOrigins: `${page},https://other.example` } });
    const asked = yield* preflight(server, page);
    assert.deepEqual([asked.status, allowed(asked)], [204, page]);
    assert.match(asked.headers.get("access-control-allow-headers") ?? "", /mcp-session-id/);
    assert.match(asked.headers.get("access-control-allow-methods") ?? "", /DELETE/);
    const begun = yield* begin(server, page);
    assert.deepEqual([begun.status, allowed(begun)], [200, page]);
    assert.match(begun.headers.get("access-control-expose-headers") ?? "", /mcp-session-id/);
    const foreign = yield* begin(server, "https://evil.example");
    assert.deepEqual([foreign.status, allowed(foreign)], [403, null]);
    assert.equal(allowed(yield* preflight(server, "https://evil.example")), null);
  }));

it.live("without the setting a browser lets no page of another origin in, not even one of this machine", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    for (const origin of [page, "http://localhost:3000"]) {
      const asked = yield* preflight(server, origin);
      assert.ok(asked.status >= 400, String(asked.status));
      assert.equal(allowed(asked), null);
    }
  }));
