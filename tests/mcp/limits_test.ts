import assert from "node:assert/strict";
import { Effect } from "effect";
import { it } from "../support/it.ts";
import { initialize, keyed, makeServer, post, type TestServer } from "./support/server.ts";

const call = (id: number) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: "execute_bash", arguments: { command: "true" } },
});

const headersOf = (key: string, user: string) => ({ authorization: `Bearer ${key}`, "x-user-id": user });

const open = async (server: TestServer, headers: Record<string, string>) => {
  const response = await post(server, initialize, headers);
  await response.body?.cancel();
  return { ...headers, "mcp-session-id": response.headers.get("mcp-session-id") ?? assert.fail() };
};

it.live("/mcp answers 429 to tool calls over a principal's limit and serves everything else", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ settings: { requestsPerMinute: 2 }, identity: keyed });
    yield* Effect.promise(async () => {
      const session = await open(server, headersOf("key-a", "u"));
      const other = await open(server, headersOf("key-a", "v"));
      for (const headers of [session, other]) {
        const response = await post(server, JSON.stringify(call(1)), headers);
        assert.equal(response.status, 200);
        await response.text();
      }
      const refused = await post(server, JSON.stringify(call(2)), session);
      assert.equal(refused.status, 429);
      assert.ok(Number(refused.headers.get("retry-after")) >= 1);
      const { id, error } = await refused.json();
      assert.equal(id, 2);
      assert.match(error.message, /2 requests per minute/);
      const listed = await post(server, JSON.stringify({ jsonrpc: "2.0", id: 3, method: "tools/list" }), session);
      assert.equal(listed.status, 200);
      await listed.text();
      const free = await post(server, JSON.stringify(call(1)), await open(server, headersOf("key-b", "u")));
      assert.equal(free.status, 200);
      await free.text();
    });
  }));
