/**
 * Memory of a server that works for a long time: `deno task bench:soak [MINUTES]`.
 *
 * The server is the one that users start, with its stores on disk. Twenty users come back again and again at a low
 * rate, each with one stream of a loopback provider at a time; every tenth client leaves in mid-stream. Resident memory is printed each
 * minute. It is flat when the last quarter stands where the second did: the first fills caches. The slope is of all
 * minutes but the first quarter's.
 */
import { agent, median, open, rest, startUpstream } from "./providersClient.ts";
import { freePort, residentMegabytes } from "./serverProcess.ts";

const minutes = Number(Deno.args[0] ?? 20);
const pauseMs = 250;
const usersCount = 20;
const leavesEvery = 10;
const load = { chunks: 40, pauseMs: 5, writes: "own" };
const leavesAfterMs = 60;
/** Memory in the last quarter over memory in the second. */
const flatMax = 1.1;

if (minutes < 4) {
  console.error("a soak takes four minutes at least: quarters are compared");
  Deno.exit(2);
}

interface Minute {
  readonly minute: number;
  readonly megabytes: number;
}

/** Megabytes a minute, by least squares. */
const slope = (points: ReadonlyArray<Minute>): number => {
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map(({ minute }) => minute));
  const y = mean(points.map(({ megabytes }) => megabytes));
  const rise = points.reduce((sum, { minute, megabytes }) => sum + (minute - x) * (megabytes - y), 0);
  return rise / points.reduce((sum, { minute }) => sum + (minute - x) ** 2, 0);
};

/** The server as a process, when it answers. */
const startServer = async (upstream: string, dataPath: string) => {
  const port = freePort();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--lock=tests/deno.lock", "-A", "server.ts"],
    env: {
      AGENT_API_PORT: String(port),
      CAISSON_DATA_PATH: dataPath,
      CAISSON_SANDBOX: "embedded",
      GEMINI_API_KEY: "bench-key",
      GOOGLE_GEMINI_BASE_URL: upstream,
    },
    stdout: "null",
    stderr: "null",
  }).spawn();
  for (;;) {
    const isUp = await fetch(`http://127.0.0.1:${port}/health`).then(
      (response) => response.body?.cancel().then(() => true),
      () => false,
    );
    if (isUp) return { child, port };
    await rest(50);
  }
};

const folder = await Deno.makeTempDir({ prefix: "caisson-bench-" });
await Deno.chmod(folder, 0o755);
const upstream = await startUpstream();
const { child, port } = await startServer(upstream.url, folder);
const server = { model: "gemini-bench", port };
const seen: Array<Minute> = [];
let [asked, failed] = [0, 0];
/** Users who have a stream: a machine that is busy elsewhere gets no more to do, so that no queue is measured. */
const busy = new Set<number>();

/** One stream of a user; whoever stays must get the whole answer. */
const ask = async (user: number): Promise<void> => {
  busy.add(user);
  const leaves = asked % leavesEvery === leavesEvery - 1;
  asked += 1;
  const { end, close } = open(server, load, `soak-${user}`);
  if (leaves) {
    await rest(leavesAfterMs);
    close();
  }
  const { isDone } = await end;
  if (!isDone && !leaves) failed += 1;
  busy.delete(user);
};

try {
  for (let minute = 1; minute <= minutes; minute++) {
    const untilMs = performance.now() + 60_000;
    for (let turn = 0; performance.now() < untilMs; turn++) {
      const user = turn % usersCount;
      if (!busy.has(user)) void ask(user);
      await rest(pauseMs);
    }
    const megabytes = await residentMegabytes(child.pid);
    seen.push({ minute, megabytes });
    console.log(
      `minute ${String(minute).padStart(3)}: ${megabytes.toFixed(1)} MB resident, ${asked} asked, ${failed} failed`,
    );
  }
} finally {
  agent.destroy();
  child.kill("SIGTERM");
  await child.status;
  await upstream.stop();
  await Deno.remove(folder, { recursive: true });
}

const quarter = Math.floor(minutes / 4);
const of = (points: ReadonlyArray<Minute>) => median(points.map(({ megabytes }) => megabytes));
const ratio = of(seen.slice(-quarter)) / of(seen.slice(quarter, 2 * quarter));
const isFlat = ratio <= flatMax;
console.log(
  `${isFlat ? "  " : "✗ "}resident memory: last quarter ${ratio.toFixed(3)} of the second (wanted ≤ ${flatMax}), ` +
    `${slope(seen.slice(quarter)).toFixed(3)} MB a minute`,
);
Deno.exit(isFlat && failed === 0 ? 0 : 1);
