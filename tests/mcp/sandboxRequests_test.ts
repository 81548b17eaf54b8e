import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Deferred, Effect, Exit, Fiber, Layer, Option, Redacted, type Scope, Stream } from "effect";
import { HttpServer } from "effect/http";
import * as Limits from "../../src/adapters/limits/Counted.ts";
import { layer as remoteLayer } from "../../src/adapters/sandbox/remote/Remote.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import { cellNotRun } from "../../src/domain/Cell.ts";
import type { EgressSummary } from "../../src/domain/EgressRecord.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { layer as serverLayer } from "../../src/mcp/http.ts";
import { partsOf } from "../../src/mcp/sandboxRequests.ts";
import {
  FileError,
  NoCapacity,
  noStreams,
  notRunning,
  Sandbox,
  SandboxError,
  type SandboxHandle,
} from "../../src/services/Sandbox.ts";
import {
  encodeFrame,
  encodeJsonFrame,
  type Frame,
  framesMediaType,
  framesOf,
} from "../../src/services/sandboxFrames.ts";
import { sandboxDeclaration, sandboxMethodNames } from "../../src/services/sandboxProtocol.ts";
import { contentOf, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { makeFakeToolbox } from "./support/fakeToolbox.ts";
import { connectClient, keyed, makeServer } from "./support/server.ts";

const alice: Owner = { principal: "api-key:app", user: "alice", ephemeral: false };

/** What a scripted sandbox saw, and how a test steers it. */
interface Scripted {
  readonly opened: Array<Owner>;
  readonly released: Array<Owner>;
  readonly files: Map<string, Uint8Array>;
  readonly hanging: Deferred.Deferred<void>;
  readonly interrupted: Deferred.Deferred<void>;
  readonly layer: Layer.Layer<Sandbox>;
}

/** A file of this many pieces is read from it without being held anywhere. */
const endless = "/workspace/endless";

/** What the scripted sandbox of alice asked of the network. */
const reached: EgressSummary = {
  records: [
    { host: "pypi.org", port: 443, verdict: "allowed", connections: 2, upBytes: 7, downBytes: 900 },
    { host: "évil", port: 80, verdict: "refused", why: "no name", connections: 1, upBytes: 0, downBytes: 0 },
  ],
  connectionsLeftOut: 4,
};

const makeScripted = Effect.gen(function* () {
  const [opened, released]: [Array<Owner>, Array<Owner>] = [[], []];
  const files = new Map<string, Uint8Array>();
  const hanging = yield* Deferred.make<void>();
  const interrupted = yield* Deferred.make<void>();
  const at = (path: string) => {
    const file = files.get(path);
    return file === undefined
      ? Effect.fail(new FileError({ path, reason: "NotFound", why: "no such file" }))
      : Effect.succeed(file);
  };
  const handle: SandboxHandle = {
    id: "scripted-1",
    execute: Effect.fnUntraced(function* ({ command, onOutput }) {
      if (command === "full") {
        return yield* new SandboxError({ reason: new NoCapacity({ scope: "server", limit: 7 }), detail: "secret" });
      }
      if (command === "hang") {
        yield* Deferred.succeed(hanging, undefined);
        return yield* Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined));
      }
      onOutput?.("stdout", "out\n");
      onOutput?.("stderr", "err\n");
      return outcome(command);
    }),
    runCell: ({ code, kernel, onOutput }) =>
      Effect.sync(() => {
        onOutput?.("stdout", "printed\n");
        return { ...cellNotRun(`${kernel}: ${code}`), stdout: "printed\n" };
      }),
    writeFile: (path, content) =>
      Effect.map(contentOf(content), (bytes) => {
        files.set(path, bytes);
        return bytes.length;
      }),
    readText: (path) => Effect.map(at(path), (bytes) => ({ text: new TextDecoder().decode(bytes), truncated: false })),
    readBytes: (path, range) =>
      path === endless
        ? Stream.forever(Stream.make(new Uint8Array(64 * 1024)))
        : Stream.fromEffect(Effect.map(at(path), (bytes) => bytes.subarray(range?.offset ?? 0))),
    readDocstring: () => Effect.succeed("doc"),
    dial: noStreams,
    changedFiles: (sinceMs, limit) =>
      Effect.succeed([{ path: "/workspace/a'b\n.txt", sizeBytes: limit, modifiedAtMs: sinceMs }]),
  };
  const layer = Layer.succeed(
    Sandbox,
    Sandbox.of({
      info: { kind: "scripted", why: "a test", controls: [], notes: [] },
      health: Effect.succeed({ healthy: true, detail: "scripted", open: 3 }),
      open: (owner) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            opened.push(owner);
            return handle;
          }),
          () => Effect.sync(() => released.push(owner)),
        ),
      reset: () =>
        Effect.sync(() => {
          files.clear();
        }),
      egress: ({ user }) => Effect.succeed(user.includes(ownerKey(alice)) ? reached : undefined),
    }),
  );
  return { opened, released, files, hanging, interrupted, layer } satisfies Scripted;
});

interface Listening {
  readonly scripted: Scripted;
  readonly url: string;
  readonly stop: Effect.Effect<void>;
}

const listen = (settings: Partial<SettingsService> = {}): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scripted = yield* makeScripted;
    const toolbox = yield* makeFakeToolbox;
    const stopped = yield* Deferred.make<void>();
    const server = serverLayer.pipe(
      Layer.provide([toolbox.layer, scripted.layer, keyed, Limits.layerMemory]),
      Layer.provide(Settings.layerWith({ mcpPort: 0, shutdownGraceSeconds: 0, ...settings })),
    );
    const address = yield* Deferred.make<HttpServer.HttpServer["Service"]["address"]>();
    const life = yield* Effect.forkScoped(
      Effect.scoped(Effect.gen(function* () {
        const context = yield* Layer.build(server);
        yield* Deferred.succeed(address, (yield* Effect.provide(HttpServer.HttpServer, context)).address);
        yield* Deferred.await(stopped);
      })).pipe(Effect.orDie),
    );
    const known = yield* Deferred.await(address);
    return {
      scripted,
      url: `http://127.0.0.1:${"port" in known ? known.port : 0}/mcp`,
      stop: Effect.andThen(Deferred.succeed(stopped, undefined), Fiber.join(life)),
    };
  });

const key = Option.some(Redacted.make("key-a"));

/** The port of a process whose sandboxes are the server's. */
const remotely = <A, E, R>(
  { url }: { readonly url: string },
  use: (sandbox: Sandbox["Service"]) => Effect.Effect<A, E, R>,
  settings: Partial<SettingsService> = { mcpApiKey: key },
) => Effect.flatMap(Sandbox, use).pipe(Effect.provide(remoteLayer(url)), Effect.provide(Settings.layerWith(settings)));

it.live("the remote sandbox carries every operation of the port, in the name of its owner", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    const { opened, released, files } = server.scripted;
    yield* remotely(server, (sandbox) =>
      Effect.gen(function* () {
        assert.deepEqual(yield* sandbox.health, { healthy: true, detail: "scripted", open: 3 });
        assert.deepEqual(yield* sandbox.egress?.(alice) ?? Effect.undefined, reached);
        assert.equal(yield* sandbox.egress?.({ ...alice, user: "bob" }) ?? Effect.undefined, undefined);
        yield* Effect.scoped(Effect.gen(function* () {
          const handle = yield* sandbox.open(alice);
          assert.equal(handle.id, "scripted-1");
          const told: Array<readonly [string, string]> = [];
          const done = yield* handle.execute({
            command: 'it\'s "done"\n',
            timeoutMs: 1000,
            onOutput: (stream, text) => told.push([stream, text]),
          });
          assert.equal(done.stdout, 'it\'s "done"\n');
          assert.deepEqual(told, [["stdout", "out\n"], ["stderr", "err\n"]]);
          const printed: Array<string> = [];
          const cell = yield* handle.runCell({
            code: "x",
            timeoutMs: 1_000,
            kernel: "k",
            onOutput: (stream, text) => printed.push(`${stream}:${text}`),
          });
          assert.deepEqual([cell.error?.message, cell.stdout, printed], ["k: x", "printed\n", ["stdout:printed\n"]]);
          assert.equal(yield* handle.writeFile("a'b\n.txt", new TextEncoder().encode("héllo")), 6);
          assert.deepEqual([...files.keys()], ["a'b\n.txt"]);
          assert.equal((yield* handle.readText("a'b\n.txt", { offset: 0 })).text, "héllo");
          const bytes = yield* Stream.runCollect(handle.readBytes("a'b\n.txt", { offset: 3 }));
          assert.equal(new TextDecoder().decode(bytes[0]), "llo");
          assert.equal(yield* handle.readDocstring("m.py", "f"), "doc");
          assert.deepEqual(yield* handle.changedFiles(5, 9), [
            { path: "/workspace/a'b\n.txt", sizeBytes: 9, modifiedAtMs: 5 },
          ]);
        }));
        yield* sandbox.reset(alice);
        assert.equal(files.size, 0);
      }));
    assert.deepEqual([...new Set(opened.map(({ principal, user }) => `${principal} ${user}`))], [
      `api-key:key-a ${ownerKey(alice)}`,
    ]);
    yield* server.stop;
    assert.equal(released.length, opened.length);
  }));

it.live("the remote sandbox tells refused files and failed sandboxes by their reasons, and no detail", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* remotely(server, (sandbox) =>
      Effect.gen(function* () {
        const handle = yield* sandbox.open(alice);
        const missing = yield* Effect.flip(handle.readText("none", { offset: 0 }));
        assert.deepEqual(missing, new FileError({ path: "none", reason: "NotFound", why: "no such file" }));
        const read = yield* Effect.flip(Stream.runDrain(handle.readBytes("none")));
        assert.equal(read._tag === "FileError" && read.reason, "NotFound");
        const full = yield* Effect.flip(handle.execute({ command: "full", timeoutMs: 1000 }));
        assert.deepEqual(full.reason, new NoCapacity({ scope: "server", limit: 7 }));
        assert.doesNotMatch(full.detail, /secret/);
        const notUnicode = yield* Effect.flip(handle.readText("\ud800", { offset: 0 }));
        assert.equal(notUnicode._tag === "FileError" && notUnicode.reason, "InvalidPath");
        const source = new FileError({ path: "up", reason: "Other", why: "the source broke" });
        const content = Stream.concat(Stream.make(new Uint8Array(200_000)), Stream.fail(source));
        assert.deepEqual(yield* Effect.flip(handle.writeFile("up", content)), source);
        assert.equal(server.scripted.files.has("up"), false);
      }));
  }));

it.live("interrupting a remote command ends it before the interruption is done", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* remotely(server, (sandbox) =>
      Effect.gen(function* () {
        const handle = yield* sandbox.open(alice);
        const command = yield* Effect.forkChild(handle.execute({ command: "hang", timeoutMs: 60_000 }));
        yield* Deferred.await(server.scripted.hanging);
        yield* Fiber.interrupt(command);
        assert.equal(yield* Deferred.isDone(server.scripted.interrupted), true);
      }));
  }));

it.live("a server that stops tells the callers of remote commands", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* remotely(server, (sandbox) =>
      Effect.gen(function* () {
        const handle = yield* sandbox.open(alice);
        const command = yield* Effect.forkChild(Effect.flip(handle.execute({ command: "hang", timeoutMs: 60_000 })));
        yield* Deferred.await(server.scripted.hanging);
        yield* server.stop;
        assert.equal((yield* Fiber.join(command)).reason._tag, "SandboxLost");
        const gone = yield* Effect.flip(handle.readText("x", { offset: 0 }));
        assert.equal(gone._tag === "SandboxError" && gone.reason._tag, "RuntimeUnavailable");
      }));
  }));

it.live("a large file goes through neither process as a whole", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* remotely(server, (sandbox) =>
      Effect.gen(function* () {
        const handle = yield* sandbox.open(alice);
        // Whoever collected it before passing it on would never end.
        const some = yield* Stream.runFold(
          Stream.take(handle.readBytes(endless), 100),
          () => 0,
          (sum, piece) => sum + piece.length,
        );
        assert.ok(some > 0);
      }));
  }));

it.live("private requests are refused to strangers, and a foreign process gets no other owner's sandbox", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    const refused = yield* remotely(server, (sandbox) => Effect.flip(Effect.scoped(sandbox.open(alice))), {});
    assert.equal(refused.reason._tag, "RuntimeUnavailable");
    assert.match(refused.detail, /401/);
    assert.deepEqual(server.scripted.opened, []);
    for (const path of ["sandbox", "sandbox/v1/hold", "sandbox/v1/health"]) {
      const response = yield* Effect.promise(() =>
        fetch(new URL(path, server.url), { method: path === "sandbox" ? "GET" : "POST" })
      );
      yield* Effect.promise(() => response.text());
      assert.equal(response.status, 401, path);
    }
  }));

it.live("a sandbox that has no tree is opened without one, and who asks for it anyway is told", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    yield* remotely(server, (sandbox) =>
      Effect.gen(function* () {
        assert.equal((yield* sandbox.open(alice)).tree, undefined);
      }));
    const asked = [
      ["listTree", { entriesMax: 1 }],
      ["treeRoom", {}],
      ["assemble", { path: "a" }],
      ["putBack", { step: { _tag: "Directory", path: "d", mode: 0o755 } }],
    ] as const;
    for (const [name, args] of asked) {
      const response = yield* Effect.promise(() =>
        fetch(new URL(`sandbox/v1/${name}`, server.url), {
          method: "POST",
          headers: { authorization: "Bearer key-a", "content-type": framesMediaType },
          body: new Uint8Array(encodeJsonFrame("message", args)),
        })
      );
      assert.match(yield* Effect.promise(() => response.text()), /this sandbox has no tree/, name);
    }
  }));

it.effect("the parts of a file arrive in their order, and what is cut or no range is refused", () =>
  Effect.gen(function* () {
    const range = { path: "f", version: "1 2 3 4", offset: 0, length: 5 };
    const bytes = (text: string) => ({ kind: "bytes" as const, payload: new TextEncoder().encode(text) });
    const message = (value: unknown) => ({
      kind: "message" as const,
      payload: new TextEncoder().encode(JSON.stringify(value)),
    });
    const end = { kind: "end" as const, payload: new Uint8Array() };
    const parts = (...frames: ReadonlyArray<Frame>) => Stream.runCollect(partsOf(Stream.fromIterable(frames)));
    assert.deepEqual(yield* parts(bytes("a"), message(range), { kind: "alive", payload: new Uint8Array() }, end), [
      bytes("a").payload,
      range,
    ]);
    const refused = [
      [bytes("a"), message(range)],
      [message({ ...range, offset: "0" }), end],
      [message({ ...range, path: "x".repeat(40_000) }), end],
      [{ kind: "message" as const, payload: new TextEncoder().encode("{no") }, end],
      [bytes("a"), { kind: "malformed" as const, payload: new Uint8Array() }, end],
    ];
    for (const frames of refused) assert.equal((yield* Effect.flip(parts(...frames)))._tag, "FileError");
  }));

it.live("what is no private request is refused by name, and nothing is opened for it", () =>
  Effect.gen(function* () {
    const server = yield* listen();
    const ask = (name: string, body: Uint8Array) =>
      Effect.promise(async () => {
        const response = await fetch(new URL(`sandbox/v1/${name}`, server.url), {
          method: "POST",
          headers: { authorization: "Bearer key-a", "content-type": framesMediaType },
          body: new Uint8Array(body),
        });
        return { status: response.status, text: await response.text() };
      });
    const json = (value: unknown) => encodeJsonFrame("message", value);
    for (const name of ["nothing", "toString", "%2e%2e"]) assert.equal((yield* ask(name, json({}))).status, 404, name);
    const bad = [
      new Uint8Array(0),
      encodeFrame("end"),
      new TextEncoder().encode("{}"),
      encodeFrame("message", new TextEncoder().encode("{not json")),
      json({ path: 7 }),
      // More values, and more levels, than anything is made of.
      encodeFrame("message", new TextEncoder().encode(`{"path":"a","more":[${"1,".repeat(300_000)}1]}`)),
      encodeFrame("message", new TextEncoder().encode(`{"path":"a","more":${"[".repeat(3_000)}${"]".repeat(3_000)}}`)),
      // A length that no argument has, and nothing behind it.
      new Uint8Array([1, 0xff, 0xff, 0xff, 0xff]),
    ];
    for (const body of bad) {
      assert.equal((yield* ask("readText", body)).status, 400, JSON.stringify([...body.slice(0, 99)]));
    }
    assert.deepEqual(server.scripted.opened, []);
    const cut = yield* ask(
      "writeFile",
      Buffer.concat([json({ path: "half" }), encodeFrame("bytes", new Uint8Array(9))]),
    );
    assert.match(cut.text, /did not arrive as a whole/);
    assert.equal(server.scripted.files.has("half"), false);
  }));

it.live("a foreign tool server is told apart and served by its tools alone", () =>
  Effect.gen(function* () {
    const answers: ReadonlyArray<() => Response> = [
      () => new Response("not found", { status: 404 }),
      () => new Response("<html>hello</html>"),
      () => Response.json({ protocol: "another", versions: [1], methods: [] }),
    ];
    for (const answer of answers) {
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, answer)),
        (running) => Effect.promise(() => running.shutdown()),
      );
      yield* remotely({ url: `http://127.0.0.1:${server.addr.port}/mcp` }, (sandbox) =>
        Effect.gen(function* () {
          const handle = yield* sandbox.open(alice);
          assert.deepEqual(yield* handle.changedFiles(0, 10), []);
          const refused = yield* Effect.flip(handle.writeFile("a", new Uint8Array(1)));
          assert.equal(refused._tag, "FileError");
          assert.equal((yield* sandbox.health).healthy, true);
        }));
    }
  }));

it.live("a server of another version, or one that redirects, is not worked with", () =>
  Effect.gen(function* () {
    const answers: ReadonlyArray<() => Response> = [
      () => Response.json({ ...sandboxDeclaration({}), versions: [99] }),
      () => new Response(null, { status: 307, headers: { location: "http://127.0.0.1:1/sandbox" } }),
      () => new Response(null, { status: 503 }),
    ];
    for (const answer of answers) {
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, answer)),
        (running) => Effect.promise(() => running.shutdown()),
      );
      const url = `http://127.0.0.1:${server.addr.port}/mcp`;
      const exit = yield* remotely({ url }, (sandbox) => Effect.exit(Effect.scoped(sandbox.open(alice))));
      assert.ok(Exit.isFailure(exit));
    }
  }));

it.live("the private requests are declared as a capability of MCP and at their own address", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    const { client } = yield* connectClient(server);
    const declared = client.getServerCapabilities()?.experimental?.["caisson/sandbox"];
    const ours = sandboxDeclaration({ dial: () => notRunning });
    assert.deepEqual(declared, { ...ours, path: "/sandbox" });
    const response = yield* Effect.promise(() => server.fetch("/sandbox"));
    assert.deepEqual(yield* Effect.promise(() => response.json()), ours);
    assert.deepEqual(ours.methods, sandboxMethodNames);
    // Where sandboxes have no ports, nobody is told that they could be dialled.
    assert.deepEqual(sandboxDeclaration({}).methods, sandboxMethodNames.filter((name) => name !== "dial"));
  }));

it.effect("framesOf reads frames however their bytes are cut, and skips kinds it does not know", () =>
  Effect.gen(function* () {
    const unknown = encodeFrame("alive", new Uint8Array(3));
    unknown[0] = 200;
    const all = Buffer.concat([
      encodeJsonFrame("message", { a: 1 }),
      encodeFrame("alive"),
      unknown,
      encodeFrame("bytes", new Uint8Array([1, 2, 3])),
      encodeJsonFrame("end", {}),
    ]);
    for (const size of [1, 2, 3, 7, all.length]) {
      const pieces = Array.from(
        { length: Math.ceil(all.length / size) },
        (_, n) => all.subarray(n * size, (n + 1) * size),
      );
      const frames = yield* Stream.runCollect(framesOf(Stream.fromIterable(pieces)));
      const bytes = frames.filter(({ kind }) => kind === "bytes").flatMap(({ payload }) => [...payload]);
      assert.deepEqual(bytes, [1, 2, 3]);
      const others = frames.filter(({ kind }) => kind !== "bytes");
      assert.deepEqual(others.map(({ kind, payload }) => [kind, new TextDecoder().decode(payload)]), [
        ["message", '{"a":1}'],
        ["alive", ""],
        ["end", "{}"],
      ]);
    }
  }));
