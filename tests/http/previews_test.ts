/**
 * Previews over real sockets: what visitors get, what programs see, and what is left of either.
 *
 * The sandbox is this machine's loopback, so that everything above `dial` is what users have.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Context, Duration, Effect, Exit, Fiber, Layer, Logger, Option, Schedule, Scope } from "effect";
import { TestClock } from "effect/testing";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { streamsPerOwnerMax } from "../../src/http/preview/OwnerStreams.ts";
import { layerWith } from "../../src/http/preview/layer.ts";
import { type VisitWaits, visitWaits } from "../../src/http/preview/visit.ts";
import { Previews, type PreviewsService } from "../../src/services/Previews.ts";
import { withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { loopbackSandbox } from "../support/loopbackSandbox.ts";

// Arrange ----------------------------------------------------------------------------------------

/** Nobody reads the log lines. */
const test = it.layer(Logger.layer([]));

const owner = (user: string): Owner => ({ principal: "p", user, ephemeral: false });
const ada = owner("ada");
const bob = owner("bob");

/** Previews over a loopback sandbox on which ada's and bob's sandboxes run. */
const previewing = Effect.fnUntraced(function* (
  changes: Partial<SettingsService> = {},
  waits: Partial<VisitWaits> = {},
) {
  const sandbox = loopbackSandbox([ada, bob]);
  const scope = yield* Scope.fork(yield* Effect.scope);
  const context = yield* Layer.build(
    layerWith({ ...visitWaits, ...waits }).pipe(
      Layer.provide(sandbox.layer),
      Layer.provide(Settings.layerWith({ previewPort: 0, ...changes })),
      Layer.provideMerge(Logger.layer([])),
    ),
  ).pipe(Scope.provide(scope));
  const previews = Context.get(context as Context.Context<never>, Previews);
  return { previews, sandbox, close: Scope.close(scope, Exit.void) };
});

/** Where a preview is reached: its host, and the port that serves it. */
const placeOf = (url: string) => {
  const { host, port } = new URL(url);
  return { host, port: Number(port) };
};

const opened = (previews: PreviewsService, port: number, whose = ada) =>
  Effect.map(previews.open(whose, port), ({ url }) => placeOf(url));

const connected = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(() => Deno.connect({ hostname: "127.0.0.1", port })),
    (socket) =>
      Effect.sync(() => {
        try {
          socket.close();
        } catch {
          // The test has closed it.
        }
      }),
  );

const readAll = async (socket: Deno.TcpConn, until = Number.POSITIVE_INFINITY): Promise<Uint8Array> => {
  const parts: Array<Uint8Array> = [];
  const buffer = new Uint8Array(64 * 1024);
  let length = 0;
  while (length < until) {
    const count = await socket.read(buffer).catch(() => null);
    if (count === null) break;
    parts.push(buffer.slice(0, count));
    length += count;
  }
  return Buffer.concat(parts);
};

const writeAll = async (socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
};

const text = (content: string) => new TextEncoder().encode(content);

interface Told {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const split = (bytes: Uint8Array): Told => {
  const all = Buffer.from(bytes).toString("latin1");
  const end = all.indexOf("\r\n\r\n");
  return { status: Number(all.slice(9, 12)), head: all.slice(0, Math.max(0, end)), body: all.slice(end + 4) };
};

/** Sends one request and reads until the end. */
const ask = (place: { readonly host: string; readonly port: number }, lines: ReadonlyArray<string>, body = "") =>
  Effect.scoped(Effect.gen(function* () {
    const socket = yield* connected(place.port);
    const head = [lines[0] ?? "GET / HTTP/1.1", `Host: ${place.host}`, ...lines.slice(1)];
    return split(
      yield* Effect.promise(async () => {
        await writeAll(socket, text(`${head.join("\r\n")}\r\n\r\n${body}`));
        return await readAll(socket);
      }),
    );
  }));

/** A program that serves HTTP; yields its port. */
const program = (handler: (request: Request) => Response | Promise<Response>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const ending = new AbortController();
        const options = { hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: ending.signal };
        return { ending, server: Deno.serve(options, handler) };
      }),
      ({ ending, server }) =>
        Effect.promise(() => {
          ending.abort();
          return server.finished;
        }),
    ),
    ({ server }) => server.addr.port,
  );

/** A program that does with each connection what it is told; yields its port. */
const rawProgram = (serve: (socket: Deno.TcpConn) => Promise<void>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
        const sockets: Array<Deno.TcpConn> = [];
        const accepting = (async () => {
          for await (const socket of listener) {
            sockets.push(socket);
            void serve(socket).catch(() => {});
          }
        })();
        return { listener, sockets, accepting };
      }),
      ({ listener, sockets, accepting }) =>
        Effect.promise(async () => {
          listener.close();
          for (const socket of sockets) {
            try {
              socket.close();
            } catch {
              // The program has closed it.
            }
          }
          await accepting;
        }),
    ),
    ({ listener }) => listener.addr.port,
  );

const eventually = <E>(check: Effect.Effect<boolean, E>) =>
  Effect.repeat(check, { until: (done: boolean) => done, schedule: Schedule.spaced("10 millis") }).pipe(
    Effect.timeout("2 minutes"),
  );

/** Nothing of any visitor is left, on either side. */
const nothingLeft = (previews: PreviewsService, sandbox: ReturnType<typeof loopbackSandbox>) =>
  eventually(
    Effect.map(
      previews.totals,
      (totals) => totals.connections === 0 && totals.streams === 0 && sandbox.streams() === 0,
    ),
  );

// Answers ----------------------------------------------------------------------------------------

test.live("a preview shows what its program serves, and the program sees a visitor of its own machine", () =>
  Effect.gen(function* () {
    const { previews, sandbox } = yield* previewing();
    const port = yield* program(async (request) =>
      Response.json({
        host: request.headers.get("host"),
        cookie: request.headers.get("cookie"),
        authorization: request.headers.get("authorization"),
        body: await request.text(),
      }, { headers: { "clear-site-data": '"*"', "cache-control": "public" } })
    );
    const place = yield* opened(previews, port);
    const { status, head, body } = yield* ask(
      place,
      ["POST /x HTTP/1.1", "Cookie: a=b", "Authorization: Bearer x", "Content-Length: 5"],
      "hello",
    );
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), {
      host: `localhost:${port}`,
      cookie: "a=b",
      authorization: null,
      body: "hello",
    });
    assert.ok(/\r\nCache-Control: no-store/.test(head) && !/clear-site-data/i.test(head), head);
    const inChunks = yield* ask(
      place,
      ["POST / HTTP/1.1", "Transfer-Encoding: chunked"],
      "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: 1\r\n\r\n",
    );
    assert.equal(JSON.parse(inChunks.body).body, "hello");
    yield* nothingLeft(previews, sandbox);
  }));

test.live("a body that is announced is asked for, and both ways carry much more than their windows", () =>
  Effect.gen(function* () {
    const { previews } = yield* previewing();
    const large = 8 * 1024 * 1024;
    const port = yield* program((request) => new Response(request.body));
    const { host, port: door } = yield* opened(previews, port);
    const socket = yield* connected(door);
    yield* Effect.promise(async () => {
      await writeAll(
        socket,
        text(`POST / HTTP/1.1\r\nHost: ${host}\r\nExpect: 100-continue\r\nContent-Length: ${large}\r\n\r\n`),
      );
      const first = await readAll(socket, 1);
      assert.ok(Buffer.from(first).toString().startsWith("HTTP/1.1 100 Continue\r\n\r\n"));
      const sent = new Uint8Array(large).map((_, at) => at % 251);
      const [all] = await Promise.all([readAll(socket), writeAll(socket, sent)]);
      const body = Buffer.from(all);
      assert.ok(body.length > large, String(body.length));
    });
  }));

test.live("what comes behind a request is no second one", () =>
  Effect.gen(function* () {
    const { previews } = yield* previewing();
    let asked = 0;
    const port = yield* program(() => {
      asked += 1;
      return new Response("one");
    });
    const place = yield* opened(previews, port);
    const told = yield* ask(place, ["GET / HTTP/1.1"], `GET /second HTTP/1.1\r\nHost: ${place.host}\r\n\r\n`);
    assert.equal(told.status, 200);
    assert.equal(asked, 1);
  }));

test.live("refusals name their reason, and none of them starts a sandbox", () =>
  Effect.gen(function* () {
    const { previews, sandbox } = yield* previewing({ bodyBytesMax: 1_000 });
    const named = ({ status, head }: Told) => [status, /x-caisson-preview: (\w+)/i.exec(head)?.[1]];
    const port = yield* program(() => new Response("ok"));
    const place = yield* opened(previews, port);
    const nobody = yield* opened(previews, 1);
    assert.deepEqual(named(yield* ask(nobody, [])), [502, "no_server"]);
    const cold = yield* opened(previews, port, owner("cold"));
    assert.deepEqual(named(yield* ask(cold, [])), [502, "not_running"]);
    assert.equal(sandbox.running.size, 2);
    const altered = { ...place, host: place.host.replace(/^p\d+/, "p22") };
    assert.deepEqual(named(yield* ask(altered, [])), [403, "altered"]);
    assert.deepEqual(named(yield* ask({ ...place, host: `localhost:${place.port}` }, [])), [421, "bad_request"]);
    const post = (length: number) => ["POST / HTTP/1.1", `Content-Length: ${length}`];
    assert.deepEqual(named(yield* ask(place, post(1_001))), [413, "bad_request"]);
    const chunk = `3e9\r\n${"x".repeat(1_001)}\r\n0\r\n\r\n`;
    assert.deepEqual(named(yield* ask(place, ["POST / HTTP/1.1", "Transfer-Encoding: chunked"], chunk)), [
      413,
      "bad_request",
    ]);
    assert.deepEqual(named(yield* ask(place, ["POST / HTTP/1.1", "Transfer-Encoding: chunked"], "x\r\n")), [
      400,
      "bad_request",
    ]);
    assert.deepEqual(named(yield* ask(place, ["GET / HTTP/1.1", `X: ${"x".repeat(40_000)}`])), [431, "bad_request"]);
    const speechless = yield* rawProgram(async (socket) => {
      await socket.read(new Uint8Array(1024));
      await writeAll(socket, text("SSH-2.0-OpenSSH\r\n\r\n"));
      socket.close();
    });
    assert.deepEqual(named(yield* ask(yield* opened(previews, speechless), [])), [502, "no_http"]);
    const closing = yield* rawProgram(async (socket) => {
      await socket.read(new Uint8Array(1024));
      socket.close();
    });
    assert.deepEqual(named(yield* ask(yield* opened(previews, closing), [])), [502, "no_http"]);
    yield* nothingLeft(previews, sandbox);
  }));

test.live("a link that was taken back ends who came by it, and opens nothing more; other owners' go on", () =>
  Effect.gen(function* () {
    const { previews, sandbox } = yield* previewing();
    const port = yield* program(() =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(text("data: 1\n\n")),
        }),
      )
    );
    const mine = yield* opened(previews, port);
    const theirs = yield* opened(previews, port, bob);
    const listen = Effect.fnUntraced(function* ({ host, port: door }: typeof mine) {
      const socket = yield* connected(door);
      yield* Effect.promise(async () => {
        await writeAll(socket, text(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`));
        await readAll(socket, 1);
      });
      return yield* Effect.forkChild(Effect.promise(() => readAll(socket)));
    });
    const ended = yield* listen(mine);
    const going = yield* listen(theirs);
    yield* previews.end(ada, port);
    yield* Fiber.join(ended);
    assert.equal(going.pollUnsafe(), undefined);
    const { status, head } = yield* ask(mine, []);
    assert.deepEqual([status, /x-caisson-preview: (\w+)/i.exec(head)?.[1]], [403, "revoked"]);
    assert.deepEqual(yield* previews.list(ada), []);
    assert.equal((yield* previews.list(bob)).length, 1);
    yield* eventually(Effect.sync(() => sandbox.streams() === 1));
    // A new link to the same port is another one.
    assert.notEqual((yield* opened(previews, port)).host, mine.host);
  }));

test.effect("a link is given again for half an hour and expires after one", () =>
  Effect.gen(function* () {
    const { previews } = yield* previewing();
    const first = yield* previews.open(ada, 8000);
    assert.equal(first.expiresAtMs, 3_600_000);
    yield* TestClock.adjust(Duration.minutes(29));
    assert.equal((yield* previews.open(ada, 8000)).url, first.url);
    yield* TestClock.adjust(Duration.minutes(2));
    const second = yield* previews.open(ada, 8000);
    assert.notEqual(second.url, first.url);
    assert.deepEqual((yield* previews.list(ada)).map(({ url }) => url), [second.url]);
    yield* TestClock.adjust(Duration.minutes(29));
    const { status, head } = yield* ask(placeOf(first.url), []);
    assert.deepEqual([status, /x-caisson-preview: (\w+)/i.exec(head)?.[1]], [403, "expired"]);
  }));

// Streams ----------------------------------------------------------------------------------------

/** A frame of a client as RFC 6455 section 5.2 has it, masked by zeros. */
const frame = (content: string) =>
  Buffer.concat([Buffer.from([0x81, 0x80 | content.length, 0, 0, 0, 0]), text(content)]);

test.live("WebSockets pass, both ways, and end with either side", () =>
  Effect.gen(function* () {
    const { previews, sandbox } = yield* previewing();
    const port = yield* program((request) => {
      const origin = request.headers.get("origin");
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onopen = () => socket.send(`origin ${origin}`);
      socket.onmessage = ({ data }) => data === "bye" ? socket.close() : socket.send(`echo ${data}`);
      return response;
    });
    const { host, port: door } = yield* opened(previews, port);
    const handshake = [
      "GET /hmr HTTP/1.1",
      `Host: ${host}`,
      `Origin: http://${host}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ].join("\r\n");
    const speak = Effect.fnUntraced(function* (last: "bye" | "vanish") {
      const socket = yield* connected(door);
      yield* Effect.promise(async () => {
        await writeAll(socket, text(`${handshake}\r\n\r\n`));
        let heard = "";
        const until = async (words: string) => {
          while (!heard.includes(words)) heard += Buffer.from(await readAll(socket, 1)).toString("latin1");
        };
        await until(`origin http://localhost:${port}`);
        assert.ok(heard.startsWith("HTTP/1.1 101 ") && /s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/.test(heard), heard);
        for (let count = 0; count < 20; count++) {
          await writeAll(socket, frame(`word ${count}`));
          await until(`echo word ${count}`);
        }
        if (last === "vanish") return socket.close();
        await writeAll(socket, frame("bye"));
        await readAll(socket, 1);
        // The closing frame in answer to the program's.
        await writeAll(socket, Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
        await readAll(socket);
      });
      yield* nothingLeft(previews, sandbox);
    });
    yield* speak("bye");
    yield* speak("vanish");
  }));

test.live("an upgrade that the program declines is an answer like any other", () =>
  Effect.gen(function* () {
    const { previews, sandbox } = yield* previewing();
    const port = yield* program(() => new Response("no", { status: 400 }));
    const place = yield* opened(previews, port);
    const { status, body } = yield* ask(place, ["GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"]);
    assert.deepEqual([status, body], [400, "no"]);
    yield* nothingLeft(previews, sandbox);
  }));

test.live("a visitor who does not read holds up its program, and no longer than it may", () =>
  Effect.gen(function* () {
    const { previews, sandbox } = yield* previewing({}, { reading: Duration.millis(200) });
    let sent = 0;
    const port = yield* rawProgram(async (socket) => {
      await socket.read(new Uint8Array(4096));
      await writeAll(socket, text("HTTP/1.1 200 OK\r\n\r\n"));
      for (;;) sent += await socket.write(new Uint8Array(64 * 1024));
    });
    const { host, port: door } = yield* opened(previews, port);
    const socket = yield* connected(door);
    yield* Effect.promise(() => writeAll(socket, text(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)));
    yield* eventually(Effect.sync(() => sent > 0));
    yield* nothingLeft(previews, sandbox);
    // What kernels hold between the two, not what the program would have sent.
    assert.ok(sent < 32 * 1024 * 1024, String(sent));
  }));

test.live("visitors who vanish leave nothing, wherever they were", () =>
  Effect.gen(function* () {
    const { previews, sandbox } = yield* previewing();
    const port = yield* rawProgram(async (socket) => {
      const buffer = new Uint8Array(4096);
      const count = await socket.read(buffer);
      const asked = Buffer.from(buffer.subarray(0, count ?? 0)).toString();
      if (asked.includes("GET /begun")) await writeAll(socket, text("HTTP/1.1 200 OK\r\n\r\nsome"));
      for (;;) if (await socket.read(buffer) === null) return socket.close();
    });
    const { host, port: door } = yield* opened(previews, port);
    const requests = [
      "",
      "GET / HT",
      `GET /waiting HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      `GET /begun HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      `POST /body HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100\r\n\r\nsome`,
      `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    ];
    for (let round = 0; round < 10; round++) {
      for (const request of requests) {
        const socket = yield* connected(door);
        yield* Effect.promise(() => writeAll(socket, text(request)));
        if (round % 2 === 0 && request.includes("Host")) yield* eventually(Effect.sync(() => sandbox.streams() > 0));
        socket.close();
      }
    }
    yield* nothingLeft(previews, sandbox);
  }));

/** Takes every stream that ada may have; yields a program of hers that answers, and the visitors. */
const crowding = ({ previews, sandbox }: Effect.Success<ReturnType<typeof previewing>>) =>
  Effect.gen(function* () {
    const port = yield* program(() => new Response(new ReadableStream({ start: (c) => c.enqueue(text("x")) })));
    const quick = yield* program(() => new Response("ok"));
    const { host, port: door } = yield* opened(previews, port);
    const sockets: Array<Deno.TcpConn> = [];
    for (let count = 0; count < streamsPerOwnerMax; count++) {
      const socket = yield* connected(door);
      yield* Effect.promise(() => writeAll(socket, text(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)));
      sockets.push(socket);
    }
    yield* eventually(Effect.sync(() => sandbox.streams() === streamsPerOwnerMax));
    return { quick, sockets };
  });

test.live("an owner has a bounded number of streams, and takes none of another's", () =>
  Effect.gen(function* () {
    const made = yield* previewing({}, { place: Duration.millis(300) });
    const { previews } = made;
    const { quick } = yield* crowding(made);
    const crowded = yield* ask(yield* opened(previews, quick), []);
    assert.deepEqual([crowded.status, /x-caisson-preview: (\w+)/i.exec(crowded.head)?.[1]], [503, "crowded"]);
    assert.deepEqual((yield* previews.totals).refused, { crowded: 1 });
    yield* eventually(Effect.map(previews.totals, ({ upBytes, downBytes }) => upBytes > 0 && downBytes > 0));
    assert.equal((yield* ask(yield* opened(previews, quick, bob), [])).status, 200);
  }));

test.live("an owner whose streams are all taken waits in turn for one", () =>
  Effect.gen(function* () {
    const made = yield* previewing({}, { place: Duration.minutes(2) });
    const { previews } = made;
    const { quick, sockets } = yield* crowding(made);
    const waiting = yield* Effect.forkChild(ask(yield* opened(previews, quick), []));
    yield* eventually(Effect.map(previews.totals, ({ connections }) => connections > streamsPerOwnerMax));
    sockets[0]?.close();
    assert.equal((yield* Fiber.join(waiting)).status, 200);
  }));

test.live("closing ends every visit, and the port is free again", () =>
  Effect.gen(function* () {
    const { previews, sandbox, close } = yield* previewing();
    const port = yield* program(() => new Response(new ReadableStream({ start: (c) => c.enqueue(text("x")) })));
    const { host, port: door } = yield* opened(previews, port);
    const socket = yield* connected(door);
    const silent = yield* connected(door);
    yield* Effect.promise(() => writeAll(socket, text(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)));
    yield* eventually(Effect.sync(() => sandbox.streams() === 1));
    yield* close;
    yield* Effect.promise(() => Promise.all([readAll(socket), readAll(silent)]));
    assert.equal(sandbox.streams(), 0);
    Deno.listen({ hostname: "127.0.0.1", port: door }).close();
  }));

// Settings ---------------------------------------------------------------------------------------

test.live("nothing listens before somebody wants a preview, and none is made where nobody chose to", () =>
  Effect.gen(function* () {
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    yield* Effect.addFinalizer(() => Effect.sync(() => taken.close()));
    const { previews } = yield* previewing({ previewPort: taken.addr.port });
    assert.deepEqual(yield* previews.list(ada), []);
    // The usual port is somebody else's: a free one serves as well.
    assert.notEqual((yield* opened(previews, 8000)).port, taken.addr.port);
    for (
      const settings of [{ preview: "off" }, { apiHost: "0.0.0.0" }, { mcpHost: "0.0.0.0" }] satisfies ReadonlyArray<
        Partial<SettingsService>
      >
    ) {
      const { previews: none } = yield* previewing(settings);
      assert.ok(none.off !== undefined);
      assert.equal((yield* Effect.flip(none.open(ada, 8000)))._tag, "PreviewsOff");
    }
    const origin = { scheme: "https", suffix: "preview.example", port: undefined } as const;
    const { previews: beyond } = yield* previewing({ apiHost: "0.0.0.0", previewOrigin: Option.some(origin) });
    assert.match((yield* beyond.open(ada, 8000)).url, /^https:\/\/p8000-[a-z0-9-]+\.preview\.example\/$/);
    const refused = yield* Effect.flip(
      previewing({ previewPort: taken.addr.port, previewOrigin: Option.some(origin) }),
    );
    assert.ok(String(refused).includes("CAISSON_PREVIEW_PORT"), String(refused));
  }));

// Agent ------------------------------------------------------------------------------------------

Deno.test("the agent gives the link of a server that listens, and learns what to do where none does", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response("ok"));
  const { port } = server.addr;
  const told: Array<unknown> = [];
  const asking = (id: string, args: Record<string, unknown>) =>
    Scripted.calls(Scripted.toolCall(id, "preview_port", args));
  const last: Scripted.Step = ({ messages }) => {
    told.push(...messages.filter(({ role }) => role === "tool"));
    return [Scripted.text("done"), Scripted.finished()];
  };
  const steps = [asking("c1", { port }), asking("c2", { port: 1 }), asking("c3", { port: "x" }), last];
  const options = { steps, previews: true, sandbox: loopbackSandbox([]), settings: { previewPort: 0 } };
  await withApp(options, async (app) => {
    const headers = { "x-user-id": "ada" };
    const response = await app.chat({ messages: [{ role: "user", content: "Show me" }] }, headers);
    assert.equal(response.status, 200, await response.clone().text());
    await response.text();
    const [shown, nothing, wrong] = told.map((message) => JSON.stringify(message));
    assert.match(shown ?? "", new RegExp(`http://p${port}-[a-z0-9-]+\\.localhost:\\d+/`));
    assert.ok(shown?.includes('minutes_left\\":'), shown);
    assert.ok(nothing?.includes("Error: nothing listens on that port"), nothing);
    assert.ok(wrong?.includes("Error: Invalid arguments for preview_port"), wrong);
    assert.deepEqual((await (await app.get("/v1/sandbox/previews", headers)).json()).data.length, 1);
  });
  await server.shutdown();
});

test.effect("kinds of sandboxes without ports say so by name", () =>
  Effect.gen(function* () {
    const context = yield* Layer.build(
      layerWith(visitWaits).pipe(Layer.provide(fakeSandbox().layer), Layer.provide(Settings.layerWith())),
    );
    const { off } = Context.get(context as Context.Context<never>, Previews);
    assert.equal(off, "this kind of sandbox has no ports");
  }));

// API --------------------------------------------------------------------------------------------

const named = { "content-type": "application/json", "x-user-id": "ada" };

Deno.test("previews are made, listed with the sandbox and taken back, each user's own", () =>
  withApp({ previews: true, sandbox: loopbackSandbox([]), settings: { previewPort: 0 } }, async (app) => {
    const send = (method: string, path: string, body?: string, headers: Record<string, string> = named) =>
      app.send(
        new Request(`http://caisson.test/v1/sandbox${path}`, {
          method,
          headers,
          ...(body !== undefined && { body }),
        }),
      );
    const made = await (await send("POST", "/previews", '{"port":8000}')).json();
    assert.deepEqual([made.object, made.port], ["sandbox.preview", 8000]);
    assert.match(made.url, /^http:\/\/p8000-[a-z0-9-]+\.localhost:\d+\/$/);
    await (await send("POST", "/previews", '{"port":3000}')).json();
    const { data } = await (await send("GET", "/previews")).json();
    assert.deepEqual(data.map(({ port }: { port: number }) => port), [3000, 8000]);
    assert.deepEqual((await (await send("GET", "")).json()).previews, data);
    const bob = { ...named, "x-user-id": "bob" };
    assert.deepEqual((await (await send("GET", "", undefined, bob)).json()).previews, []);
    assert.equal((await send("DELETE", "/previews/8000", undefined, bob)).status, 404);
    assert.deepEqual((await (await send("DELETE", "/previews/8000")).json()).data, [data[0]]);
    assert.deepEqual((await (await send("DELETE", "/previews")).json()).data, []);
    assert.ok((await (await app.get("/v1/me", named)).json()).features.includes("previews"));
    for (const body of ['{"port":0}', '{"port":65536}', '{"port":"8000"}', "{}", '{"port":1,"x":1}', "[", '"8000"']) {
      const { error } = await (await send("POST", "/previews", body)).json();
      assert.deepEqual([error.param, error.type], [body.includes("x") ? "x" : "port", "invalid_request_error"], body);
    }
    assert.equal((await send("DELETE", "/previews/x")).status, 404);
    const nobody = await send("POST", "/previews", '{"port":8000}', { "content-type": "application/json" });
    assert.equal((await nobody.json()).error.param, "user");
  }));

Deno.test("a server without previews says so by name, and offers none", () =>
  withApp({}, async (app) => {
    const response = await app.send(
      new Request("http://caisson.test/v1/sandbox/previews", { method: "POST", headers: named, body: '{"port":8000}' }),
    );
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.code, "previews_off");
    assert.deepEqual((await (await app.get("/v1/sandbox", named)).json()).previews, []);
    assert.ok(!(await (await app.get("/v1/me", named)).json()).features.includes("previews"));
  }));
