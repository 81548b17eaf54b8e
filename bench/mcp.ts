/**
 * What our MCP server costs above the SDK's bare one, on the same HTTP host: `deno task bench:mcp`.
 *
 * Method: two server processes on loopback, one client process. Latency: one session each, one call to the one
 * and one to the other in turn, so that a busy machine disturbs both alike; medians over all calls.
 * Memory: heap and resident size of the server after a collection, before and after 500 idle sessions,
 * divided by 500. Then 500 clients call at once.
 */
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const warmUpCalls = 300;
const calls = 3000;
const sessions = 500;

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
}

const start = async (kind: string) => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--v8-flags=--expose-gc",
      "--allow-net=127.0.0.1",
      "--allow-env",
      "--allow-read",
      "bench/mcpServer.ts",
      kind,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  const url = new URL(`http://127.0.0.1:${(await lines.read()).value?.trim()}/mcp`);
  return {
    url,
    memory: async (): Promise<Memory> => {
      await input.write(new TextEncoder().encode("\n"));
      return JSON.parse((await lines.read()).value ?? "{}");
    },
    stop: async () => {
      await lines.cancel();
      child.kill("SIGKILL");
      await child.status;
    },
  };
};

const connect = async (url: URL) => {
  const client = new Client({ name: "bench", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(url));
  return client;
};

const call = (client: Client) => client.callTool({ name: "execute_bash", arguments: { command: "echo hi" } });

const timed = async (client: Client): Promise<number> => {
  const began = performance.now();
  await call(client);
  return performance.now() - began;
};

const quantile = (times: ReadonlyArray<number>, q: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * q)] ?? 0;

const servers = { bare: await start("bare"), caisson: await start("caisson") };
const clients = { bare: await connect(servers.bare.url), caisson: await connect(servers.caisson.url) };
const times = { bare: new Array<number>(), caisson: new Array<number>() };
for (let n = 0; n < warmUpCalls + calls; n++) {
  const pair = { bare: await timed(clients.bare), caisson: await timed(clients.caisson) };
  if (n < warmUpCalls) continue;
  times.bare.push(pair.bare);
  times.caisson.push(pair.caisson);
}
for (const kind of ["bare", "caisson"] as const) {
  console.log(
    `${kind}: p50 ${quantile(times[kind], 0.5).toFixed(2)} ms, p95 ${quantile(times[kind], 0.95).toFixed(2)} ms`,
  );
}
console.log(`ratio of p50: ${(quantile(times.caisson, 0.5) / quantile(times.bare, 0.5)).toFixed(2)} (bound 1.5)`);

const before = await servers.caisson.memory();
const many: Array<Client> = [];
for (let n = 0; n < sessions; n++) many.push(await connect(servers.caisson.url));
const after = await servers.caisson.memory();
const each = (key: keyof Memory) => ((after[key] - before[key]) / sessions / 1024).toFixed(1);
console.log(
  `${sessions} idle sessions, each with its stream open: ${each("heapUsed")} KiB heap, ${each("rss")} KiB RSS each`,
);

const began = performance.now();
const results = await Promise.allSettled(many.map(call));
const failed = results.filter(({ status }) => status === "rejected").length;
console.log(
  `${sessions} sessions calling at once: ${failed} failed, ${(performance.now() - began).toFixed(0)} ms in all`,
);
await Promise.allSettled([...many, clients.bare, clients.caisson].map((client) => client.close()));
await Promise.all([servers.bare.stop(), servers.caisson.stop()]);
Deno.exit(failed === 0 ? 0 : 1);
