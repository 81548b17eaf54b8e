import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { Effect, Option, Redacted, Stream } from "effect";
import { unzipSync } from "fflate";
import { archiveOf } from "../../src/http/caisson/archive.ts";
import { FileError } from "../../src/services/Sandbox.ts";
import { it } from "../support/it.ts";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { SettingsService } from "../../src/config.ts";
import { linkKeys, signLink } from "../../src/http/caisson/sealedLinks.ts";
import { stripActivity } from "../../src/domain/resentActivity.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import { type App, withApp } from "../support/app.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";

const png = new Uint8Array([
  0x89,
  0x50,
  0x4e,
  0x47,
  0x0d,
  0x0a,
  0x1a,
  0x0a,
  ...Array.from({ length: 500 }, (_, n) => n % 251),
]);
const html = new TextEncoder().encode("<script>alert(1)</script>");

const secret = "a secret for links";
const settings: Partial<SettingsService> = {
  apiKeys: Option.some(Redacted.make("ann:key-ann-000000000000,bob:key-bob-000000000000")),
  linkSecret: Option.some(Redacted.make(secret)),
  publicUrl: Option.some("http://caisson.test"),
};
const ann = { authorization: "Bearer key-ann-000000000000" };
const bob = { authorization: "Bearer key-bob-000000000000" };
const annKey = ownerKey({ principal: "api-key:ann", user: "u1", ephemeral: false });

/** A sandbox in which running anything makes the given files. */
const making = (made: Readonly<Record<string, Uint8Array>>) => {
  const sandbox = fakeSandbox(() =>
    Effect.sync(() => {
      for (const [name, bytes] of Object.entries(made)) sandbox.files.set(`${annKey}:/workspace/${name}`, bytes);
      return outcome("done\n");
    })
  );
  return sandbox;
};
const steps = [
  Scripted.calls(Scripted.toolCall("c1", "execute_bash", { command: "python3 draw.py" })),
  Scripted.answers("Here it is."),
];
const ask = (app: App, extra: Record<string, unknown> = {}) =>
  app.chat({ model: "scripted", user: "u1", messages: [{ role: "user", content: "Draw" }], ...extra }, ann);
const listed = async (app: App, headers: Record<string, string> = ann) => {
  const response = await app.get("/v1/artifacts?user=u1", headers);
  assert.equal(response.status, 200);
  return (await response.json()).data;
};
const pathOf = (url: string) => url.replace("http://caisson.test", "");
const fetched = async (app: App, path: string, headers: Record<string, string> = {}) => {
  const response = await app.get(path, headers);
  return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
};

Deno.test("a run's answer carries a link that opens the image without a key when it made one", () =>
  withApp(
    { steps, settings, sandbox: making({ "chart.png": png, "data.csv": new Uint8Array(1234), ".cache/x": png }) },
    async (app) => {
      const content: string = (await (await ask(app)).json()).choices[0].message.content;
      const image = /!\[chart\.png\]\((\S+)\)/.exec(content)?.[1] ?? assert.fail(content);
      assert.match(content, /\n\[data\.csv\]\(\S+\) \(1\.2 kB\)/);
      assert.ok(!content.includes(".cache"));
      const { response, bytes } = await fetched(app, pathOf(image));
      assert.equal(response.status, 200);
      const sha = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
      assert.equal(sha(bytes), sha(png));
      const header = (name: string) => response.headers.get(name);
      assert.equal(header("content-type"), "image/png");
      assert.equal(header("x-content-type-options"), "nosniff");
      assert.equal(header("content-security-policy"), "default-src 'none'; sandbox");
      assert.match(header("content-disposition") ?? "", /^inline; filename="chart\.png"/);
      assert.equal(header("content-length"), String(png.length));
      assert.equal(stripActivity(content).replace(/\s+/g, " ").trim(), "Here it is.");
    },
  ));

Deno.test("a run's answer shows no files when the view shows no activity or nobody is named", async () => {
  await withApp({ steps, settings, sandbox: making({ "chart.png": png }) }, async (app) => {
    const hidden = await (await ask(app, { metadata: { view: "none" } })).json();
    assert.equal(hidden.choices[0].message.content, "Here it is.");
  });
  await withApp({ steps, sandbox: making({ "chart.png": png }) }, async (app) => {
    const response = await app.chat({ model: "scripted", messages: [{ role: "user", content: "Draw" }] });
    assert.ok(!(await response.json()).choices[0].message.content.includes("/v1/artifacts"));
  });
});

Deno.test("a resent answer with links continues its session when the client resends what it was shown", () => {
  let roles: ReadonlyArray<string> = [];
  const listening: Scripted.Step = (request) => {
    roles = request.messages.map(({ role }) => role);
    return [Scripted.text("Welcome."), Scripted.finished()];
  };
  const sandbox = making({ "chart.png": png });
  return withApp({ steps: [...steps, listening], settings, sandbox }, async (app) => {
    const content: string = (await (await ask(app)).json()).choices[0].message.content;
    assert.match(content, /!\[chart\.png\]/);
    const messages = [
      { role: "user", content: "Draw" },
      { role: "assistant", content },
      { role: "user", content: "Thanks" },
    ];
    await (await ask(app, { messages })).body?.cancel();
    // The stored call and its result, not the text of the answer alone.
    assert.deepEqual(roles, ["user", "assistant", "tool", "assistant", "user"]);
  });
});

Deno.test("a link is refused when its time is over or anything in it was changed", () =>
  withApp({ settings, sandbox: making({}), steps }, async (app) => {
    await app.send(upload("/v1/artifacts?user=u1&path=a.txt", "hello"));
    const [{ id, url }] = await listed(app);
    assert.equal((await fetched(app, pathOf(url))).response.status, 200);
    const at = (expires: number, signature = signLink(linkKeys(secret), id, expires)) =>
      fetched(app, `/v1/artifacts/${id}/content?expires=${expires}&signature=${signature}`);
    const late = await at(1_000);
    assert.equal(late.response.status, 410);
    assert.equal(JSON.parse(new TextDecoder().decode(late.bytes)).error.code, "link_expired");
    const good = new URL(url).searchParams;
    assert.equal((await at(Number(good.get("expires")) + 1, good.get("signature") ?? "")).response.status, 404);
    assert.equal((await at(4_000_000_000, signLink(linkKeys("another"), id, 4_000_000_000))).response.status, 404);
    const flipped = id.slice(0, -2) + (id.at(-2) === "A" ? "B" : "A") + id.at(-1);
    assert.equal((await fetched(app, `/v1/artifacts/${flipped}/content?user=u1`, ann)).response.status, 404);
  }));

Deno.test("an artifact is 404 for every other user and principal, and 401 without a key", () =>
  withApp({ settings, sandbox: making({}), steps }, async (app) => {
    await app.send(upload("/v1/artifacts?user=u1&path=a.txt", "hello"));
    const [{ id }] = await listed(app);
    const path = `/v1/artifacts/${id}/content`;
    assert.equal((await fetched(app, `${path}?user=u1`, ann)).response.status, 200);
    assert.equal((await fetched(app, `${path}?user=u2`, ann)).response.status, 404);
    assert.equal((await fetched(app, `${path}?user=u1`, bob)).response.status, 404);
    assert.equal((await fetched(app, `${path}?user=u1`)).response.status, 401);
    assert.equal((await app.get("/v1/artifacts?user=u1")).status, 401);
    assert.deepEqual(await listed(app, bob), []);
    for (const foreign of ["artifact-x", "artifact-" + "A".repeat(60), "..%2F..%2Fetc%2Fpasswd"]) {
      assert.equal((await fetched(app, `/v1/artifacts/${foreign}/content?user=u1`, ann)).response.status, 404, foreign);
    }
  }));

Deno.test("a file is only bytes to save when it is named like an image and is none", () =>
  withApp(
    { settings, steps, sandbox: making({ "evil.png": html, "pic.svg": html, "page.html": html }) },
    async (app) => {
      const content: string = (await (await ask(app)).json()).choices[0].message.content;
      assert.ok(!content.includes("!["), content);
      for (const { url, filename } of await listed(app)) {
        const { response } = await fetched(app, pathOf(url));
        assert.match(response.headers.get("content-disposition") ?? "", /^attachment;/, filename);
        assert.equal(response.headers.get("x-content-type-options"), "nosniff");
        if (filename !== "page.html") assert.equal(response.headers.get("content-type"), "application/octet-stream");
      }
    },
  ));

Deno.test("a download resumes when a range is asked for, and starts again when the file has changed", () =>
  withApp({ settings, steps, sandbox: making({ "chart.png": png }) }, async (app) => {
    await ask(app);
    const [{ url }] = await listed(app);
    const whole = await fetched(app, pathOf(url));
    const etag = whole.response.headers.get("etag") ?? "";
    const part = (range: string, more: Record<string, string> = {}) => fetched(app, pathOf(url), { range, ...more });
    const rest = await part("bytes=100-", { "if-range": etag });
    assert.equal(rest.response.status, 206);
    assert.equal(rest.response.headers.get("content-range"), `bytes 100-${png.length - 1}/${png.length}`);
    assert.deepEqual(rest.bytes, png.slice(100));
    assert.deepEqual((await part("bytes=-7")).bytes, png.slice(-7));
    assert.deepEqual((await part("bytes=0-0")).bytes, png.slice(0, 1));
    assert.equal((await part("bytes=100-", { "if-range": '"other"' })).response.status, 200);
    const beyond = await part("bytes=99999-");
    assert.equal(beyond.response.status, 416);
    assert.equal(beyond.response.headers.get("content-range"), `bytes */${png.length}`);
    assert.equal((await fetched(app, pathOf(url), { "if-none-match": etag })).response.status, 304);
  }));

const upload = (path: string, body: BodyInit, headers: Record<string, string> = ann) =>
  new Request(`http://caisson.test${path}`, { method: "POST", body, headers });

Deno.test("an upload lands in the workspace when it is a form or plain bytes", () =>
  withApp({ settings, steps, sandbox: making({}) }, async (app) => {
    const form = new FormData();
    form.set("file", new File(["a,b\n1,2\n"], "sales.csv"));
    const sent = await (await app.send(upload("/v1/artifacts?user=u1", form))).json();
    assert.equal(sent.path, "/workspace/uploads/sales.csv");
    assert.equal(sent.media_type, "text/csv");
    form.set("path", "data/./in.csv");
    assert.equal((await (await app.send(upload("/v1/artifacts?user=u1", form))).json()).path, "/workspace/data/in.csv");
    const raw = await (await app.send(upload("/v1/artifacts?user=u1&path=/workspace/x.bin", new Uint8Array(3)))).json();
    assert.deepEqual([raw.path, raw.bytes], ["/workspace/x.bin", 3]);
    assert.equal((await listed(app)).length, 3);
  }));

Deno.test("an upload is refused when its path leaves the workspace, it is too large or nobody is named", async () => {
  await withApp({ settings: { ...settings, artifactMbMax: 1 }, steps, sandbox: making({}) }, async (app) => {
    for (const path of ["../etc/passwd", "/etc/passwd", "a/../../b", "%00", "/workspace", "/workspaces/x", "a%0Ab"]) {
      const response = await app.send(upload(`/v1/artifacts?user=u1&path=${path}`, "x"));
      assert.equal(response.status, 400, path);
      assert.equal((await response.json()).error.param, "path");
    }
    const large = await app.send(upload("/v1/artifacts?user=u1&path=a", new Uint8Array(1024 * 1024 + 1)));
    assert.equal(large.status, 413);
    await large.body?.cancel();
    assert.equal((await listed(app)).length, 0);
  });
  await withApp({ steps, sandbox: making({}) }, async (app) => {
    const response = await app.send(upload("/v1/artifacts?path=a", "x", {}));
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.param, "user");
  });
});

Deno.test("a file opens by its link when its path is as long as paths get", () => {
  const long = `${"d".repeat(200)}/`.repeat(19) + "file.txt";
  return withApp({ settings, steps, sandbox: making({ [long]: png }) }, async (app) => {
    await ask(app);
    const [{ url }] = await listed(app);
    assert.equal((await fetched(app, pathOf(url))).response.status, 200);
  });
});

Deno.test("a file is 413 when it is larger than the limit", () =>
  withApp({
    settings: { ...settings, artifactMbMax: 1 },
    steps,
    sandbox: making({ "big.bin": new Uint8Array(1024 * 1024 + 1) }),
  }, async (app) => {
    await ask(app);
    const [{ url }] = await listed(app);
    const { response } = await fetched(app, pathOf(url));
    assert.equal(response.status, 413);
  }));

const removed = (app: App, id: string, headers: Record<string, string>) =>
  app.send(new Request(`http://caisson.test/v1/artifacts/${id}?user=u1`, { method: "DELETE", headers }));

/** Ann's workspace with some files, in a sandbox that deletes what it is asked to. */
const kept = (files: Readonly<Record<string, Uint8Array>>, refuses = false) => {
  const sandbox = fakeSandbox(({ command }) =>
    Effect.sync(() => {
      const path = /^rm -f -- '(.*)'$/s.exec(command)?.[1]?.replaceAll(`'\\''`, "'");
      if (path === undefined || refuses) return outcome("", 1);
      sandbox.files.delete(`${annKey}:${path}`);
      return outcome("");
    })
  );
  for (const [name, bytes] of Object.entries(files)) sandbox.files.set(`${annKey}:/workspace/${name}`, bytes);
  return sandbox;
};

Deno.test("a file is deleted by its id, whatever its name; another's id is none", () => {
  const sandbox = kept({ "it's $(here).csv": new Uint8Array(3), "other.csv": new Uint8Array(4) });
  return withApp({ steps: [], settings, sandbox }, async (app) => {
    const [file] = (await listed(app)).filter((one: { filename: string }) => one.filename.startsWith("it's"));
    const stranger = await removed(app, file.id, bob);
    assert.equal(stranger.status, 404);
    const response = await removed(app, file.id, ann);
    assert.deepEqual(await response.json(), { id: file.id, object: "artifact.deleted", deleted: true });
    assert.deepEqual((await listed(app)).map((one: { filename: string }) => one.filename), ["other.csv"]);
    const again = await removed(app, file.id, ann);
    assert.equal(again.status, 404);
  });
});

Deno.test("a file that is listed and cannot be read is answered with why, and not with a broken connection", () => {
  const sandbox = kept({ "closed.csv": new Uint8Array(3), "whole.csv": new Uint8Array(4) });
  sandbox.closed.add(`${annKey}:/workspace/closed.csv`);
  return withApp({ steps: [], settings, sandbox }, async (app) => {
    const answers = new Map<string, Response>();
    for (const { id, filename } of await listed(app)) {
      answers.set(filename, await app.get(`/v1/artifacts/${id}/content?user=u1`, ann));
    }
    const refused = answers.get("closed.csv");
    assert.equal(refused?.status, 400);
    const { error } = await refused.json();
    assert.deepEqual([error.message, error.code], ["/workspace/closed.csv: permission denied", "invalid_file"]);
    assert.equal((await answers.get("whole.csv")?.arrayBuffer())?.byteLength, 4);
  });
});

Deno.test("an upload that the sandbox refuses names the field that says where it goes", () => {
  const sandbox = kept({});
  for (const path of ["closed.csv", "uploads/closed.csv"]) sandbox.closed.add(`${annKey}:/workspace/${path}`);
  return withApp({ steps: [], settings, sandbox }, async (app) => {
    const form = new FormData();
    form.append("file", new Blob(["a"]), "closed.csv");
    for (const [query, body, param] of [["&path=closed.csv", "a", "path"], ["", form, "file"]] as const) {
      const url = `http://caisson.test/v1/artifacts?user=u1${query}`;
      const response = await app.send(new Request(url, { method: "POST", headers: ann, body }));
      const { error } = await response.json();
      assert.deepEqual([response.status, error.code, error.param], [400, "invalid_file", param]);
      assert.match(error.message, /closed\.csv: permission denied/);
    }
  });
});

Deno.test("a file that the sandbox does not let go of is told, and stays", () =>
  withApp({ steps: [], settings, sandbox: kept({ "a.csv": new Uint8Array(3) }, true) }, async (app) => {
    const [file] = await listed(app);
    const response = await removed(app, file.id, ann);
    assert.match((await response.json()).error.message, /a\.csv: the sandbox does not let go of it/);
    assert.equal((await listed(app)).length, 1);
  }));

Deno.test("the archive holds every listed file, under names that are safe everywhere", () => {
  const files = {
    "chart.png": png,
    "a/b.csv": new TextEncoder().encode("a,b\n"),
    "a\\..\\c": png,
    "empty": new Uint8Array(),
  };
  return withApp({ steps: [], settings, sandbox: kept({ ...files, ".cache/x": png }) }, async (app) => {
    const { response, bytes } = await fetched(app, "/v1/artifacts/archive?user=u1", ann);
    assert.equal(response.headers.get("content-type"), "application/zip");
    assert.equal(response.headers.get("content-disposition"), 'attachment; filename="workspace.zip"');
    const entries = unzipSync(bytes);
    assert.deepEqual(Object.keys(entries).toSorted(), ["a/b.csv", "a_.._c", "chart.png", "empty"]);
    assert.deepEqual(entries["chart.png"], png);
    const none = await fetched(app, "/v1/artifacts/archive?user=nobody", bob);
    assert.deepEqual(unzipSync(none.bytes), {});
  });
});

it.effect("a file that shrinks or vanishes while it is read is named in the archive, and the others are whole", () =>
  Effect.gen(function* () {
    const gone = new FileError({ path: "/workspace/gone", reason: "NotFound", why: "no such file" });
    const readBytes = (path: string) =>
      path === "/workspace/gone" ? Stream.fail(gone) : Stream.make(new Uint8Array(2), new Uint8Array(2));
    const entry = (name: string) => ({
      path: `/workspace/${name}`,
      sizeBytes: 4,
      modifiedAtMs: Number.MAX_SAFE_INTEGER,
    });
    const pieces = yield* Stream.runCollect(archiveOf(readBytes, [entry("gone"), entry("here")]));
    const entries = unzipSync(Buffer.concat(pieces));
    assert.equal(entries["here"]?.length, 4);
    assert.match(new TextDecoder().decode(entries["NOT-INCLUDED.txt"]), /\ngone\n/);
  }));
