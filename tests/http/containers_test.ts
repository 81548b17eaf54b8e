/**
 * Containers and the hosted tools that work in them: `/v1/containers` and `code_interpreter`, `shell` of `/v1/responses`.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { CellOutcome } from "../../src/domain/Cell.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { layer as offline } from "../../src/adapters/model/Offline.ts";
import { layer as egressLayer } from "../../src/adapters/egress/Configured.ts";
import { egressRows } from "../../src/config/egress.ts";
import { type App, type AppOptions, withApp } from "../support/app.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";

type Json = Record<string, unknown>;

const rulesOf = (text: string) => {
  const parsed = egressRows.egressAllow.parse(text);
  return parsed._tag === "Some" ? parsed.value : assert.fail(text);
};

const ask = async (app: App, method: string, path: string, body?: unknown, user = "ada"): Promise<Response> =>
  await app.send(
    new Request(`http://caisson.test/v1${path}`, {
      method,
      headers: { "x-user-id": user, ...(body instanceof FormData ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
    }),
  );
const read = async (app: App, method: string, path: string, body?: unknown, user?: string): Promise<Json> =>
  await (await ask(app, method, path, body, user)).json();
const made = (app: App, more: Json = {}) => read(app, "POST", "/containers", { name: "analysis", ...more });

const cell = (fields: Partial<CellOutcome>): CellOutcome => ({
  stdout: "",
  stderr: "",
  displays: [],
  displaysLeftOut: 0,
  restarted: false,
  stateLost: false,
  timedOut: false,
  oomKilled: false,
  truncated: false,
  durationMs: 1,
  ...fields,
} as CellOutcome);

/** A sandbox whose cells print what they are and leave a file; `rm` takes one away. */
const working = () => {
  const sandbox = fakeSandbox(
    ({ command, onOutput }) =>
      Effect.sync(() => {
        const removed = /^rm -f -- '(.*)'$/s.exec(command)?.[1];
        if (removed !== undefined) {
          for (const key of sandbox.files.keys()) if (key.endsWith(`:${removed}`)) sandbox.files.delete(key);
          return outcome("");
        }
        onOutput?.("stdout", `ran ${command}\n`);
        return outcome(`ran ${command}\n`, command === "false" ? 1 : 0);
      }),
    ({ code }) =>
      Effect.sync(() => {
        const owner = sandbox.opened.at(-1);
        assert.ok(owner);
        sandbox.files.set(`${ownerKey(owner)}:/workspace/plot.csv`, new TextEncoder().encode("a,b\n"));
        return cell({ stdout: `ran ${code}\n` });
      }),
  );
  return sandbox;
};

const python = (id: string, code: string) => Scripted.calls(Scripted.toolCall(id, "python", { code }));
const interpreter = { type: "code_interpreter", container: { type: "auto" } };

const eventsOf = (text: string): ReadonlyArray<Json> =>
  text.split("\n\n").filter((frame) => frame.startsWith("event: ")).map((frame) =>
    JSON.parse(frame.slice(frame.indexOf("data: ") + 6))
  );

const withWork = (options: AppOptions, work: (app: App) => Promise<void>) =>
  withApp({ sandbox: working(), ...options }, work);

Deno.test("a container is made, listed, read and deleted by its keeper alone", () =>
  withWork({}, async (app) => {
    const container = await made(app);
    assert.match(String(container["id"]), /^cntr_[0-9a-f]{40}$/);
    const { id, created_at, last_active_at, ...rest } = container;
    assert.deepEqual(rest, {
      object: "container",
      status: "running",
      expires_after: { anchor: "last_active_at", minutes: 20 },
      memory_limit: "1g",
      network_policy: { type: "disabled" },
      name: "analysis",
    });
    assert.equal(created_at, last_active_at);
    const second = await made(app, { name: "other" });
    const ids = async (query: string) =>
      ((await read(app, "GET", `/containers${query}`))["data"] as ReadonlyArray<Json>).map((one) => one["id"]);
    assert.deepEqual((await ids("")).toSorted(), [id, second["id"]].toSorted());
    assert.deepEqual(await ids("?name=other"), [second["id"]]);
    assert.equal((await ids("?limit=1")).length, 1);
    const after = await ask(app, "GET", "/containers?after=cntr_none");
    assert.deepEqual([after.status, (await after.json()).error.param], [400, "after"]);
    assert.deepEqual((await read(app, "GET", "/containers", undefined, "eve"))["data"], []);
    for (const [method, path] of [["GET", ""], ["DELETE", ""], ["GET", "/files"]] as const) {
      const refused = await ask(app, method, `/containers/${id}${path}`, undefined, "eve");
      assert.equal(refused.status, 404);
      assert.equal((await refused.json()).error.message, `Container with id '${id}' not found.`);
    }
    const deleted = { id, object: "container.deleted", deleted: true };
    assert.deepEqual(await read(app, "DELETE", `/containers/${id}`), deleted);
    assert.equal((await ask(app, "GET", `/containers/${id}`)).status, 404);
  }));

Deno.test("what no container has here is refused by its name", () =>
  withWork({}, async (app) => {
    const refused = async (more: Json) => {
      const response = await ask(app, "POST", "/containers", { name: "n", ...more });
      assert.equal(response.status, 400);
      return (await response.json()).error.param;
    };
    assert.equal(await refused({ memory_limit: "64g" }), "memory_limit");
    assert.equal(await refused({ memory_limit: "3g" }), "memory_limit");
    assert.equal(
      await refused({ network_policy: { type: "allowlist", allowed_domains: ["a.example"] } }),
      "network_policy.allowed_domains",
    );
    assert.equal(await refused({ network_policy: { type: "open" } }), "network_policy.type");
    assert.equal(await refused({ file_ids: Array.from({ length: 51 }, (_, index) => `file-${index}`) }), "file_ids");
    assert.equal(await refused({ name: "" }), "name");
    assert.equal(await refused({ expires_after: { anchor: "last_active_at", minutes: 21 } }), "expires_after.minutes");
  }));

/** An operator who lets two names be reached, one of them with all that lies below it. */
const operators = {
  egress: egressLayer,
  settings: {
    egress: "allowlist" as const,
    egressAllow: rulesOf("api.example.com,*.example.org,plain.example.net:80"),
  },
};

const secretOf = (domain: string, name = "TOKEN", value = "geheim") => ({ domain, name, value });

Deno.test("a container's network is part of the operator's list, answered without its secrets; what is more is refused", () =>
  withWork(operators, async (app) => {
    const policy = {
      type: "allowlist",
      allowed_domains: ["API.example.com.", "a.example.org", "*.b.example.org", "api.example.com"],
      domain_secrets: [secretOf("api.example.com")],
    };
    const container = await made(app, { network_policy: policy });
    const told = { type: "allowlist", allowed_domains: ["api.example.com", "a.example.org", "*.b.example.org"] };
    assert.deepEqual(container["network_policy"], told);
    assert.deepEqual((await read(app, "GET", `/containers/${container["id"]}`))["network_policy"], told);
    const refused = async (more: Json) => {
      const response = await ask(app, "POST", "/containers", { name: "n", network_policy: { ...policy, ...more } });
      assert.equal(response.status, 400, JSON.stringify(more));
      const { error } = await response.json();
      assert.ok(!error.message.includes("geheim"));
      return [error.param, error.message];
    };
    assert.deepEqual(await refused({ allowed_domains: ["api.example.com", "evil.example", "example.org"] }), [
      "network_policy.allowed_domains",
      "Containers of this server cannot reach evil.example, example.org",
    ]);
    for (const allowed_domains of [[], undefined, "api.example.com", Array(101).fill("api.example.com")]) {
      assert.deepEqual((await refused({ allowed_domains }))[0], "network_policy.allowed_domains");
    }
    for (const name of ["*", "python", "10.0.0.1", "https://api.example.com", "api.example.com/path", "[::1]", ""]) {
      const [param] = await refused({ allowed_domains: ["api.example.com", name] });
      assert.equal(param, "network_policy.allowed_domains[1]", name);
    }
    // The operator's list says plain HTTP by its port, and so must a container.
    assert.equal((await refused({ allowed_domains: ["plain.example.net"] }))[0], "network_policy.allowed_domains");
    assert.equal((await refused({ domain_secrets: "x" }))[0], "network_policy.domain_secrets");
    for (const secret of [secretOf("10.0.0.1"), secretOf("api.example.com", "A B"), { name: "A" }, null]) {
      assert.equal((await refused({ domain_secrets: [secret] }))[0], "network_policy.domain_secrets[0]");
    }
    assert.deepEqual(await refused({ domain_secrets: [secretOf("c.example.org")] }), [
      "network_policy.domain_secrets[0].domain",
      "c.example.org is not among 'allowed_domains'",
    ]);
    const twice = [secretOf("api.example.com"), secretOf("a.example.org", "TOKEN", "geheim2")];
    assert.equal((await refused({ domain_secrets: twice }))[0], "network_policy.domain_secrets");
  }));

Deno.test("a tool's own container gets the tool's network, which the model is told and no answer repeats the secrets of", () => {
  const seen: Array<ModelRequest> = [];
  const done = Scripted.answers("done");
  const step: Scripted.Step = (request) => {
    seen.push(request);
    return typeof done === "function" ? done(request) : done;
  };
  return withWork({ ...operators, steps: [step, step] }, async (app) => {
    const policy = {
      type: "allowlist",
      allowed_domains: ["api.example.com"],
      domain_secrets: [secretOf("api.example.com")],
    };
    const shell = { type: "shell", environment: { type: "container_auto", network_policy: policy } };
    const python = { type: "code_interpreter", container: { type: "auto", network_policy: policy } };
    for (const tool of [shell, python]) {
      const response = await ask(app, "POST", "/responses", { model: "scripted", input: "go", tools: [tool] });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.ok(!text.includes("geheim") && text.includes("api.example.com"), text);
      const { id } = JSON.parse(text);
      assert.ok(!(await (await ask(app, "GET", `/responses/${id}`)).text()).includes("geheim"));
    }
    assert.equal(seen.length, 2);
    for (const request of seen) {
      const said = JSON.stringify(request);
      assert.match(said, /only these names can be reached: api\.example\.com/);
      assert.match(said, /\$TOKEN are placeholders/);
      assert.ok(!said.includes("geheim"));
    }
    const beyond = { ...policy, allowed_domains: ["evil.example"], domain_secrets: null };
    const tools = [{ ...python, container: { type: "auto", network_policy: beyond } }];
    const response = await ask(app, "POST", "/responses", { model: "scripted", input: "go", tools });
    assert.deepEqual([response.status, (await response.json()).error.param], [
      400,
      "tools[0].container.network_policy.allowed_domains",
    ]);
  });
});

Deno.test("a conversation keeps its container while the network is the same, and gets another for another", () => {
  const steps = ["a", "b", "c", "d"].flatMap((id) => [python(id, "1"), Scripted.answers("ok")]);
  return withWork({ ...operators, steps }, async (app) => {
    const toolOf = (network_policy: unknown) => ({
      type: "code_interpreter",
      container: { type: "auto", network_policy },
    });
    let previous: unknown;
    const containerOf = async (policy: unknown): Promise<unknown> => {
      const body = await read(app, "POST", "/responses", {
        model: "scripted",
        input: "go",
        tools: [toolOf(policy)],
        ...(previous !== undefined && { previous_response_id: previous }),
      });
      assert.equal(body["status"], "completed", JSON.stringify(body));
      previous = body["id"];
      const call = (body["output"] as ReadonlyArray<Json>).find(({ type }) => type === "code_interpreter_call");
      return call?.["container_id"];
    };
    const api = { type: "allowlist", allowed_domains: ["api.example.com"] };
    const first = await containerOf(api);
    assert.ok(first);
    assert.equal(await containerOf(api), first);
    assert.equal(await containerOf(undefined), first, "nothing is wished for");
    assert.notEqual(await containerOf({ type: "disabled" }), first);
  });
});

Deno.test("a file of a container that cannot be read is answered with why", () => {
  const sandbox = fakeSandbox();
  return withWork({ sandbox }, async (app) => {
    const { id } = await made(app);
    const form = new FormData();
    form.set("file", new File(["a,b\n"], "sales.csv"));
    const file = await read(app, "POST", `/containers/${id}/files`, form);
    for (const name of sandbox.files.keys()) sandbox.closed.add(name);
    const response = await ask(app, "GET", `/containers/${id}/files/${file["id"]}/content`);
    assert.equal(response.status, 400);
    assert.match((await response.json()).error.message, /sales\.csv: permission denied/);
  });
});

Deno.test("a file is put into a container, listed, fetched and deleted; its id is its place", () =>
  withWork({}, async (app) => {
    const { id } = await made(app);
    const form = new FormData();
    form.set("file", new File(["a,b\n1,2\n"], "sales.csv"));
    const file = await read(app, "POST", `/containers/${id}/files`, form);
    assert.deepEqual([file["object"], file["path"], file["bytes"], file["source"], file["container_id"]], [
      "container.file",
      "/mnt/data/sales.csv",
      8,
      "user",
      id,
    ]);
    assert.match(String(file["id"]), /^cfile_[0-9a-f]{32}$/);
    const path = `/containers/${id}/files/${file["id"]}`;
    assert.deepEqual((await read(app, "GET", `/containers/${id}/files`))["data"], [file]);
    assert.deepEqual(await read(app, "GET", path), file);
    assert.equal(await (await ask(app, "GET", `${path}/content`)).text(), "a,b\n1,2\n");
    assert.equal((await ask(app, "GET", `${path}/content`, undefined, "eve")).status, 404);
    assert.equal((await read(app, "DELETE", path))["object"], "container.file.deleted");
    assert.equal((await ask(app, "GET", path)).status, 404);
  }));

Deno.test("the hosted interpreter runs in a container that the next response finds again, and its files are cited", () => {
  const asked: Array<ModelRequest> = [];
  const noted = (step: Scripted.Step): Scripted.Step => (request) => {
    asked.push(request);
    return typeof step === "function" ? step(request) : step;
  };
  const steps = [
    noted(python("c1", "x = 41")),
    noted(Scripted.answers("Täglich 😀: [plot](sandbox:/mnt/data/plot.csv).")),
    noted(python("c2", "x + 1")),
    noted(Scripted.answers("42")),
  ];
  return withWork({ steps }, async (app) => {
    const response = await ask(app, "POST", "/responses", { input: "Plot it", stream: true, tools: [interpreter] });
    const events = eventsOf(await response.text());
    assert.deepEqual(events.map((event) => event["sequence_number"]), events.map((_, index) => index));
    assert.deepEqual(events.map((event) => event["type"]), [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.code_interpreter_call.in_progress",
      "response.code_interpreter_call_code.delta",
      "response.code_interpreter_call_code.done",
      "response.code_interpreter_call.interpreting",
      "response.code_interpreter_call.completed",
      "response.output_item.done",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.annotation.added",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    const whole = events.at(-1)?.["response"] as Json;
    const [call, message] = whole["output"] as [Json, Json];
    assert.deepEqual([call["type"], call["status"], call["code"]], ["code_interpreter_call", "completed", "x = 41"]);
    assert.deepEqual(call["outputs"], [{ type: "logs", logs: "ran x = 41" }]);
    const [part] = message["content"] as [Json];
    const text = String(part["text"]);
    const [citation] = part["annotations"] as [Json];
    const cited = [...text].slice(Number(citation["start_index"]), Number(citation["end_index"])).join("");
    assert.equal(cited, "sandbox:/mnt/data/plot.csv");
    assert.deepEqual([citation["type"], citation["filename"], citation["container_id"]], [
      "container_file_citation",
      "plot.csv",
      call["container_id"],
    ]);
    const content = `/containers/${call["container_id"]}/files/${citation["file_id"]}/content`;
    assert.equal(await (await ask(app, "GET", content)).text(), "a,b\n");
    assert.deepEqual(asked[0]?.tools.map(({ name }) => name), ["python"], "no other tool of ours is offered");

    const again = await read(app, "POST", "/responses", {
      input: "And one more",
      previous_response_id: whole["id"],
      tools: [interpreter],
    });
    const [second] = again["output"] as [Json];
    assert.equal(second["container_id"], call["container_id"], "auto is the container that is there");
    const stored = await ask(app, "GET", `/responses/${again["id"]}?stream=true`);
    const told = eventsOf(await stored.text()).at(-1)?.["response"] as Json;
    assert.deepEqual(told["output"], again["output"], "what is told again has the same items");
  });
});

Deno.test("the hosted shell runs its commands in order and tells each; a program that fails is a call that completed", () => {
  const steps = [
    Scripted.calls(Scripted.toolCall("c1", "shell", { commands: ["ls", "false"], timeout_ms: "5000" })),
    Scripted.answers("Done."),
  ];
  return withWork({ steps }, async (app) => {
    const body = { input: "Look", tools: [{ type: "shell", environment: { type: "container_auto" } }] };
    const whole = await read(app, "POST", "/responses", body);
    const [call, output] = whole["output"] as [Json, Json];
    assert.deepEqual(call["action"], { commands: ["ls", "false"], timeout_ms: 5_000, max_output_length: null });
    assert.equal((call["environment"] as Json)["type"], "container_reference");
    assert.deepEqual(output["output"], [
      { stdout: "ran ls\n", stderr: "", outcome: { type: "exit", exit_code: 0 } },
      { stdout: "ran false\n", stderr: "", outcome: { type: "exit", exit_code: 1 } },
    ]);
    assert.equal(output["status"], "completed");
  });
});

Deno.test("a call of a tool that the request does not name is not carried out", () => {
  const sandbox = working();
  const steps = [
    Scripted.calls(Scripted.toolCall("c1", "execute_bash", { command: "ls" })),
    Scripted.answers("No."),
  ];
  return withWork({ steps, sandbox }, async (app) => {
    const whole = await read(app, "POST", "/responses", { input: "Go", tools: [interpreter] });
    assert.deepEqual(sandbox.executed, []);
    assert.equal((whole["output"] as ReadonlyArray<Json>).length, 1, "and is no item of the response");
  });
});

Deno.test("containers that are unknown, foreign or malformed are refused before anything runs", () =>
  withWork({}, async (app) => {
    const { id } = await made(app);
    const refused = async (tool: Json, user?: string) => {
      const response = await ask(app, "POST", "/responses", { input: "Go", tools: [tool] }, user);
      return [response.status, (await response.json()).error.param];
    };
    assert.deepEqual(await refused({ type: "code_interpreter", container: "cntr_none" }), [404, null]);
    assert.deepEqual(await refused({ type: "code_interpreter", container: id }, "eve"), [404, null]);
    assert.deepEqual(await refused({ type: "code_interpreter" }), [400, "tools[0].container"]);
    assert.deepEqual(await refused({ type: "shell", environment: { type: "local" } }), [
      400,
      "tools[0].environment.type",
    ]);
    assert.deepEqual(await refused({ type: "shell", environment: { type: "other" } }), [400, "tools[0].environment"]);
    assert.deepEqual(
      await refused({ type: "code_interpreter", container: { type: "auto", file_ids: ["file-1"] } }),
      [404, "tools[0].container.file_ids"],
    );
    assert.deepEqual(
      await refused({ type: "code_interpreter", container: { type: "auto", memory_limit: "64g" } }),
      [400, "tools[0].container.memory_limit"],
    );
  }));

Deno.test("without a key the stand-in runs code in the hosted interpreter, and in the hosted shell", async () => {
  const sandbox = working();
  await withApp({ sandbox, model: offline }, async (app) => {
    const body = (input: string, tools: ReadonlyArray<Json>) => ({ model: "caisson-offline", input, tools });
    const first = await read(app, "POST", "/responses", body("Execute: print(6 * 7)", [interpreter]));
    const [call, message] = first["output"] as [Json, Json];
    assert.deepEqual([call["type"], call["code"]], ["code_interpreter_call", "print(6 * 7)"]);
    assert.match(String((message["content"] as [Json])[0]["text"]), /The Python code printed:\n\n```\nran print/);
    const shell = [{ type: "shell", environment: { type: "container_auto" } }];
    const second = await read(app, "POST", "/responses", body("Run ls -la", shell));
    assert.deepEqual(((second["output"] as [Json])[0]["action"] as Json)["commands"], ["ls -la"]);
  });
});

const stored = async (app: App, name: string, content: string, user?: string): Promise<string> => {
  const form = new FormData();
  form.append("file", new Blob([content]), name);
  form.append("purpose", "user_data");
  return String((await read(app, "POST", "/files", form, user))["id"]);
};

/** What lies in sandboxes under a name, by its content. */
const laid = (sandbox: ReturnType<typeof working>) =>
  [...sandbox.files].map(([key, bytes]) => [key.slice(key.indexOf(":") + 1), new TextDecoder().decode(bytes)]);

const withStored = async (options: AppOptions, work: (app: App, dataPath: string) => Promise<void>) => {
  const dataPath = await Deno.makeTempDir({ prefix: "caisson-files-" });
  try {
    await withWork({ ...options, settings: { ...options.settings, dataPath } }, (app) => work(app, dataPath));
  } finally {
    await Deno.remove(dataPath, { recursive: true });
  }
};

Deno.test("files of /v1/files are copied into a container, each under its own name and once", () => {
  const sandbox = working();
  return withStored({ sandbox }, async (app) => {
    const sales = await stored(app, "my sales.csv", "a");
    const other = await stored(app, "my sales.csv", "b");
    const { id } = await made(app, { file_ids: [sales, other, sales] });
    assert.deepEqual(laid(sandbox), [
      ["/workspace/my sales.csv", "a"],
      [`/workspace/${other}-my sales.csv`, "b"],
    ]);
    const listed = (await read(app, "GET", `/containers/${id}/files`))["data"] as ReadonlyArray<Json>;
    assert.deepEqual(listed.map(({ source }) => source), ["user", "user"]);

    const late = await stored(app, "../..", "c");
    const copied = await read(app, "POST", `/containers/${id}/files`, { file_id: late });
    assert.deepEqual([copied["path"], copied["bytes"], copied["source"]], ["/mnt/data/file", 1, "user"]);
    const again = await read(app, "POST", `/containers/${id}/files`, { file_id: late });
    assert.equal(again["id"], copied["id"]);
    assert.equal(laid(sandbox).length, 3);

    const foreign = await stored(app, "x", "x", "eve");
    for (const [named, status] of [[foreign, 404], ["file-none", 404], [7, 400], [null, 400]] as const) {
      const refused = await ask(app, "POST", `/containers/${id}/files`, { file_id: named });
      assert.deepEqual([refused.status, (await refused.json()).error.param], [status, "file_id"], String(named));
    }
    const refused = await ask(app, "POST", "/containers", { name: "n", file_ids: [sales, foreign] });
    assert.deepEqual([refused.status, (await refused.json()).error], [404, {
      message: `No such File object: ${foreign}`,
      type: "invalid_request_error",
      param: "file_ids",
      code: null,
    }]);
    assert.equal(((await read(app, "GET", "/containers"))["data"] as ReadonlyArray<Json>).length, 1, "none was made");
  });
});

Deno.test("a container whose files cannot be copied is not made", () =>
  withStored({}, async (app, dataPath) => {
    const id = await stored(app, "lost.csv", "a");
    await Deno.remove(`${dataPath}/files`, { recursive: true });
    const refused = await ask(app, "POST", "/containers", { name: "n", file_ids: [id] });
    assert.deepEqual([refused.status, (await refused.json()).error.code], [503, "files_unavailable"]);
    assert.deepEqual((await read(app, "GET", "/containers"))["data"], []);
  }));

Deno.test("an auto container begins with the files that the request names and keeps what became of them", () => {
  const sandbox = working();
  const steps = Array.from({ length: 2 }, (_, index) => [python(`c${index}`, "1"), Scripted.answers("done")]).flat();
  return withStored({ sandbox, steps }, async (app) => {
    const id = await stored(app, "sales.csv", "a");
    const tools = [{ type: "code_interpreter", container: { type: "auto", file_ids: [id] } }];
    const first = await read(app, "POST", "/responses", { input: "Go", tools });
    assert.equal(first["status"], "completed", JSON.stringify(first));
    const [key] = [...sandbox.files.keys()].filter((each) => each.endsWith(":/workspace/sales.csv"));
    assert.ok(key);
    sandbox.files.set(key, new TextEncoder().encode("changed by code"));
    const second = await read(app, "POST", "/responses", { input: "Go", tools, previous_response_id: first["id"] });
    assert.equal(second["status"], "completed", JSON.stringify(second));
    assert.deepEqual(laid(sandbox).filter(([path]) => path?.includes("sales.csv")), [
      ["/workspace/sales.csv", "changed by code"],
    ]);
  });
});
