/**
 * What our streaming costs above a bare route on the same HTTP host, and above bare `node:http`:
 * `deno task bench:http`.
 *
 * Method: three server processes on loopback, one client process, the servers in turn so that a busy
 * machine disturbs both alike. Each is asked until it runs as it will before anything is measured. First
 * chunk: requests one after the other over kept connections, each of another user, with a rest between
 * them so that what a server does after its answer is not counted as time to the next first chunk; median,
 * and CPU time of the server process for a whole request.
 * Throughput: chunks that come 5 ms apart, as a model sends them, and chunks that are all ready, by wall
 * time and by CPU time of the server process.
 * Then 1,000 paced streams at once, each read to its end. Memory: resident size and heap after a
 * collection, before and while 2,000 streams stand idle.
 */
import { Agent, request } from "node:http";

const firstChunkRequests = 300;
const restMs = 2;
const warmUpRequests = 1_000;
const rounds = 4;
const burst = { streams: 16, chunks: 2_000, pauseMs: 0 };
const paced = { streams: 50, chunks: 100, pauseMs: 5 };
const many = { streams: 1_000, chunks: 10, pauseMs: 100 };
const idleStreams = 2_000;

interface Usage {
  readonly rss: number;
  readonly heapUsed: number;
  readonly cpuMs: number;
}

interface Server {
  readonly name: string;
  readonly port: number;
  readonly usage: (kind: "cpu" | "memory") => Promise<Usage>;
  readonly stop: () => Promise<void>;
}

const start = async (name: string): Promise<Server> => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--v8-flags=--expose-gc",
      "--allow-net=127.0.0.1",
      "--allow-env",
      "--allow-read",
      "--allow-sys",
      "bench/httpServer.ts",
      name,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  const port = Number((await lines.read()).value);
  return {
    name,
    port,
    usage: async (kind) => {
      await input.write(new TextEncoder().encode(`${kind}\n`));
      return JSON.parse((await lines.read()).value ?? "");
    },
    stop: async () => {
      await lines.cancel();
      await input.close();
      child.kill("SIGKILL");
      await child.status;
    },
  };
};

interface Seen {
  readonly firstMs: number;
  readonly bytes: number;
  readonly done: boolean;
}

interface Opened {
  readonly first: Promise<number>;
  readonly end: Promise<Seen>;
  readonly close: () => void;
}

const agent = new Agent({ keepAlive: true, maxSockets: 5_000 });

let users = 0;

const open = (server: Server, chunks: number, pauseMs: number): Opened => {
  const startedMs = performance.now();
  let firstMs = 0;
  let bytes = 0;
  let tail = "";
  const first = Promise.withResolvers<number>();
  const end = Promise.withResolvers<Seen>();
  const sent = request({
    agent,
    host: "127.0.0.1",
    port: server.port,
    path: "/v1/chat/completions",
    method: "POST",
    headers: { "content-type": "application/json" },
  }, (response) => {
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      if (bytes === 0) first.resolve(firstMs = performance.now() - startedMs);
      bytes += text.length;
      tail = (tail + text).slice(-20);
    });
    response.on("end", () => end.resolve({ firstMs, bytes, done: tail.endsWith("data: [DONE]\n\n") }));
    response.on("error", end.reject);
  });
  sent.on("error", end.reject);
  const content = `${chunks} ${pauseMs}`;
  sent.end(JSON.stringify({ stream: true, user: `user-${users++}`, messages: [{ role: "user", content }] }));
  return { first: first.promise, end: end.promise, close: () => sent.destroy() };
};

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const firstChunk = async (server: Server, requests: number) => {
  const started = await server.usage("cpu");
  const times: Array<number> = [];
  for (let index = 0; index < requests; index++) {
    times.push((await open(server, 1, 0).end).firstMs);
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
  return { firstMs: median(times), cpuMs: ((await server.usage("cpu")).cpuMs - started.cpuMs) / requests };
};

interface Load {
  readonly streams: number;
  readonly chunks: number;
  readonly pauseMs: number;
}

const throughput = async (server: Server, load: Load) => {
  const started = await server.usage("cpu");
  const startedMs = performance.now();
  const seen = await Promise.all(
    Array.from({ length: load.streams }, () => open(server, load.chunks, load.pauseMs).end),
  );
  if (!seen.every(({ done }) => done)) throw new Error(`${server.name}: a stream did not end`);
  const seconds = (performance.now() - startedMs) / 1000;
  const chunks = load.streams * load.chunks;
  const cpuMs = (await server.usage("cpu")).cpuMs - started.cpuMs;
  return {
    chunksPerSecond: chunks / seconds,
    chunksPerCpuSecond: chunks / (cpuMs / 1000),
  };
};

const idleMemory = async (server: Server) => {
  const before = await server.usage("memory");
  const streams = Array.from({ length: idleStreams }, () => open(server, 2, 600_000));
  for (const stream of streams) stream.end.catch(() => {});
  // Nothing tells when a silent stream stands; its keep-alive is far away, so the server's memory is asked until it rests.
  let after = before;
  for (let still = 0; still < 3;) {
    const now = await server.usage("memory");
    still = Math.abs(now.heapUsed - after.heapUsed) < 64 * 1024 ? still + 1 : 0;
    after = now;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  for (const stream of streams) stream.close();
  return {
    rssKb: (after.rss - before.rss) / idleStreams / 1024,
    heapKb: (after.heapUsed - before.heapUsed) / idleStreams / 1024,
  };
};

const round = (value: number, digits = 2) => Number(value.toFixed(digits));

const names = ["node", "route", "ours"] as const;
type Name = (typeof names)[number];

const servers: Record<Name, Server> = {
  node: await start("node"),
  route: await start("route"),
  ours: await start("ours"),
};
for (const name of names) {
  await firstChunk(servers[name], warmUpRequests);
  await throughput(servers[name], burst);
}

interface Figures {
  readonly first: Array<number>;
  readonly requestCpu: Array<number>;
  readonly burstWall: Array<number>;
  readonly burstCpu: Array<number>;
  readonly pacedCpu: Array<number>;
}
const empty = (): Figures => ({ first: [], requestCpu: [], burstWall: [], burstCpu: [], pacedCpu: [] });
const measured: Record<Name, Figures> = { node: empty(), route: empty(), ours: empty() };
for (let turn = 0; turn < rounds; turn++) {
  for (const name of names) {
    const [server, into] = [servers[name], measured[name]];
    const first = await firstChunk(server, firstChunkRequests);
    into.first.push(first.firstMs);
    into.requestCpu.push(first.cpuMs);
    const ready = await throughput(server, burst);
    into.burstWall.push(ready.chunksPerSecond);
    into.burstCpu.push(ready.chunksPerCpuSecond);
    into.pacedCpu.push((await throughput(server, paced)).chunksPerCpuSecond);
  }
}

const show = (what: string, value: (name: Name) => number, unit: string) => {
  const ours = value("ours");
  console.log(
    `${what}: ours ${round(ours)}${unit}, bare route ${round(value("route"))}${unit} (ratio ${
      round(ours / value("route"))
    }), bare node:http ${round(value("node"))}${unit} (ratio ${round(ours / value("node"))})`,
  );
};

show("first chunk", (name) => median(measured[name].first), " ms");
show("CPU of a whole request of one chunk", (name) => median(measured[name].requestCpu), " ms");
show(
  `chunks ${paced.pauseMs} ms apart, ${paced.streams} streams, per CPU second`,
  (name) => median(measured[name].pacedCpu),
  "",
);
show("chunks that are ready, per second", (name) => median(measured[name].burstWall), "");
show("chunks that are ready, per CPU second", (name) => median(measured[name].burstCpu), "");

const together = await Promise.all(
  Array.from({ length: many.streams }, () => open(servers.ours, many.chunks, many.pauseMs).end),
);
console.log(`${many.streams} streams at once: ${together.filter(({ done }) => done).length} ended well`);

const idle = {
  node: await idleMemory(servers.node),
  route: await idleMemory(servers.route),
  ours: await idleMemory(servers.ours),
};
show(`resident memory of an idle stream, ${idleStreams} open`, (name) => idle[name].rssKb, " KiB");
show(`heap of an idle stream, ${idleStreams} open`, (name) => idle[name].heapKb, " KiB");

agent.destroy();
for (const name of names) await servers[name].stop();
