/**
 * Bodies at the MCP door are bounded as at the other one, and refused in the same sentences.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { errorTable } from "../../src/http/frame/errorTable.ts";
import { refusalTable } from "../../src/mcp/errors.ts";
import { it } from "../support/it.ts";
import { makeServer, post } from "./support/server.ts";

/** A body, its headers, the status and the JSON-RPC code it is answered with. */
const cases: ReadonlyArray<readonly [string, Record<string, string>, number, number]> = [
  ["{", {}, 400, -32_700],
  [`[${"1,".repeat(300_000)}1]`, {}, 400, -32_600],
  [`{"a":${"[".repeat(300)}${"]".repeat(300)}}`, {}, 400, -32_600],
  ["{}", { "content-encoding": "gzip" }, 415, -32_000],
  ["{}", { "content-type": "text/plain" }, 415, -32_000],
];

it.live("/mcp refuses bodies by name before it makes anything of them", () =>
  Effect.gen(function* () {
    const server = yield* makeServer();
    for (const [body, headers, status, code] of cases) {
      const [answered, error] = yield* Effect.promise(async () => {
        const response = await post(server, body, headers);
        return [response.status, (await response.json()).error] as const;
      });
      assert.deepEqual([answered, error.code], [status, code], body.slice(0, 40));
      assert.ok(error.message.length > 0);
    }
  }));

Deno.test("what both doors refuse is told by one row", () => {
  const own = new Set<unknown>(Object.values(refusalTable));
  const shared = Object.entries(errorTable).filter(([, row]) => own.has(row)).map(([name]) => name);
  for (
    const name of ["Unauthorized", "ForeignOrigin", "MalformedJson", "TooManyRequests", "SandboxError.StartFailed"]
  ) {
    assert.ok(shared.includes(name), name);
  }
});
