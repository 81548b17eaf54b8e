import assert from "node:assert/strict";
import { Deferred, Effect } from "effect";
import { it } from "../support/it.ts";
import { listen, type Listening } from "./support/listening.ts";
import { initialize, jsonHeaders } from "./support/server.ts";

/** Longest wait for what must come at once: a keep-alive that a test would wait for comes later. */
const promptly = () => AbortSignal.timeout(120_000);

const send = (server: Listening, init: RequestInit, headers: Record<string, string>) =>
  Effect.promise(() => fetch(server.url, { ...init, headers: { ...jsonHeaders, ...headers }, signal: promptly() }));

const open = (server: Listening) =>
  Effect.gen(function* () {
    const response = yield* send(server, { method: "POST", body: initialize }, {});
    yield* Effect.promise(() => response.text());
    return {
      "mcp-session-id": response.headers.get("mcp-session-id") ?? assert.fail(),
      "mcp-protocol-version": "2025-11-25",
    };
  });

const call = (command: string) =>
  JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "execute_bash", arguments: { command } },
  });

/** Reads a stream until it says something that matches. */
const readUntil = (reader: ReadableStreamDefaultReader<string>, wanted: RegExp) =>
  Effect.promise(async () => {
    let text = "";
    while (!wanted.test(text)) {
      const { done, value } = await reader.read();
      if (done) assert.fail(`the stream ended without ${wanted}: ${text}`);
      text += value;
    }
    return text;
  });

const readerOf = (response: Response) =>
  (response.body ?? assert.fail()).pipeThrough(new TextDecoderStream()).getReader();

it.live("/mcp sends the head of a stream at once, long before there is an event", () =>
  Effect.gen(function* () {
    const server = yield* listen({ settings: { keepAliveSeconds: 600 } });
    const session = yield* open(server);
    const standing = yield* send(server, { method: "GET" }, session);
    assert.equal(standing.status, 200);
    assert.equal(standing.headers.get("content-type"), "text/event-stream");
    // Before 2025-11-25 a stream has no event that primes it.
    const older = { ...session, "mcp-protocol-version": "2025-06-18" };
    const hanging = yield* send(server, { method: "POST", body: call("hang") }, older);
    assert.equal(hanging.status, 200);
    for (const { body } of [standing, hanging]) yield* Effect.promise(() => body?.cancel() ?? Promise.resolve());
  }));

it.live("/mcp hands a stream over to the client that resumes it, though its old connection looks open", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    const session = yield* open(server);
    const old = readerOf(yield* send(server, { method: "POST", body: call("wait") }, session));
    const [, lastId = ""] = /^id: (\S+)/m.exec(yield* readUntil(old, /^id: \S+/m)) ?? [];
    const resumed = yield* send(server, { method: "GET" }, { ...session, "last-event-id": lastId });
    assert.equal(resumed.status, 200);
    server.toolbox.proceed.openUnsafe();
    assert.match(yield* readUntil(readerOf(resumed), /"result"/), /"id":1/);
    assert.equal((yield* Effect.promise(() => old.read())).done, true);
  }));

it.live("/mcp gives the standing stream to the connection that asked last", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    const session = yield* open(server);
    const old = yield* send(server, { method: "GET" }, session);
    const fresh = yield* send(server, { method: "GET" }, session);
    assert.equal(fresh.status, 200);
    assert.equal(yield* Effect.promise(() => old.text()), "");
    yield* Effect.promise(() => fresh.body?.cancel() ?? Promise.resolve());
  }));

it.live("/mcp refuses to resume after an event that is not kept", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    const session = yield* open(server);
    const response = yield* send(server, { method: "GET" }, { ...session, "last-event-id": "nothing_1" });
    assert.equal(response.status, 400);
    assert.match((yield* Effect.promise(() => response.json())).error.message, /resumed/);
  }));

it.live("a server that stops answers the calls that run before it closes their connections", () =>
  Effect.gen(function* () {
    const server = yield* listen({ settings: { shutdownGraceSeconds: 0 } });
    const session = yield* open(server);
    const running = yield* send(server, { method: "POST", body: call("hang") }, session);
    yield* Deferred.await(server.toolbox.hanging);
    yield* server.stop;
    const text = yield* Effect.promise(() => running.text());
    const [, data = ""] = /^data: (\{.*)$/m.exec(text) ?? [];
    const { id, error } = JSON.parse(data);
    assert.equal(id, 1);
    assert.match(error.message, /session ended while this ran/);
    yield* Deferred.await(server.toolbox.interrupted);
  }));
