/**
 * The MCP server as its clients meet it: a process, a real sandbox, the SDK's own client.
 */
import assert from "node:assert/strict";
import { Deferred, Effect } from "effect";
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { dataDirectory } from "../support/dataDirectory.ts";
import { start } from "./processes.ts";
import { tinyPng } from "../support/tinyPng.ts";

const serve = (sandbox: "embedded" | "docker") =>
  Effect.gen(function* () {
    const engine = Deno.env.get("DOCKER_HOST");
    const running = yield* start("mcp.ts", {
      CAISSON_MCP_PORT: "0",
      CAISSON_SANDBOX: sandbox,
      CAISSON_DATA_PATH: yield* dataDirectory,
      ...(sandbox === "docker" && engine !== undefined && { DOCKER_HOST: engine }),
    });
    const [port] = yield* running.line(/MCP server listens on http:\/\/127\.0\.0\.1:(\d+)/);
    return `http://127.0.0.1:${port}/mcp`;
  });

const connect = (url: string, headers: Record<string, string> = { "x-user-id": "ada" }) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ name: "test", version: "1" });
      await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
      return client;
    }),
    (client) => Effect.promise(() => client.close()),
  );

const call = (client: Client, name: string, args: Record<string, unknown>) =>
  Effect.promise(async () => (await client.callTool({ name, arguments: args })).structuredContent);

const stdoutOf = (client: Client, command: string) =>
  Effect.map(
    call(client, "execute_bash", { command }),
    (structured) =>
      structured !== null && typeof structured === "object" && "stdout" in structured ? structured.stdout : undefined,
  );

for (const [sandbox, skip] of [["embedded", undefined], ["docker", skipWithoutEngine]] as const) {
  it.live(`the MCP server works with files in the ${sandbox} sandbox of each user`, () =>
    Effect.gen(function* () {
      const url = yield* serve(sandbox);
      const ada = yield* connect(url);
      const bob = yield* connect(url, { "x-user-id": "bob" });
      yield* call(ada, "write_file", { file_path: "m.py", content: 'def f():\n    """What f does."""\n' });
      assert.deepEqual(yield* call(ada, "read_docstring", { file_path: "m.py", function_name: "f" }), {
        docstring: "What f does.",
      });
      assert.equal(yield* stdoutOf(ada, "ls"), "m.py\n");
      const edit = { file_path: "m.py", old_text: "What f does.", new_text: "What f did." };
      assert.deepEqual(yield* call(ada, "edit_file", edit), {
        path: "m.py",
        replacements: 1,
        first_line: 2,
        bytes: 31,
      });
      assert.equal(yield* stdoutOf(ada, "tail -1 m.py"), '    """What f did."""\n');
      yield* stdoutOf(ada, `mkdir -p .shown; echo ${tinyPng} | base64 -d > .shown/a.png`);
      const shown = yield* Effect.promise(() =>
        ada.callTool({ name: "view_image", arguments: { file_path: ".shown/a.png" } })
      );
      assert.deepEqual(shown.content, [
        { type: "text", text: "Image .shown/a.png (image/png, 70 bytes)" },
        { type: "image", data: tinyPng, mimeType: "image/png" },
      ]);
      assert.equal(yield* stdoutOf(bob, "ls"), "");
      const missing = yield* Effect.promise(() =>
        bob.callTool({ name: "read_file", arguments: { file_path: "m.py" } })
      );
      assert.equal(missing.isError, true);
    }), { skip });

  it.live(
    `the MCP server keeps Python's variables in the ${sandbox} sandbox of each user, over connections`,
    () =>
      Effect.gen(function* () {
        const url = yield* serve(sandbox);
        const resultOf = (client: Client, code: string) =>
          Effect.map(call(client, "execute_python", { code }), (structured) => {
            assert.ok(structured !== null && typeof structured === "object");
            return "error" in structured ? "error" : "result" in structured ? structured.result : undefined;
          });
        assert.equal(yield* resultOf(yield* connect(url), "rows = [1, 2]"), undefined);
        assert.equal(yield* resultOf(yield* connect(url), "len(rows)"), "2");
        assert.equal(yield* resultOf(yield* connect(url, { "x-user-id": "bob" }), "rows"), "error");
      }),
    { skip },
  );

  it.live(
    `the MCP server keeps the ${sandbox} sandbox of a caller without a name for its session only`,
    () =>
      Effect.gen(function* () {
        const url = yield* serve(sandbox);
        const nobody = yield* connect(url, {});
        yield* call(nobody, "write_file", { file_path: "a.txt", content: "a" });
        assert.equal(yield* stdoutOf(nobody, "ls"), "a.txt\n");
        const another = yield* connect(url, {});
        assert.equal(yield* stdoutOf(another, "ls"), "");
      }),
    { skip },
  );

  it.live(
    `the MCP server shows output of the ${sandbox} sandbox while the command runs, and kills it on cancel`,
    () =>
      Effect.gen(function* () {
        const client = yield* connect(yield* serve(sandbox));
        const seen: Array<string> = [];
        // Simulated bash gives its output when a command ends, and runs one command at a time.
        const command = sandbox === "docker"
          ? "for i in 1 2; do echo $i; until [ -e seen$i ]; do sleep 0.05; done; done; rm seen*"
          : "for i in 1 2; do echo $i; done";
        const told = async () => {
          await client.callTool({ name: "write_file", arguments: { file_path: `seen${seen.length}`, content: "" } });
        };
        const result = yield* Effect.promise(() =>
          client.callTool({ name: "execute_bash", arguments: { command } }, undefined, {
            onprogress: ({ message }) => {
              seen.push(message ?? "");
              if (sandbox === "docker") void told();
            },
          })
        );
        assert.equal(result.isError, false);
        assert.deepEqual(seen, sandbox === "docker" ? ["1\n", "2\n"] : ["1\n2\n"]);

        const up = yield* Deferred.make<void>();
        const stop = new AbortController();
        const cancelled = client.callTool(
          { name: "execute_bash", arguments: { command: "echo up; sleep 300; echo survived > /workspace/survived" } },
          undefined,
          { signal: stop.signal, onprogress: () => Deferred.doneUnsafe(up, Effect.void) },
        ).then(() => "answered", () => "cancelled");
        yield* sandbox === "docker" ? Deferred.await(up) : Effect.promise(() => client.ping());
        stop.abort();
        assert.equal(yield* Effect.promise(() => cancelled), "cancelled");
        const left = sandbox === "docker" ? "pgrep -x sleep || echo none; ls" : "ls; echo none";
        assert.equal(yield* stdoutOf(client, left), "none\n");
      }),
    { skip },
  );
}
