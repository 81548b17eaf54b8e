/**
 * `/v1/files`: sent, listed, fetched and deleted by their keeper alone, bounded, and never half.
 */
import assert from "node:assert/strict";
import { type App, type AppOptions, withApp } from "../support/app.ts";

type Json = Record<string, unknown>;

const ask = async (app: App, method: string, path: string, body?: BodyInit, user = "ada"): Promise<Response> =>
  await app.send(
    new Request(`http://caisson.test/v1${path}`, {
      method,
      headers: user === "" ? {} : { "x-user-id": user },
      ...(body === undefined ? {} : { body }),
    }),
  );
const read = async (app: App, method: string, path: string, body?: BodyInit, user?: string): Promise<Json> =>
  await (await ask(app, method, path, body, user)).json();

const form = (content: string | Uint8Array<ArrayBuffer>, fields: Record<string, string> = {}, name = "sales.csv") => {
  const made = new FormData();
  made.append("file", new Blob([content]), name);
  for (const [key, value] of Object.entries({ purpose: "user_data", ...fields })) made.append(key, value);
  return made;
};

/** Every file under a directory. */
const filesUnder = async (path: string): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (isDirectory) found.push(...await filesUnder(`${path}/${name}`));
      else found.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
};

const withFiles = async (options: AppOptions, work: (app: App, path: string) => Promise<void>) => {
  const dataPath = await Deno.makeTempDir({ prefix: "caisson-files-" });
  try {
    await withApp({ ...options, settings: { ...options.settings, dataPath } }, (app) => work(app, `${dataPath}/files`));
  } finally {
    await Deno.remove(dataPath, { recursive: true });
  }
};

Deno.test("a file is sent, looked at, fetched and deleted by its keeper alone", () =>
  withFiles({}, async (app, path) => {
    const bytes = new Uint8Array(200_000).map((_, index) => (index * 31) % 251);
    const file = await read(app, "POST", "/files", form(bytes, {}, 'folder/Ümsätze "neu".csv'));
    const { id, created_at, expires_at, ...rest } = file;
    assert.match(String(id), /^file-[0-9a-f]{40}$/);
    assert.deepEqual(rest, {
      object: "file",
      bytes: bytes.length,
      filename: 'Ümsätze "neu".csv',
      purpose: "user_data",
      status: "processed",
      status_details: null,
    });
    assert.equal(Number(expires_at) - Number(created_at), 365 * 24 * 60 * 60);
    assert.deepEqual(await read(app, "GET", `/files/${id}`), file);
    const content = await ask(app, "GET", `/files/${id}/content`);
    assert.equal(content.headers.get("content-length"), String(bytes.length));
    assert.match(
      content.headers.get("content-disposition") ?? "",
      /^attachment; filename="_ms_tze _neu_\.csv"; filename\*=UTF-8''%C3%9Cms/,
    );
    assert.equal(content.headers.get("x-content-type-options"), "nosniff");
    assert.deepEqual(new Uint8Array(await content.arrayBuffer()), bytes);

    for (const [method, more] of [["GET", ""], ["GET", "/content"], ["DELETE", ""]] as const) {
      const refused = await ask(app, method, `/files/${id}${more}`, undefined, "eve");
      assert.equal(refused.status, 404);
      assert.deepEqual((await refused.json()).error, {
        message: `No such File object: ${id}`,
        type: "invalid_request_error",
        param: "id",
        code: null,
      });
    }
    assert.deepEqual((await read(app, "GET", "/files", undefined, "eve"))["data"], []);
    assert.deepEqual(await read(app, "DELETE", `/files/${id}`), { id, object: "file", deleted: true });
    assert.equal((await ask(app, "GET", `/files/${id}`)).status, 404);
    assert.deepEqual(await filesUnder(path), []);
  }));

Deno.test("files are listed in pages, by purpose and in both orders", () =>
  withFiles({}, async (app) => {
    const ids: Array<unknown> = [];
    for (const purpose of ["user_data", "vision", "user_data"]) {
      ids.push((await read(app, "POST", "/files", form("x", { purpose })))["id"]);
    }
    const list = async (query: string) => {
      const page = await read(app, "GET", `/files${query}`);
      return { ids: (page["data"] as ReadonlyArray<Json>).map(({ id }) => id), more: page["has_more"] };
    };
    assert.deepEqual(await list(""), { ids: ids.toReversed(), more: false });
    assert.deepEqual(await list("?order=asc&limit=2"), { ids: ids.slice(0, 2), more: true });
    assert.deepEqual(await list(`?order=asc&after=${ids[1]}`), { ids: ids.slice(2), more: false });
    assert.deepEqual(await list("?purpose=vision"), { ids: [ids[1]], more: false });
    assert.deepEqual(await list("?purpose=none"), { ids: [], more: false });
    assert.deepEqual(await list("?limit=10000"), { ids: ids.toReversed(), more: false });
    for (const query of ["limit=10001", "limit=0", "order=up", "after=file-none"]) {
      const refused = await ask(app, "GET", `/files?${query}`);
      assert.equal(refused.status, 400, query);
      assert.equal((await refused.json()).error.param, query.slice(0, query.indexOf("=")));
    }
  }));

Deno.test("strangers without a name list nothing, and fetch what they know the id of", () =>
  withFiles({}, async (app) => {
    const { id } = await read(app, "POST", "/files", form("x"), "");
    assert.deepEqual((await read(app, "GET", "/files", undefined, ""))["data"], []);
    assert.equal((await ask(app, "GET", `/files/${id}`, undefined, "")).status, 200);
  }));

Deno.test("a form that is wrong is refused by its field and leaves nothing", () =>
  withFiles({}, async (app, path) => {
    const noPurpose = new FormData();
    noPurpose.append("file", new Blob(["x"]), "x");
    const noFile = new FormData();
    noFile.append("purpose", "user_data");
    const textFile = new FormData();
    textFile.append("file", "no file");
    const [anchor, seconds] = ["expires_after[anchor]", "expires_after[seconds]"];
    const cases: ReadonlyArray<readonly [BodyInit, string]> = [
      [noPurpose, "purpose"],
      [form("x", { purpose: "world domination" }), "purpose"],
      [form("x", { purpose: "x".repeat(2_000) }), "purpose"],
      [noFile, "file"],
      [textFile, "file"],
      ["{}", "file"],
      [form("x", { [anchor]: "last_active_at", [seconds]: "3600" }), anchor],
      [form("x", { [seconds]: "3600" }), anchor],
      [form("x", { [anchor]: "created_at" }), seconds],
      ...["3599", "2592001", "1e4", "", "-1"].map((value) =>
        [form("x", { [anchor]: "created_at", [seconds]: value }), seconds] as const
      ),
    ];
    for (const [body, param] of cases) {
      const refused = await ask(app, "POST", "/files", body);
      const { error } = await refused.json();
      assert.deepEqual([refused.status, error.param], [400, param], JSON.stringify(error));
    }
    const purpose = await read(app, "POST", "/files", form("x", { purpose: "nope" }));
    assert.match(JSON.stringify(purpose), /'nope' is not one of \['assistants', 'batch', 'fine-tune'/);
    assert.deepEqual(await filesUnder(path), []);
    const short = await read(app, "POST", "/files", form("x", { [anchor]: "created_at", [seconds]: "3600" }));
    assert.equal(Number(short["expires_at"]) - Number(short["created_at"]), 3_600);
  }));

Deno.test("a file that is too large, and files that are too much together, are refused and leave nothing", () =>
  withFiles({ settings: { artifactMbMax: 2, filesMb: 3 } }, async (app, path) => {
    const mebibytes = (count: number) => new Uint8Array(count * 1024 * 1024);
    assert.equal((await ask(app, "POST", "/files", form(mebibytes(3)))).status, 413);
    const kept = await read(app, "POST", "/files", form(mebibytes(2)));
    const full = await ask(app, "POST", "/files", form(mebibytes(2)));
    assert.equal(full.status, 413);
    assert.equal((await full.json()).error.code, "files_full");
    assert.equal((await ask(app, "POST", "/files", form(mebibytes(2)), "eve")).status, 200, "another has room");
    assert.equal((await filesUnder(path)).length, 2);
    await ask(app, "DELETE", `/files/${kept["id"]}`);
    assert.equal((await ask(app, "POST", "/files", form(mebibytes(2)))).status, 200);
  }));

Deno.test("uploads at once never come to more than their user may keep", () =>
  withFiles({ settings: { filesMb: 2 } }, async (app, path) => {
    const megabyte = new Uint8Array(1024 * 1024);
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask(app, "POST", "/files", form(megabyte))));
    const statuses = answers.map(({ status }) => status);
    await Promise.all(answers.map((answer) => answer.text()));
    assert.ok(statuses.every((status) => status === 200 || status === 413), String(statuses));
    const kept = statuses.filter((status) => status === 200).length;
    assert.ok(kept <= 2);
    assert.equal((await filesUnder(path)).length, kept);
    assert.equal(((await read(app, "GET", "/files"))["data"] as ReadonlyArray<Json>).length, kept);
    // What was refused counts no more.
    for (let left = kept; left < 2; left++) {
      assert.equal((await ask(app, "POST", "/files", form(megabyte))).status, 200);
    }
  }));

Deno.test("a client that vanishes in the middle leaves nothing", () =>
  withFiles({}, async (app, path) => {
    const whole = new Uint8Array(await new Response(form(new Uint8Array(1024 * 1024))).arrayBuffer());
    const boundary = new TextDecoder().decode(whole.subarray(2, whole.indexOf(13)));
    const piece = 64 * 1024;
    let sent = 0;
    const written: Array<number> = [];
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        written.push((await filesUnder(path)).length);
        if (sent > whole.length / 2) return controller.error(new Error("the line is cut"));
        controller.enqueue(whole.slice(sent, sent + piece));
        sent += piece;
      },
    });
    const response = await app.send(
      new Request("http://caisson.test/v1/files", {
        method: "POST",
        headers: { "x-user-id": "ada", "content-type": `multipart/form-data; boundary=${boundary}` },
        body,
      }),
    );
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.code, "unreadable_body");
    assert.equal(Math.max(...written), 1, "it was being written");
    assert.deepEqual(await filesUnder(path), []);
    assert.deepEqual((await read(app, "GET", "/files"))["data"], []);
  }));

Deno.test("a file whose bytes are not on this disk is an error by name", () =>
  withFiles({}, async (app, path) => {
    const { id } = await read(app, "POST", "/files", form("x"));
    await Deno.remove(path, { recursive: true });
    const response = await ask(app, "GET", `/files/${id}/content`);
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "files_unavailable");
  }));
