/**
 * What telemetry costs: `deno task bench:telemetry`.
 *
 * Method: the same server without telemetry, with it switched off, and with traces, metrics and logs sent to a
 * collector on this machine, in turn and in one run, so that a busy machine disturbs all alike; the median of the rounds.
 * First text and CPU of a request of one chunk, one request after the other; CPU of a chunk of streams that are all
 * ready. Then 60,000 spans against a collector that never answers, by resident memory.
 */
import { Agent, createServer, request } from "node:http";

const rounds = 5;
const requestsOfRound = 200;
const warmUpRequests = 600;
const burst = { streams: 16, chunks: 2_000 };

const agent = new Agent({ keepAlive: true });

/** A collector that takes everything, or one that takes connections and never answers. */
const collectorOf = (answers: boolean) => {
  const { promise, resolve } = Promise.withResolvers<{ readonly url: string; readonly close: () => void }>();
  const server = createServer((incoming, response) => {
    incoming.resume();
    incoming.on("end", () => {
      if (answers) response.end();
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address === null || typeof address !== "object") throw new Error("no port");
    resolve({
      url: `http://127.0.0.1:${address.port}`,
      close: () => {
        server.closeAllConnections();
        server.close();
      },
    });
  });
  return promise;
};

const spawn = (mode: string, collector: string) =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "--lock=tests/deno.lock", "-A", "bench/telemetryServer.ts", mode, collector],
    stdin: "piped",
    stdout: "piped",
  }).spawn();

const start = async (mode: string, collector: string) => {
  const child = spawn(mode, collector);
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  const port = Number((await lines.read()).value);
  return {
    port,
    cpuMs: async () => {
      await input.write(new TextEncoder().encode("\n"));
      return Number((await lines.read()).value);
    },
    stop: async () => {
      await lines.cancel();
      await input.close();
      child.kill("SIGKILL");
      await child.status;
    },
  };
};
type Server = Awaited<ReturnType<typeof start>>;

let users = 0;

/** One stream to its end; the time to its first text, in milliseconds. */
const stream = ({ port }: Server, chunks: number): Promise<number> => {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const startedMs = performance.now();
  let firstMs: number | undefined;
  const headers = { "content-type": "application/json" };
  const sent = request({ agent, host: "127.0.0.1", port, path: "/v1/chat/completions", method: "POST", headers });
  sent.on("response", (response) => {
    response.on("data", () => firstMs ??= performance.now() - startedMs);
    response.on("end", () => resolve(firstMs ?? Number.NaN));
  });
  sent.on("error", reject);
  const messages = [{ role: "user", content: String(chunks) }];
  sent.end(JSON.stringify({ stream: true, user: `user-${users++}`, messages }));
  return promise;
};

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const alone = async (server: Server, requests: number) => {
  const before = await server.cpuMs();
  const firsts: Array<number> = [];
  for (let at = 0; at < requests; at++) firsts.push(await stream(server, 1));
  return { firstMs: median(firsts), requestMs: ((await server.cpuMs()) - before) / requests };
};

const together = async (server: Server) => {
  const before = await server.cpuMs();
  await Promise.all(Array.from({ length: burst.streams }, () => stream(server, burst.chunks)));
  return (((await server.cpuMs()) - before) * 1000) / (burst.streams * burst.chunks);
};

const modes = ["plain", "off", "on"] as const;
type Mode = (typeof modes)[number];

const collector = await collectorOf(true);
const servers: Record<Mode, Server> = {
  plain: await start("plain", ""),
  off: await start("off", ""),
  on: await start("on", collector.url),
};
const empty = () => ({ firstMs: Array<number>(), requestMs: Array<number>(), chunkUs: Array<number>() });
const measured = { plain: empty(), off: empty(), on: empty() };
for (const mode of modes) {
  await alone(servers[mode], warmUpRequests);
  await together(servers[mode]);
}
for (let round = 0; round < rounds; round++) {
  for (const mode of modes) {
    const { firstMs, requestMs } = await alone(servers[mode], requestsOfRound);
    measured[mode].firstMs.push(firstMs);
    measured[mode].requestMs.push(requestMs);
    measured[mode].chunkUs.push(await together(servers[mode]));
  }
}
for (
  const [what, name, unit] of [
    ["first text", "firstMs", "ms"],
    ["CPU of a request of one chunk", "requestMs", "ms"],
    ["CPU of a ready chunk", "chunkUs", "µs"],
  ] as const
) {
  const [plain, off, on] = modes.map((mode) => median(measured[mode][name]));
  if (plain === undefined || off === undefined || on === undefined) throw new Error("nothing was measured");
  console.log(
    `${what}: plain ${plain.toFixed(2)} ${unit}, off ${off.toFixed(2)} (ratio ${(off / plain).toFixed(2)}), on ${
      on.toFixed(2)
    } (ratio to off ${(on / off).toFixed(2)})`,
  );
}
for (const mode of modes) await servers[mode].stop();
collector.close();
agent.destroy();

const silent = await collectorOf(false);
const { stdout } = await new Deno.Command(Deno.execPath(), {
  args: [
    "run",
    "--lock=tests/deno.lock",
    "--v8-flags=--expose-gc",
    "-A",
    "bench/telemetryServer.ts",
    "hole",
    silent.url,
  ],
  stdin: "null",
  stdout: "piped",
}).output();
const { before, after } = JSON.parse(new TextDecoder().decode(stdout));
console.log(
  `60,000 spans more against a collector that never answers: resident ${before.rssMb.toFixed(0)} MiB before, ${
    after.rssMb.toFixed(0)
  } after; heap ${before.heapMb.toFixed(1)} MiB before, ${after.heapMb.toFixed(1)} after`,
);
silent.close();
