/**
 * What our way from a provider's socket to a client's costs above a floor that only parses and converts:
 * `deno task bench:providers [QUICK]`.
 *
 * Method: a loopback provider of bytes that were encoded before, two floors and ours with each of the three
 * adapters, each a process, all over kept connections; they take turns, and medians are shown. Every bound is
 * a ratio within the run, and a missed one fails the bench.
 */
import { agent, type Load, median, open, rest, type Server, start, startUpstream } from "./providersClient.ts";

const isQuick = Deno.args.includes("quick");
const rounds = isQuick ? 2 : 4;
/** V8 goes on compiling what a request runs: the time to its first text falls until about this many were answered. */
const warmUpRequests = isQuick ? 1_000 : 3_000;
/** So many at first are told by themselves: what a process that was just started does. */
const firstRequests = 400;
/** So many go before each turn: the one before it had the machine's caches. */
const requestsBeforeTurn = 40;
const firstTextRequests = isQuick ? 60 : 200;
const burst = { streams: 8, chunks: 2_000, pauseMs: 0, writes: "together" };
const ownWrites = { streams: 8, chunks: 2_000, pauseMs: 0, writes: "own" };
const paced = { streams: 50, chunks: 100, pauseMs: 5, writes: "own" };
const slowStreams = 1_000;
const manyStreams = 2_000;

/** The figures that are wanted, as ratios. */
const bounds = {
  firstTextAlone: 2.5,
  firstTextOfTen: 3,
  burst: 0.5,
  ownWrites: 0.35,
  paced: 0.45,
  /** KiB of resident memory. */
  slowStreamKb: 300,
  othersFirstText: 2,
};

const oneText = { chunks: 1, pauseMs: 0, writes: "own" };

const firstTexts = async (server: Server, requests: number, atOnce: number): Promise<number> => {
  const times: Array<number> = [];
  for (let index = 0; index < requests; index += atOnce) {
    const seen = await Promise.all(Array.from({ length: atOnce }, () => open(server, oneText).end));
    if (!seen.every(({ isDone, texts }) => isDone && texts === 1)) {
      throw new Error(`${server.name}: ${JSON.stringify(seen[0])}`);
    }
    times.push(...seen.map(({ firstMs }) => firstMs));
    await rest(2);
  }
  return median(times);
};

const chunksPerCpuSecond = async (server: Server, load: Load): Promise<number> => {
  const before = await server.use("cpu");
  const seen = await Promise.all(Array.from({ length: load.streams }, () => open(server, load).end));
  const wrong = seen.find(({ isDone, texts }) => !isDone || texts !== load.chunks);
  if (wrong !== undefined) throw new Error(`${server.name}: a stream did not end well: ${JSON.stringify(wrong)}`);
  return (load.streams * load.chunks) / (((await server.use("cpu")).cpuMs - before.cpuMs) / 1000);
};

/** Resident memory of one of many streams that say a word now and then, in KiB. */
const slowStreamKb = async (server: Server): Promise<number> => {
  const before = await server.use("memory");
  const streams = Array.from(
    { length: slowStreams },
    () => open(server, { chunks: 200, pauseMs: 300, writes: "own" }),
  );
  await rest(6_000);
  const after = await server.use("memory");
  for (const { close } of streams) close();
  await rest(2_000);
  return (after.rss - before.rss) / slowStreams / 1024;
};

interface Crowd {
  readonly ended: number;
  readonly refused: number;
  readonly failed: number;
  readonly alone: number;
  readonly amid: number;
}

/** Many slow streams of one user at once, and another user's first text before and amid them. */
const crowd = async (server: Server): Promise<Crowd> => {
  const alone = await firstTexts(server, 40, 1);
  const streams = Array.from(
    { length: manyStreams },
    () => open(server, { chunks: 20, pauseMs: 500, writes: "own" }, "crowd").end,
  );
  await rest(5_000);
  const times: Array<number> = [];
  for (let index = 0; index < 40; index++) {
    times.push((await open(server, oneText, "other").end).firstMs);
    await rest(25);
  }
  const seen = await Promise.all(streams);
  const ended = seen.filter(({ isDone, texts }) => isDone && texts === 20).length;
  const refused = seen.filter(({ status }) => status === 429).length;
  return { ended, refused, failed: seen.length - ended - refused, alone, amid: median(times) };
};

// Run --------------------------------------------------------------------------------------------------

const upstream = await startUpstream();

const floorNames = ["node", "deno"];
const ourNames = ["gemini", "openai", "anthropic"];
const names = [...floorNames, ...ourNames];
const servers: Array<Server> = [];
for (const name of names) servers.push(await start(name, upstream.url));

interface Figures {
  readonly alone: Array<number>;
  readonly ten: Array<number>;
  readonly burst: Array<number>;
  readonly own: Array<number>;
  readonly paced: Array<number>;
}
const measured = new Map(
  names.map((name): [string, Figures] => [name, { alone: [], ten: [], burst: [], own: [], paced: [] }]),
);
const figuresOf = (name: string): Figures =>
  measured.get(name) ?? { alone: [], ten: [], burst: [], own: [], paced: [] };

const firstOnes = new Map<string, number>();
for (const server of servers) {
  firstOnes.set(server.name, await firstTexts(server, firstRequests, 1));
  await firstTexts(server, warmUpRequests - firstRequests, 1);
  await chunksPerCpuSecond(server, burst);
  await chunksPerCpuSecond(server, ownWrites);
}
for (let round = 0; round < rounds; round++) {
  for (const server of servers) {
    const figures = figuresOf(server.name);
    await firstTexts(server, requestsBeforeTurn, 1);
    figures.alone.push(await firstTexts(server, firstTextRequests, 1));
    figures.ten.push(await firstTexts(server, firstTextRequests, 10));
    figures.burst.push(await chunksPerCpuSecond(server, burst));
    figures.own.push(await chunksPerCpuSecond(server, ownWrites));
    figures.paced.push(await chunksPerCpuSecond(server, paced));
  }
}

let missed = 0;
const digits = (value: number) => Number(value.toPrecision(3));
const judge = (what: string, value: number, isGood: boolean, bound: string, note: string) => {
  if (!isGood) missed += 1;
  console.log(`${isGood ? "  " : "✗ "}${what}: ${digits(value)} (wanted ${bound})${note === "" ? "" : `, ${note}`}`);
};

const floor = (row: keyof Figures) => median(figuresOf("node")[row]);
const converting = (row: "alone" | "ten") => median(figuresOf("deno")[row]);
for (const row of ["alone", "ten", "burst", "own", "paced"] as const) {
  console.log(`floors, ${row}: node:http ${digits(floor(row))}, Deno.serve ${digits(median(figuresOf("deno")[row]))}`);
}
for (const name of ourNames) {
  const early = firstOnes.get(name) ?? 0;
  const overFloor = digits(early / (firstOnes.get("deno") ?? 0));
  console.log(`  ${name}: first text of a process's first ${firstRequests}: ${overFloor}, ${digits(early)} ms`);
  const of = (row: keyof Figures) => median(figuresOf(name)[row]);
  const most = (what: string, row: "alone" | "ten", bound: number) =>
    judge(
      `${name}: ${what}`,
      of(row) / converting(row),
      of(row) / converting(row) <= bound,
      `≤ ${bound}`,
      `${digits(of(row))} ms`,
    );
  const least = (what: string, row: "burst" | "own" | "paced", bound: number) =>
    judge(
      `${name}: ${what}`,
      of(row) / floor(row),
      of(row) / floor(row) >= bound,
      `≥ ${bound}`,
      `${Math.round(of(row))}`,
    );
  most("first text over the converting floor, alone", "alone", bounds.firstTextAlone);
  most("first text over the converting floor, 10 at once", "ten", bounds.firstTextOfTen);
  least("chunks per CPU second of node:http's, burst", "burst", bounds.burst);
  least("chunks per CPU second of node:http's, own writes", "own", bounds.ownWrites);
  least("chunks per CPU second of node:http's, 5 ms apart", "paced", bounds.paced);
}

if (!isQuick) {
  for (const server of servers.filter(({ name }) => name === "node" || ourNames.includes(name))) {
    const kb = await slowStreamKb(server);
    if (server.name === "node") console.log(`node:http: resident memory of a slow stream: ${digits(kb)} KiB`);
    else {
      judge(
        `${server.name}: resident memory of a slow stream, KiB`,
        kb,
        kb <= bounds.slowStreamKb,
        `≤ ${bounds.slowStreamKb}`,
        "",
      );
    }
  }
  for (const server of servers.filter(({ name }) => ourNames.includes(name))) {
    const { ended, refused, failed, alone, amid } = await crowd(server);
    const what = `${server.name}: of ${manyStreams} slow streams at once fail`;
    judge(what, failed, failed === 0, "0", `${ended} ended well, ${refused} were told 429`);
    const ratio = amid / alone;
    judge(
      `${server.name}: another user's first text amid them`,
      ratio,
      ratio <= bounds.othersFirstText,
      `≤ ${bounds.othersFirstText}`,
      `${digits(alone)} ms alone, ${digits(amid)} ms amid`,
    );
  }
}

agent.destroy();
for (const server of servers) await server.stop();
await upstream.stop();
if (missed > 0) console.log(`\n${missed} of the bounds are missed`);
Deno.exit(missed > 0 ? 1 : 0);
