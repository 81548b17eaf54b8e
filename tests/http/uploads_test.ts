/**
 * Files pass through the server, in both directions and through both services: what is held is bounded, whatever
 * their size.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Option, Redacted, type Scope, Stream } from "effect";
import { HttpServer } from "effect/http";
import * as Limits from "../../src/adapters/limits/Counted.ts";
import { layer as remoteLayer } from "../../src/adapters/sandbox/remote/Remote.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { layer as serverLayer } from "../../src/mcp/http.ts";
import { FileError, noStreams, Sandbox, type SandboxHandle } from "../../src/services/Sandbox.ts";
import { makeFakeToolbox } from "../mcp/support/fakeToolbox.ts";
import { keyed } from "../mcp/support/server.ts";
import { type App, makeApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { served } from "../support/served.ts";

const mebibyte = 1024 * 1024;
const fileBytes = 48 * mebibyte;
const piece = new Uint8Array(64 * 1024).fill(97);
/** What may be under way in one process: a window or two of pieces, and a file's first megabyte. */
const heldBytesMax = 2 * mebibyte;
/** What may be under way between processes: each socket's buffers besides, both ways. */
const heldBySocketsMax = 24 * mebibyte;

const apiSettings: Partial<SettingsService> = { bodyBytesMax: 64 * mebibyte };

/** Counts what one end gave and the other took. */
class Meter {
  given = 0;
  taken = 0;
  heldMax = 0;
  give(bytes: Uint8Array): Uint8Array {
    this.given += bytes.length;
    this.heldMax = Math.max(this.heldMax, this.given - this.taken);
    return bytes;
  }
  take(bytes: Uint8Array): void {
    this.taken += bytes.length;
  }
}

/** A turn of the event loop, in which everybody else may run ahead. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void));
});

/** A sandbox that keeps no file: it counts what is written, and reads what never was there. */
const metered = (meter: Meter) => {
  const handle: SandboxHandle = {
    id: "metered",
    execute: () => Effect.die("nothing is run"),
    runCell: () => Effect.die("nothing is run"),
    writeFile: (_path, content) =>
      content instanceof Uint8Array ? Effect.die("the file was held as a whole") : Stream.runFold(
        Stream.tap(content, (bytes) => Effect.andThen(turn, Effect.sync(() => meter.take(bytes)))),
        () => 0,
        (sum, bytes) => sum + bytes.length,
      ),
    readText: (path) => Effect.fail(new FileError({ path, reason: "NotFound", why: "none" })),
    readBytes: (_path, range) =>
      Stream.unfold(range?.length ?? fileBytes, (left) => {
        const bytes = piece.subarray(0, left);
        return Effect.succeed(left === 0 ? undefined : [meter.give(bytes), left - bytes.length] as const);
      }),
    readDocstring: () => Effect.succeed(""),
    dial: noStreams,
    changedFiles: () =>
      Effect.succeed([{ path: "/workspace/data.bin", sizeBytes: fileBytes, modifiedAtMs: Date.UTC(2100) }]),
  };
  return Layer.succeed(
    Sandbox,
    Sandbox.of({
      info: { kind: "scripted", why: "a test", controls: [], notes: [] },
      health: Effect.succeed({ healthy: true, detail: "metered", open: 0 }),
      open: () => Effect.succeed(handle),
      reset: () => Effect.void,
    }),
  );
};

/** The same sandbox behind a tool server, on sockets. */
const behindServer = (sandbox: Layer.Layer<Sandbox>): Effect.Effect<Layer.Layer<Sandbox>, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const toolbox = yield* makeFakeToolbox;
    const context = yield* Layer.build(
      serverLayer.pipe(
        Layer.provide([toolbox.layer, sandbox, keyed, Limits.layerMemory]),
        Layer.provide(Settings.layerWith({ mcpPort: 0, shutdownGraceSeconds: 0 })),
      ),
    );
    const { address } = yield* Effect.provide(HttpServer.HttpServer, context);
    return remoteLayer(`http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`).pipe(
      Layer.provide(Settings.layerWith({ mcpApiKey: Option.some(Redacted.make("key-a")) })),
    );
  });

const boundary = "a-boundary";
const part = (name: string, more = "") =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`;
const filePart = part("file", '; filename="data.bin"');
const pathPart = `${part("path")}data.bin\r\n`;
const formType = { "content-type": `multipart/form-data; boundary=${boundary}` };

/** A body of that size between two texts, made while it is read. */
const flowing = (meter: Meter, before = "", after = ""): ReadableStream<Uint8Array<ArrayBuffer>> => {
  let left = fileBytes;
  const encode = (text: string) => new TextEncoder().encode(text);
  return new ReadableStream({
    start: (controller) => controller.enqueue(encode(before)),
    pull: (controller) => {
      if (left > 0) {
        left -= piece.length;
        meter.give(piece);
        controller.enqueue(piece);
      } else {
        controller.enqueue(encode(after));
        controller.close();
      }
    },
  });
};

type Send = (path: string, init: RequestInit) => Promise<Response>;

const uploads: Readonly<Record<string, readonly [string, Record<string, string>, string, string]>> = {
  "plain bytes": ["/v1/artifacts?user=u&path=data.bin", {}, "", ""],
  "a form with its path first": ["/v1/artifacts?user=u", formType, pathPart + filePart, `\r\n--${boundary}--\r\n`],
  "a form without a path": ["/v1/artifacts?user=u&path=data.bin", formType, filePart, `\r\n--${boundary}--\r\n`],
};

const passesThrough = (send: Send, meter: Meter, bytesMax: number) =>
  Effect.promise(async () => {
    for (const [name, [path, headers, before, after]] of Object.entries(uploads)) {
      Object.assign(meter, { given: 0, taken: 0, heldMax: 0 });
      const response = await send(path, { method: "POST", headers, body: flowing(meter, before, after) });
      assert.equal(response.status, 200, `${name}: ${await response.text()}`);
      assert.equal(meter.taken, fileBytes, name);
      assert.ok(meter.heldMax <= bytesMax, `${name}: ${meter.heldMax} bytes were held`);
    }
    const { data: [file] } = await (await send("/v1/artifacts?user=u", {})).json();
    Object.assign(meter, { given: 0, taken: 0, heldMax: 0 });
    const download = await send(`/v1/artifacts/${file.id}/content?user=u`, {});
    for await (const bytes of download.body ?? []) {
      meter.take(bytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(meter.taken, fileBytes);
    assert.ok(meter.heldMax <= bytesMax, `a download: ${meter.heldMax} bytes were held`);
  });

const application = (sandbox: Layer.Layer<Sandbox>): Effect.Effect<App, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => makeApp({ settings: apiSettings, sandbox: { ...fakeSandbox(), layer: sandbox } })),
    ({ dispose }) => Effect.promise(dispose),
  );

const sendTo = ({ send }: App): Send => (path, init) => send(new Request(`http://caisson.test${path}`, init));

it.live("files pass through the application, which holds no more of them than a few pieces", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    const app = yield* application(metered(meter));
    yield* passesThrough(sendTo(app), meter, heldBytesMax);
  }));

it.live("files pass through two services, which hold no more of them than their sockets", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    const sandbox = yield* behindServer(metered(meter));
    const url = yield* served({ settings: apiSettings, sandbox: { ...fakeSandbox(), layer: sandbox } });
    yield* passesThrough((path, init) => fetch(`${url}${path}`, init), meter, heldBySocketsMax);
  }));

it.live("an upload that is not whole, or names its path too late, is refused and nothing is written", () =>
  Effect.gen(function* () {
    const sandbox = fakeSandbox();
    const app = yield* application(sandbox.layer);
    const send = sendTo(app);
    const large = "a".repeat(2 * mebibyte);
    const end = `\r\n--${boundary}--\r\n`;
    const cases: ReadonlyArray<readonly [string, string | null, RegExp]> = [
      [`${filePart}${large}\r\n${pathPart}--${boundary}--\r\n`, "path", /before 'file'/],
      [`${pathPart}${filePart}${large}`, null, /could not be read/],
      [`${pathPart}${filePart}abc`, null, /could not be read/],
      [`${pathPart}${part("file")}abc${end}`, "file", /Expected a file/],
      [`${part("path")}\r\n${part("file", '; filename=""')}abc${end}`, "path", /Name the file/],
      [`${part("path")}../x\r\n${filePart}abc${end}`, "path", /under \/workspace/],
      [`${part("path")}${"x".repeat(20_000)}\r\n${filePart}abc${end}`, "path", /under \/workspace/],
      [`${pathPart}--${boundary}--\r\n`, "file", /Expected a file/],
    ];
    for (const [body, param, why] of cases) {
      const response = yield* Effect.promise(() =>
        send("/v1/artifacts?user=u", { method: "POST", headers: formType, body })
      );
      const { error } = yield* Effect.promise(() => response.json());
      assert.deepEqual([response.status, error.param], [400, param], body.slice(0, 200));
      assert.match(error.message, why);
    }
    assert.equal(sandbox.files.size, 0);
    const late = yield* Effect.promise(() =>
      send("/v1/artifacts?user=u", {
        method: "POST",
        headers: formType,
        body: `${filePart}abc\r\n${pathPart}--${boundary}--\r\n`,
      })
    );
    assert.equal((yield* Effect.promise(() => late.json())).path, "/workspace/data.bin");
  }));
