/**
 * Many slow streams at once, after a crowd whose clients have left, and somebody else amid them:
 * `deno task bench:crowd [gemini|openai|anthropic] [STREAMS…]`.
 *
 * Every stream is of a user of its own, so that no session grows while it is measured. None may fail, except those
 * that the door answers 429, and somebody else's first text must come, at most twice as late as alone; that one is
 * measured by a process of its own, `bench/crowdOther.ts`, whose event loop has nothing else to do.
 */
import {
  agent,
  median,
  open,
  rest,
  type Seen,
  type Server,
  start,
  startOther,
  startUpstream,
} from "./providersClient.ts";

const providers = Deno.args.filter((name) => /^[a-z]+$/.test(name));
const sizes = Deno.args.filter((name) => /^\d+$/.test(name)).map(Number);
const left = 1_000;
const chunksEach = 20;
const othersFirstTextMax = 2;
const samples = 40;
const [calmPauseMs, crowdPauseMs] = [5, 25];

let missed = 0;
const judge = (what: string, isGood: boolean) => {
  if (!isGood) missed += 1;
  console.log(`${isGood ? "  " : "✗ "}${what}`);
};

const outcomes = (seen: ReadonlyArray<Seen>): string => {
  const counts = new Map<string, number>();
  for (const { status, isDone, texts, error } of seen) {
    const what = isDone && texts === chunksEach ? "well" : `${status} ${error}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `${count} ${what}`).join(", ");
};

const crowd = async (server: Server, size: number): Promise<void> => {
  const other = await startOther(server, "sk-other");
  await other.firstTexts(samples, 0);
  const alone = median(await other.firstTexts(samples, calmPauseMs));
  const leaving = Array.from(
    { length: left },
    () => open(server, { chunks: 200, pauseMs: 300, writes: "own" }, undefined, "sk-crowd"),
  );
  await rest(4_000);
  for (const { close } of leaving) close();
  const startedMs = performance.now();
  const streams = Array.from(
    { length: size },
    () => open(server, { chunks: chunksEach, pauseMs: 500, writes: "own" }, undefined, "sk-crowd").end,
  );
  await rest(3_000);
  const times = await other.firstTexts(samples, crowdPauseMs);
  await other.stop();
  const seen = await Promise.all(streams);
  const tookMs = performance.now() - startedMs;
  const failed = seen.filter(({ isDone, texts, status }) => status !== 429 && !(isDone && texts === chunksEach));
  const name = `${server.name}, ${size} at once`;
  judge(`${name}: ${failed.length} failed (${outcomes(seen)}; ${Math.round(tookMs)} ms)`, failed.length === 0);
  const without = times.filter((time) => !Number.isFinite(time)).length;
  const ratio = median(times) / alone;
  judge(
    `${name}: another user's first text ${ratio.toFixed(2)} of alone (${median(times).toFixed(1)} ms, ` +
      `alone ${alone.toFixed(1)} ms), ${without} of ${samples} without text`,
    without === 0 && ratio <= othersFirstTextMax,
  );
};

const upstream = await startUpstream();
for (const name of providers.length > 0 ? providers : ["gemini", "openai", "anthropic"]) {
  for (const size of sizes.length > 0 ? sizes : [1_000, 2_000, 5_000]) {
    const server = await start(name, upstream.url, "crowd:sk-crowd,other:sk-other");
    await crowd(server, size);
    await server.stop();
  }
}
agent.destroy();
await upstream.stop();
Deno.exit(missed > 0 ? 1 : 0);
