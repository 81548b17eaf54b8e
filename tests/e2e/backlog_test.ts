/**
 * A crowd that comes while a process does not get to its sockets: nobody's connection is dropped.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { it } from "../support/it.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";
import { start } from "./processes.ts";

/** Above the 511 that Node lets wait by itself, below the 4,096 of kernels since 5.4. */
const crowd = 1_000;

/** What this kernel lets wait; a test that may not ask takes it for enough. */
const kernelMax = await Deno.readTextFile("/proc/sys/net/core/somaxconn").then(Number, () => 4_096);
const options = kernelMax < crowd ? { skip: `net.core.somaxconn is ${kernelMax}` } : {};

/** A connection that the kernel holds is there in microseconds; one that it dropped tries again for minutes. */
const deadline = "100 seconds";

const doors = [
  ["server.ts", "AGENT_API_PORT", /agent API listens on http:\/\/127\.0\.0\.1:(\d+)/],
  ["mcp.ts", "CAISSON_MCP_PORT", /MCP server listens on http:\/\/127\.0\.0\.1:(\d+)/],
] as const;

const connection = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(() => Deno.connect({ hostname: "127.0.0.1", port })),
    (socket) => Effect.sync(() => socket.close()),
    { interruptible: true },
  );

for (const [entry, portKey, listens] of doors) {
  it.live(`${entry}: ${crowd} connections wait for a process that is held up`, () =>
    Effect.gen(function* () {
      const running = yield* start(entry, {
        [portKey]: "0",
        CAISSON_SANDBOX: "embedded",
        CAISSON_DATA_PATH: yield* temporaryDirectory,
      });
      const [port] = yield* running.line(listens);
      yield* Effect.scoped(Effect.gen(function* () {
        yield* running.freeze;
        const sockets = yield* Effect.forEach(Array.from({ length: crowd }), () => connection(Number(port)), {
          concurrency: "unbounded",
        }).pipe(Effect.timeoutOption(deadline));
        assert.equal(sockets._tag, "Some", "the kernel dropped connections");
      }));
      const answer = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/health`));
      yield* Effect.promise(() => answer.body?.cancel() ?? Promise.resolve());
      assert.equal(answer.status, 200);
    }), options);
}
