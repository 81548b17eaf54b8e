/** The web as the server reads it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Deferred, Effect, Fiber, Layer, Option, Stream } from "effect";
import { machine, type Outside } from "../../../../src/adapters/egress/Outside.ts";
import { attended } from "../../../../src/adapters/web/attended.ts";
import { layerOver } from "../../../../src/adapters/web/Configured.ts";
import { markdownOf } from "../../../../src/adapters/web/markdown.ts";
import { readResponse } from "../../../../src/adapters/web/response.ts";
import { layer as toolboxLayer } from "../../../../src/agent/LocalToolbox.ts";
import { Settings, type SettingsService } from "../../../../src/config.ts";
import { egressRows } from "../../../../src/config/egress.ts";
import type { Owner } from "../../../../src/domain/Owner.ts";
import { Sandbox, type SandboxHandle } from "../../../../src/services/Sandbox.ts";
import { Toolbox } from "../../../../src/services/Toolbox.ts";
import { WebReader } from "../../../../src/services/WebReader.ts";
import { type EgressWorld, egressWorld } from "../../../support/egressWorld.ts";
import { contentOf } from "../../../support/fakeSandbox.ts";
import { it } from "../../../support/it.ts";

const owner: Owner = { principal: "p", user: "u", ephemeral: false };
const parsed = egressRows.egressAllow.parse("allowed.example,allowed.example:80,bad.example");
const rules = parsed._tag === "Some" ? parsed.value : [];
const settings: Partial<SettingsService> = { webFetch: "allowlist", egressAllow: rules };

Deno.test("markdownOf keeps words, headings, lists, links and code, and drops what is not for readers", () => {
  const html = `<!doctype html><html><head><title>A &amp; B</title><style>p{}</style></head><body>
<script>alert("</p>")</script><h1>Tides</h1><p>High <b>water</b> &lt; 5&nbsp;m, <a href="/more?x=1&amp;y">read
on</a>.</p><ul><li>one<ul><li>two</li></ul></li></ul><pre>x  =  1
y</pre><!-- hidden <b> --><table><tr><td>a</td><td>b</td></tr></table><a href="javascript:x">js</a></body></html>`;
  const { title, text } = markdownOf(html, "https://a.example/b/");
  assert.equal(title, "A & B");
  assert.equal(
    text,
    "# Tides\n\nHigh **water** < 5 m, [read on](https://a.example/more?x=1&y).\n\n- one\n  - two\n\n" +
      "```\nx  =  1\ny\n```\n\n | a | b\n\njs",
  );
  for (
    const broken of ["<", "<a", "<!--", "<script>x", "</", "<p <p <p", "&", "&#x110000;", "&#0;", "a<5", "<a href='x"]
  ) {
    assert.equal(typeof markdownOf(broken, "https://a.example/").text, "string", broken);
  }
});

Deno.test("readResponse takes a response apart by length, by chunks and to its end", () => {
  const read = (text: string) => readResponse(Buffer.from(text, "latin1"));
  assert.equal(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc")?.body.toString(), "ab");
  assert.equal(
    read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n")?.body.toString(),
    "abc",
  );
  assert.equal(read("HTTP/1.1 103 Early\r\n\r\nHTTP/1.0 404 No\r\nA: b\r\n\r\nall")?.body.toString(), "all");
  for (const none of ["", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n"]) {
    assert.equal(read(none), undefined);
  }
});

/** The reader over a world of the test's own. */
const reading = <A, E>(
  names: Parameters<typeof egressWorld>[0],
  use: (fetch: (url: string) => Effect.Effect<string, unknown>, world: EgressWorld) => Effect.Effect<A, E>,
  changes: Partial<SettingsService> = {},
) =>
  Effect.gen(function* () {
    const world = yield* egressWorld(names);
    const layer = Layer.provide(
      layerOver(world.outside, world.certificate),
      Settings.layerWith({ ...settings, ...changes }),
    );
    const { fetch } = yield* Effect.provide(
      Effect.gen(function* () {
        return yield* WebReader;
      }),
      layer,
    );
    assert.ok(fetch !== undefined);
    const texts = (url: string) =>
      Effect.match(fetch(owner, url), {
        onSuccess: ({ status, text, url: found }) => `${status} ${found} ${text}`,
        onFailure: ({ message }) => message,
      });
    return yield* use(texts, world);
  });

it.live("fetch reads what may be reached, over TLS and plain, and follows redirects that may be, too", () =>
  reading({}, (fetch, world) =>
    Effect.gen(function* () {
      assert.equal(yield* fetch("https://allowed.example/a?b"), "200 https://allowed.example/a?b undefined");
      assert.match(yield* fetch("http://allowed.example/"), /^200 http:/);
      const to = (url: string) => fetch(`https://allowed.example/to/${encodeURIComponent(url)}`);
      assert.match(yield* to("http://allowed.example/x"), /^200 http:\/\/allowed\.example\/x/);
      assert.match(yield* to("https://evil.example/"), /^evil\.example:443: it is not on the allowlist$/);
      assert.match(yield* to("http://169.254.169.254/"), /it is no http or https URL of a name$/);
      assert.match(yield* to("file:///etc/passwd"), /it is no http or https URL of a name$/);
      assert.deepEqual(new Set(world.requests.map(({ host }) => host)), new Set(["allowed.example"]));
    })));

it.live("fetch refuses what the judge refuses", () =>
  reading({ "bad.example": ["127.0.0.1"] }, (fetch, world) =>
    Effect.gen(function* () {
      const urls = [
        "https://bad.example/",
        "https://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://ada:b@allowed.example/",
        "ftp://allowed.example/",
        "https://allowed.example:8443/",
        "https://evil.example/",
        "no url",
        `https://allowed.example/${"a".repeat(3000)}`,
      ];
      for (const url of urls) assert.doesNotMatch(yield* fetch(url), /^\d/, url);
      assert.deepEqual([world.contacts, world.requests], [[], []]);
    })));

it.live("fetch tells of every connection, of redirects and refusals too", () =>
  Effect.gen(function* () {
    const world = yield* egressWorld({});
    const { fetch } = yield* Effect.provide(
      Effect.gen(function* () {
        return yield* WebReader;
      }),
      Layer.provide(layerOver(world.outside, world.certificate), Settings.layerWith(settings)),
    );
    const told: Array<string> = [];
    yield* Effect.ignore(
      fetch?.(
        owner,
        `https://allowed.example/to/${encodeURIComponent("https://evil.example/")}`,
        ({ host, verdict, why }) => told.push(`${host} ${verdict} ${why ?? ""}`.trim()),
      ) ?? Effect.die("no fetch"),
    );
    assert.deepEqual(told, ["allowed.example allowed", "evil.example refused it is not on the allowlist"]);
  }));

it.live("fetch counts connections of an owner", () =>
  reading({}, (fetch) =>
    Effect.gen(function* () {
      yield* fetch("https://allowed.example/");
      assert.equal(yield* fetch("https://allowed.example/"), "there were 1 new connections within a minute");
    }), { egressConnectionsPerMinute: 1 }));

const unplanned = () => Effect.die(new Error("unplanned call"));
const fakeHandle: SandboxHandle = {
  id: "s",
  execute: unplanned,
  runCell: unplanned,
  writeFile: unplanned,
  readText: unplanned,
  readBytes: () => Stream.die(new Error("unplanned call")),
  readDocstring: unplanned,
  changedFiles: unplanned,
  dial: unplanned,
};

/** A server that answers every request with this. */
const answering = (body: string, type: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const asked: Array<string> = [];
      const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
        asked.push(request.url);
        return new Response(body, { headers: { "content-type": type } });
      });
      return { server, asked };
    }),
    ({ server }) => Effect.promise(() => server.shutdown()),
  );

it.live("the tools are offered where they are configured; a page becomes files, results become lines", () =>
  Effect.gen(function* () {
    const results = {
      results: [{ url: "https://a.example/", title: "A", content: "about a" }, {
        url: "https://b.example/",
        title: null,
      }],
    };
    const { server, asked } = yield* answering(JSON.stringify(results), "application/json");
    const page = yield* answering(
      `<title>T</title><h1>Hi</h1>${"<p>word</p>".repeat(5_000)}`,
      "text/html; charset=utf-8",
    );
    const files = new Map<string, number>();
    const handle: Partial<SandboxHandle> = {
      writeFile: (path, content) =>
        Effect.map(contentOf(content), (bytes) => {
          files.set(path, bytes.length);
          return bytes.length;
        }),
    };
    const sandbox = Layer.mock(Sandbox, {
      info: { kind: "scripted", why: "a test", controls: [], notes: [] },
      open: () => Effect.succeed({ ...fakeHandle, ...handle }),
    });
    const outside: Outside = {
      resolve: () => Effect.succeed(["93.184.216.34"]),
      connect: () =>
        Effect.map(machine.connect("127.0.0.1", page.server.addr.port), (made) => ({ ...made, isOurselves: false })),
    };
    const given = Settings.layerWith({
      ...settings,
      webSearchUrl: Option.some(`http://127.0.0.1:${server.addr.port}/engine`),
    });
    const tools = toolboxLayer.pipe(Layer.provide(layerOver(outside)), Layer.provide(sandbox), Layer.provide(given));
    yield* Effect.gen(function* () {
      const opened = yield* (yield* Toolbox).open(owner);
      assert.deepEqual(opened.declarations.slice(-2).map(({ name }) => name), ["web_fetch", "web_search"]);
      const call = (name: string, args: unknown) => opened.call({ id: "1", name, argumentsJson: JSON.stringify(args) });
      const found = yield* call("web_search", { query: "tides & more" });
      assert.equal(found.text, "1. A\n   https://a.example/\n   about a\n2. \n   https://b.example/\n   ");
      assert.match(asked[0] ?? "", /\/engine\/search\?q=tides\+%26\+more&format=json$/);
      const read = yield* call("web_fetch", { url: "http://allowed.example/a/b" });
      assert.match(
        read.text,
        /^http:\/\/allowed\.example\/a\/b \(status 200, text\/html, \d+ bytes\), saved as \/workspace\/web\/allowed\.example-a-b\.html\n\n# Hi\n\nword\n\n/,
      );
      assert.match(read.text, /\[cut here: the whole text is in \/workspace\/web\/allowed\.example-a-b\.html\.md\]$/);
      assert.deepEqual([...files.keys()], [
        "/workspace/web/allowed.example-a-b.html",
        "/workspace/web/allowed.example-a-b.html.md",
      ]);
      const refused = yield* call("web_fetch", { url: "https://evil.example/" });
      assert.deepEqual([refused.isError, refused.text], [true, "Error: evil.example:443: it is not on the allowlist"]);
      assert.deepEqual(refused.egress, {
        records: [{
          host: "evil.example",
          port: 443,
          verdict: "refused",
          why: "it is not on the allowlist",
          connections: 1,
          upBytes: 0,
          downBytes: 0,
        }],
        connectionsLeftOut: 0,
      });
      const [reached] = read.egress?.records ?? [];
      assert.deepEqual([reached?.host, reached?.port, reached?.verdict, reached?.connections], [
        "allowed.example",
        80,
        "allowed",
        1,
      ]);
      assert.ok((reached?.upBytes ?? 0) > 50 && (reached?.downBytes ?? 0) > 50_000, JSON.stringify(reached));
      const none = yield* call("web_fetch", {});
      assert.deepEqual([none.isError, none.egress], [true, undefined]);
      const seen = [found, read, refused].map(({ egress }) =>
        egress?.records.map(({ host, port, verdict, why, downBytes }) => [host, port, verdict, why, downBytes > 0])
      );
      assert.deepEqual(seen, [
        [["127.0.0.1", server.addr.port, "allowed", undefined, true]],
        [["allowed.example", 80, "allowed", undefined, true]],
        [["evil.example", 443, "refused", "it is not on the allowlist", false]],
      ]);
    }).pipe(Effect.provide(tools), Effect.scoped);
  }));

it.live("what was read of the web stands with the sandbox of its owner, each redirect by itself, until a reset", () =>
  Effect.gen(function* () {
    const world = yield* egressWorld({ "bad.example": ["127.0.0.1"] });
    const web = Layer.provide(layerOver(world.outside, world.certificate), Settings.layerWith(settings));
    let resets = 0;
    const ofSandbox = { host: "pypi.org", port: 443, verdict: "allowed" as const, connections: 1 };
    const sandboxes = Layer.mock(Sandbox, {
      info: { kind: "scripted", why: "a test", controls: [], notes: [] },
      egress: () => Effect.succeed({ records: [{ ...ofSandbox, upBytes: 1, downBytes: 2 }], connectionsLeftOut: 3 }),
      reset: () => Effect.sync(() => void resets++),
    });
    yield* Effect.gen(function* () {
      const { fetch } = yield* WebReader;
      const sandbox = yield* Sandbox;
      const other: Owner = { ...owner, user: "another" };
      const shown = (whose: Owner) =>
        Effect.map(sandbox.egress?.(whose) ?? Effect.undefined, (summary) => [
          summary?.connectionsLeftOut,
          ...summary?.records.map(({ host, port, verdict, connections }) =>
            `${connections} ${verdict} ${host}:${port}`
          ) ?? [],
        ]);
      assert.ok(fetch !== undefined);
      const get = (url: string) => Effect.ignore(fetch(owner, url));
      yield* get(`https://allowed.example/to/${encodeURIComponent("https://evil.example/?secret=in-a-path")}`);
      yield* get("https://bad.example/");
      yield* get("https://bad.example/");
      yield* get("http://169.254.169.254/latest");
      assert.deepEqual(yield* shown(owner), [
        3,
        "1 allowed pypi.org:443",
        "1 allowed allowed.example:443",
        "1 refused evil.example:443",
        "2 refused bad.example:443",
        "1 refused ?:0",
      ]);
      assert.deepEqual(yield* shown(other), [3, "1 allowed pypi.org:443"]);
      for (let at = 0; at < 200; at++) yield* get(`https://n${at}.example/`);
      const many = yield* shown(owner);
      assert.deepEqual([many.length, many[0]], [129, 3 + 205 - 128]);
      assert.doesNotMatch(JSON.stringify(yield* sandbox.egress?.(owner) ?? Effect.undefined), /in-a-path|latest/);
      yield* sandbox.reset(owner);
      assert.deepEqual([yield* shown(owner), resets], [[3, "1 allowed pypi.org:443"], 1]);
    }).pipe(Effect.provide(Layer.provideMerge(attended(sandboxes), web)));
  }));

it.live("a page that nobody waits for any more is recorded as not answered", () =>
  Effect.gen(function* () {
    const asking = yield* Deferred.make<void>();
    const outside: Outside = {
      resolve: () => Effect.andThen(Deferred.succeed(asking, undefined), Effect.never),
      connect: () => Effect.never,
    };
    const web = Layer.provide(layerOver(outside), Settings.layerWith(settings));
    yield* Effect.gen(function* () {
      const { fetch, asked } = yield* WebReader;
      assert.ok(fetch !== undefined && asked !== undefined);
      const fetching = yield* Effect.forkChild(fetch(owner, "https://allowed.example/"));
      yield* Deferred.await(asking);
      yield* Fiber.interrupt(fetching);
      assert.deepEqual((yield* asked.of(owner))?.records, [{
        host: "allowed.example",
        port: 443,
        verdict: "failed",
        connections: 1,
        upBytes: 0,
        downBytes: 0,
        why: "no answer in time",
      }]);
    }).pipe(Effect.provide(web));
  }));

it.effect("without settings neither tool is there", () =>
  Effect.gen(function* () {
    const sandbox = Layer.mock(Sandbox, { info: { kind: "scripted", why: "a test", controls: [], notes: [] } });
    const given = Settings.layerWith();
    const tools = toolboxLayer.pipe(Layer.provide(sandbox), Layer.provide(given));
    const names = yield* Effect.gen(function* () {
      return (yield* (yield* Toolbox).open(owner)).declarations.map(({ name }) => name);
    }).pipe(Effect.provide(tools), Effect.scoped);
    assert.ok(!names.some((name) => name.startsWith("web_")));
  }));
