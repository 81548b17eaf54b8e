/**
 * What a start costs: time until `/health` answers and memory of a server that waits, beside an empty Deno server.
 *
 *   deno task bench:boot
 *
 * Measured is the bundle that the npm package starts, and the sources that `deno task serve` starts. The servers take
 * turns, so that a busy machine slows all of them. The bounds are the bundle's.
 */
import { buildPackage } from "../scripts/package.ts";
import { freePort, residentMegabytes } from "./serverProcess.ts";

const rounds = 7;
/** Starts that are not counted: they fill Deno's cache of compiled code. */
const warmUps = 2;
/** Boot of the bundle over the boot of an empty server. */
const bootRatioMax = 6;
/** Resident memory of the bundle's server when it has been idle for a moment. */
const idleMegabytesMax = 120;
/** Time after the first answer in which a start still tidies up. */
const settleMs = 1_500;

interface Figure {
  readonly bootMs: number;
  readonly megabytes: number;
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Starts a server, asks until it answers, looks at its memory and ends it. */
const start = async (args: ReadonlyArray<string>, dataPath: string): Promise<Figure> => {
  const port = freePort();
  const beganMs = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", ...args],
    env: { AGENT_API_PORT: String(port), CAISSON_DATA_PATH: dataPath, CAISSON_SANDBOX: "embedded", PORT: String(port) },
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/health`).then(
        (response) => response.text(),
        () => undefined,
      );
      if (answer !== undefined) break;
      await sleep(2);
    }
    const bootMs = performance.now() - beganMs;
    await sleep(settleMs);
    return { bootMs, megabytes: await residentMegabytes(child.pid) };
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
};

const folder = await Deno.makeTempDir({ prefix: "caisson-bench-" });
try {
  await Deno.chmod(folder, 0o755);
  await buildPackage(`${folder}/package`);
  const empty = `${folder}/empty.ts`;
  await Deno.writeTextFile(
    empty,
    'Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.env.get("PORT")), onListen() {} }, () => new Response("ok"));\n',
  );
  const servers: Readonly<Record<string, ReadonlyArray<string>>> = {
    "empty server": ["--no-config", empty],
    "sources": ["server.ts"],
    "bundle": ["--no-config", `${folder}/package/server.js`],
  };
  const figures = new Map<string, Array<Figure>>(Object.keys(servers).map((name) => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const [name, args] of Object.entries(servers)) {
      const figure = await start(args, `${folder}/data`);
      if (round >= 0) figures.get(name)?.push(figure);
    }
  }
  const of = (name: string, pick: (figure: Figure) => number): number => median((figures.get(name) ?? []).map(pick));
  const floorMs = of("empty server", ({ bootMs }) => bootMs);
  console.log(`${"".padEnd(14)} ${"boot ms".padStart(9)} ${"ratio".padStart(7)} ${"idle MB".padStart(9)}`);
  for (const name of Object.keys(servers)) {
    const bootMs = of(name, (figure) => figure.bootMs);
    const megabytes = of(name, (figure) => figure.megabytes);
    console.log(
      `${name.padEnd(14)} ${bootMs.toFixed(0).padStart(9)} ${(bootMs / floorMs).toFixed(1).padStart(7)} ${
        megabytes.toFixed(0).padStart(9)
      }`,
    );
  }
  const ratio = of("bundle", ({ bootMs }) => bootMs) / floorMs;
  const megabytes = of("bundle", (figure) => figure.megabytes);
  const missed = [
    ...(ratio > bootRatioMax ? [`boot is ${ratio.toFixed(1)} times the empty server's, bound ${bootRatioMax}`] : []),
    ...(megabytes > idleMegabytesMax ? [`idle memory is ${megabytes.toFixed(0)} MB, bound ${idleMegabytesMax}`] : []),
  ];
  for (const miss of missed) console.error(`missed: ${miss}`);
  Deno.exitCode = missed.length === 0 ? 0 : 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
