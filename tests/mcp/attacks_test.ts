import assert from "node:assert/strict";
import type { Unnamed } from "../../src/domain/identity.ts";
import { Effect } from "effect";
import { it } from "../support/it.ts";
import { initialize, jsonHeaders, keyed, makeServer, post, type TestServer } from "./support/server.ts";

const listTools = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });

const open = (server: TestServer, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await post(server, initialize, headers);
    await response.body?.cancel();
    assert.equal(response.status, 200);
    return response.headers.get("mcp-session-id") ?? "";
  });

const refused = (response: Response) =>
  Effect.promise(async () => {
    const body = await response.json();
    assert.equal(body.jsonrpc, "2.0");
    return { status: response.status, code: body.error.code, message: body.error.message, data: body.error.data };
  });

const sessions = (server: TestServer) =>
  Effect.promise(async () => (await (await server.fetch("/health")).json()).sessions as number);

it.live("/mcp refuses a foreign or missing host and a foreign origin, and takes loopback under any port", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({
      settings: { mcpAllowedHosts: "mcp-server", mcpAllowedOrigins: "https://ui.example" },
    });
    const status = (headers: Record<string, string>) =>
      Effect.promise(async () => {
        const response = await post(server, initialize, headers);
        await response.body?.cancel();
        return response.status;
      });
    for (
      const host of ["evil.example", "evil.example:8989", "127.0.0.1.evil.example", "localhost.evil.example", "@", ""]
    ) {
      assert.equal(yield* status({ host }), 403, host);
    }
    for (
      const origin of [
        "https://evil.example",
        "http://localhost.evil.example",
        "null",
        "file://",
        "https://ui.example.evil",
      ]
    ) {
      assert.equal(yield* status({ origin }), 403, origin);
    }
    for (const host of ["localhost:1", "[::1]:8989", "mcp-server:8989", "MCP-SERVER"]) {
      assert.equal(yield* status({ host }), 200, host);
    }
    for (const origin of ["http://127.0.0.1:6274", "http://localhost", "https://ui.example"]) {
      assert.equal(yield* status({ origin }), 200, origin);
    }
  }));

it.live("/mcp answers 404 to another caller's session id, whatever the difference", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ identity: keyed });
    const alice = { authorization: "Bearer key-a", "x-user-id": "alice" };
    const id = yield* open(server, alice);
    const thieves = [
      { authorization: "Bearer key-a", "x-user-id": "bob" },
      { authorization: "Bearer key-a" },
      { authorization: "Bearer key-b", "x-user-id": "alice" },
    ];
    for (const thief of thieves) {
      for (const method of ["POST", "GET", "DELETE"]) {
        const response = yield* Effect.promise(() =>
          server.fetch("/mcp", {
            method,
            headers: { ...jsonHeaders, ...thief, "mcp-session-id": id },
            ...(method === "POST" && { body: listTools }),
          })
        );
        assert.deepEqual(yield* refused(response), {
          status: 404,
          code: -32001,
          message: "Session not found",
          data: undefined,
        });
      }
    }
    const own = yield* Effect.promise(() => post(server, listTools, { ...alice, "mcp-session-id": id }));
    assert.equal(own.status, 200);
    yield* Effect.promise(() => own.text());
  }));

it.live("/mcp keeps a session of a caller without a name from callers with one", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const id = yield* open(server);
    const named = yield* Effect.promise(() => post(server, listTools, { "mcp-session-id": id, "x-user-id": "bob" }));
    assert.equal((yield* refused(named)).status, 404);
    const own = yield* Effect.promise(() => post(server, listTools, { "mcp-session-id": id }));
    assert.equal(own.status, 200);
    yield* Effect.promise(() => own.text());
  }));

it.live("/mcp asks CAISSON_UNNAMED whose a caller without a name is, as chat does", () =>
  Effect.gen(function* () {
    const key = { authorization: "Bearer key-a" };
    const owners = Effect.fnUntraced(function* (unnamed: Unnamed, headers: Record<string, string>) {
      const server = yield* makeServer({ settings: { unnamed }, ...(headers === key && { identity: keyed }) });
      for (let times = 0; times < 2; times++) {
        const id = yield* open(server, headers);
        yield* Effect.promise(async () => (await post(server, listTools, { ...headers, "mcp-session-id": id })).text());
      }
      const [first, second] = server.toolbox.opened;
      return { isLasting: first?.ephemeral === false, isOne: first?.user === second?.user };
    });
    for (const headers of [key, {}]) {
      assert.deepEqual(yield* owners("conversation", headers), { isLasting: false, isOne: false });
      assert.deepEqual(yield* owners("request", headers), { isLasting: false, isOne: false });
      assert.deepEqual(yield* owners("key", headers), { isLasting: true, isOne: true });
    }
  }));

it.live("/health of the MCP server tells how late its event loop was", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const health = yield* Effect.promise(async () => (await server.fetch("/health")).json());
    assert.deepEqual(health.event_loop, { lag_ms: 0, worst_ms: 0 });
  }));

it.live("/mcp answers 401 without a valid credential when credentials are configured", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ identity: keyed });
    for (const headers of [{}, { authorization: "Bearer wrong" }, { "x-user-id": "alice" }]) {
      const response = yield* Effect.promise(() => post(server, initialize, headers));
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
      assert.equal((yield* refused(response)).status, 401);
    }
    assert.equal(yield* sessions(server), 0);
  }));

it.live("/mcp refuses an unusable user name before anything is keyed by it, whichever header names it", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    for (const header of ["x-user-id", "x-openwebui-user-id"]) {
      const response = yield* Effect.promise(() => post(server, initialize, { [header]: "a".repeat(10_000) }));
      const { status, message } = yield* refused(response);
      assert.equal(status, 400);
      assert.match(message, new RegExp(header));
    }
  }));

it.live("/mcp knows the users of a chat UI by its header, as the agent API does", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const call = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "execute_bash", arguments: { command: "true" } },
    });
    const uses = [
      { "x-openwebui-user-id": "ada" },
      { "x-openwebui-user-id": "ada", "x-user-id": "{{USER_ID}}" },
      { "x-openwebui-user-id": "ada", "x-user-id": "bob" },
      { "x-user-id": "bob", "x-caisson-ephemeral": "true" },
    ];
    for (const headers of uses) {
      const id = yield* open(server, headers);
      const response = yield* Effect.promise(() => post(server, call, { ...headers, "mcp-session-id": id }));
      yield* Effect.promise(() => response.text());
    }
    const [ada, template, bob, once] = server.toolbox.opened;
    assert.deepEqual([ada?.user, template?.user, bob?.user], ["ada", "ada", "bob"]);
    // A one-request user is never the lasting one of that name: its sandbox ends with all its files.
    assert.equal(once?.ephemeral, true);
    assert.notEqual(once?.user, "bob");
  }));

it.live("/mcp refuses bodies over the limit, declared or not", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ settings: { bodyBytesMax: 2048 } });
    const long = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: { pad: "x".repeat(4096) } });
    const declared = yield* Effect.promise(() => post(server, long));
    const streamed = yield* Effect.promise(() =>
      server.fetch("/mcp", { method: "POST", headers: jsonHeaders, body: new Blob([long]).stream() })
    );
    for (const response of [declared, streamed]) {
      const { status, message } = yield* refused(response);
      assert.equal(status, 413);
      assert.match(message, /2048/);
    }
  }));

it.live("/mcp refuses what is not JSON-RPC, and leaves no session behind", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const codeOf = (body: string, headers: Record<string, string> = {}) =>
      Effect.flatMap(Effect.promise(() => post(server, body, headers)), refused);
    for (const body of ["", "{", "[1,", "\u0000", "nul"]) assert.equal((yield* codeOf(body)).code, -32700, body);
    for (
      const body of ["{}", "1", "null", '"x"', '{"jsonrpc":"1.0","method":"initialize"}', '{"method":"initialize"}']
    ) {
      assert.equal((yield* codeOf(body)).code, -32600, body);
    }
    assert.equal((yield* codeOf(listTools)).status, 400);
    assert.equal((yield* codeOf(`[${initialize}]`)).status, 400);
    assert.equal((yield* codeOf('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}')).status, 400);
    assert.equal((yield* codeOf(initialize, { accept: "application/json" })).status, 406);
    assert.equal((yield* codeOf(initialize, { "content-type": "text/plain" })).status, 415);
    assert.equal(yield* sessions(server), 0);
    const id = yield* open(server);
    for (const body of ["{}", "[]", '{"jsonrpc":"2.0","id":{},"method":"x"}']) {
      const response = yield* Effect.promise(() => post(server, body, { "mcp-session-id": id }));
      assert.ok(response.status === 400 || response.status === 202, `${body} ${response.status}`);
      yield* Effect.promise(() => response.text());
    }
    const many = yield* codeOf(`[${Array.from({ length: 101 }, () => listTools).join(",")}]`, { "mcp-session-id": id });
    assert.equal(many.status, 400);
  }));

it.live("/mcp refuses other methods and requests outside a session", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const statusOf = (method: string, headers: Record<string, string> = {}) =>
      Effect.flatMap(
        Effect.promise(() => server.fetch("/mcp", { method, headers: { ...jsonHeaders, ...headers } })),
        refused,
      );
    assert.equal((yield* statusOf("PUT")).status, 405);
    assert.equal((yield* statusOf("GET")).status, 400);
    assert.equal((yield* statusOf("DELETE")).status, 400);
    assert.equal((yield* statusOf("GET", { "mcp-session-id": "mcp-guess" })).status, 404);
  }));

it.live("/mcp refuses a later revision in a way that lets every client fall back to initialize", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const envelope = JSON.stringify({
      jsonrpc: "2.0",
      id: 7,
      method: "server/discover",
      params: { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } },
    });
    const byBody = yield* Effect.flatMap(Effect.promise(() => post(server, envelope)), refused);
    const byHeader = yield* Effect.flatMap(
      Effect.promise(() => post(server, listTools, { "mcp-protocol-version": "2026-07-28" })),
      refused,
    );
    for (const { status, code, data, message } of [byBody, byHeader]) {
      assert.equal(status, 400);
      // -32022, the later revision's own code, would forbid the client to fall back.
      assert.equal(code, -32601);
      assert.equal(data, undefined);
      assert.match(message, /2025-11-25/);
    }
  }));

it.live("/mcp refuses initializes over the cap of a caller, and the table does not grow", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ settings: { mcpSessionsPerOwnerMax: 8 } });
    const statuses = new Map<number, number>();
    for (let n = 0; n < 10_000; n++) {
      const response = yield* Effect.promise(() => post(server, initialize));
      yield* Effect.promise(() => response.body?.cancel() ?? Promise.resolve());
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }
    assert.deepEqual([...statuses], [[200, 8], [429, 9992]]);
    assert.equal(yield* sessions(server), 8);
  }));

it.live("/mcp keeps a principal to its share, however many users it names, and others find room", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ settings: { mcpSessionsMax: 8 }, identity: keyed });
    const first = { authorization: "Bearer key-a", "x-user-id": "user-0" };
    const oldest = yield* open(server, first);
    const bob = { authorization: "Bearer key-b", "x-user-id": "bob" };
    const kept = yield* open(server, bob);
    for (let n = 1; n < 40; n++) yield* open(server, { ...first, "x-user-id": `user-${n}` });
    assert.equal(yield* sessions(server), 7);
    // The flood took the place of its own oldest session, and of nobody else's.
    const gone = yield* Effect.promise(() => post(server, listTools, { ...first, "mcp-session-id": oldest }));
    assert.equal((yield* refused(gone)).status, 404);
    const own = yield* Effect.promise(() => post(server, listTools, { ...bob, "mcp-session-id": kept }));
    assert.equal(own.status, 200);
    yield* Effect.promise(() => own.text());
  }));

it.live("/mcp answers 429 when none of a principal's sessions is idle", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ settings: { mcpSessionsMax: 4 } });
    for (let n = 0; n < 3; n++) {
      const user = { "x-user-id": `user-${n}` };
      const id = yield* open(server, user);
      const stream = yield* Effect.promise(() =>
        server.fetch("/mcp", { headers: { ...jsonHeaders, ...user, "mcp-session-id": id } })
      );
      assert.equal(stream.status, 200);
      yield* Effect.addFinalizer(() => Effect.promise(() => stream.body?.cancel() ?? Promise.resolve()));
    }
    const { status, message } = yield* Effect.flatMap(
      Effect.promise(() => post(server, initialize, { "x-user-id": "user-3" })),
      refused,
    );
    assert.equal(status, 429);
    assert.match(message, /none of them is idle/);
  }));

it.live("/mcp without keys refuses what a page of another site sends, whatever it asks", () =>
  Effect.gen(function* () {
    const open = yield* makeServer({ settings: { mcpAllowedOrigins: "https://ui.example" } });
    const statusOf = (server: TestServer, path: string, method: string, headers: Record<string, string>) =>
      Effect.promise(async () => {
        const response = await server.fetch(path, { method, headers: { ...jsonHeaders, ...headers } });
        await response.body?.cancel();
        return response.status;
      });
    const image = { "sec-fetch-site": "cross-site" };
    for (const [path, method] of [["/mcp", "GET"], ["/mcp", "POST"], ["/mcp", "DELETE"], ["/skills", "GET"]] as const) {
      assert.equal(yield* statusOf(open, path, method, image), 403, `${method} ${path}`);
      assert.equal(yield* statusOf(open, path, method, { origin: "https://evil.example" }), 403);
    }
    assert.equal(yield* statusOf(open, "/skills", "GET", { ...image, origin: "https://ui.example" }), 200);
    assert.equal(yield* statusOf(open, "/skills", "GET", { "sec-fetch-site": "none" }), 200);
  }));

it.live("/register tells a client that looks for OAuth that keys are wanted", () =>
  Effect.gen(function* () {
    const keyedServer = yield* makeServer({ identity: keyed });
    const answer = yield* Effect.promise(() => keyedServer.fetch("/register", { method: "POST", body: "{}" }));
    assert.equal(answer.status, 400);
    const body = yield* Effect.promise(() => answer.json());
    assert.equal(body.error, "invalid_request");
    assert.match(body.error_description, /API keys.*Authorization: Bearer KEY/);
    const keyless = yield* makeServer();
    const none = yield* Effect.promise(() => keyless.fetch("/register", { method: "POST", body: "{}" }));
    assert.equal(none.status, 404);
  }));

it.live("/mcp takes wildcards for the two types of its answers", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const statusOf = (accept: string) =>
      Effect.promise(async () => {
        const response = await post(server, initialize, { accept });
        await response.body?.cancel();
        return response.status;
      });
    for (
      const accept of ["*/*", "text/event-stream, application/*", "text/html, */*;q=0.8", "Text/*, Application/JSON"]
    ) {
      assert.equal(yield* statusOf(accept), 200, accept);
    }
    for (const accept of ["text/html", "application/json", "text/*", "image/*"]) {
      assert.equal(yield* statusOf(accept), 406, accept);
    }
  }));

it.live("/mcp frees the place of a session that its caller deletes", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ settings: { mcpSessionsPerOwnerMax: 1 } });
    const id = yield* open(server);
    assert.equal((yield* Effect.flatMap(Effect.promise(() => post(server, initialize)), refused)).status, 429);
    const deleted = yield* Effect.promise(() =>
      server.fetch("/mcp", { method: "DELETE", headers: { "mcp-session-id": id } })
    );
    assert.equal(deleted.status, 200);
    yield* open(server);
    const gone = yield* Effect.promise(() => post(server, listTools, { "mcp-session-id": id }));
    assert.equal((yield* refused(gone)).status, 404);
  }));
