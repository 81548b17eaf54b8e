/**
 * The supervisor's fast path against fork and exec of bash, both on this machine in one run.
 *
 * Run: `deno run --allow-run=/usr/bin/python3,/bin/bash --allow-read --allow-write --allow-env bench/supervisor.ts`.
 * Rounds of the two alternate, so that noise of the machine falls on both; trust the ratios.
 */
import type { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { Effect, Stream } from "effect";
import type { SupervisorLink } from "../src/adapters/sandbox/supervisor/SupervisorLink.ts";
import { hostSupervisor } from "../tests/unit/adapters/sandbox/supervisor/hostSupervisor.ts";

const rounds = 200;
const together = 16;
const burst = 160;
/** Time between two commands of a model: enough for everything to come to rest. */
const restMs = 15;

const percentile = (samples: ReadonlyArray<number>, share: number) =>
  [...samples].sort((a, b) => a - b)[Math.floor(samples.length * share)] ?? NaN;

/** What a sandbox without isolation would do: spawn bash and collect its output. */
const hostBash = (command: string) =>
  Effect.promise(() =>
    new Promise<string>((resolve, reject) => {
      const child = spawn("/bin/bash", ["-c", command], { stdio: ["ignore", "pipe", "ignore"] });
      let text = "";
      child.stdout.on("data", (bytes: Buffer) => void (text += bytes.toString()));
      child.on("error", reject);
      child.on("close", () => resolve(text));
    })
  );

const time = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const started = performance.now();
    yield* effect;
    return performance.now() - started;
  });

const row = (name: string, values: Record<string, string>) =>
  console.log(name.padEnd(44), Object.entries(values).map(([key, value]) => `${key} ${value}`).join("   "));

const ms = (value: number) => `${value.toFixed(2)} ms`;

const echo = (link: SupervisorLink) => link.execute({ command: "echo hi", timeoutMs: 10_000 });

const compareLatency = (link: SupervisorLink, title: string, command: string, pauseMs: number) =>
  Effect.gen(function* () {
    const ours: Array<number> = [];
    const theirs: Array<number> = [];
    const rest = pauseMs === 0 ? Effect.void : Effect.sleep(pauseMs);
    for (let part = 0; part < 4; part++) {
      for (let round = 0; round < rounds / 4; round++) {
        ours.push(yield* time(link.execute({ command, timeoutMs: 10_000 })));
        yield* rest;
      }
      for (let round = 0; round < rounds / 4; round++) {
        theirs.push(yield* time(hostBash(command)));
        yield* rest;
      }
    }
    const [a, b] = [percentile(ours, 0.5), percentile(theirs, 0.5)];
    row(title, {
      supervisor: ms(a),
      p99: ms(percentile(ours, 0.99)),
      "fork+exec": ms(b),
      ratio: (a / b).toFixed(2),
    });
  });

const perSecond = <E>(one: Effect.Effect<unknown, E>) =>
  Effect.map(
    time(Effect.forEach(Array.from({ length: burst }), () => one, { concurrency: together, discard: true })),
    (elapsed) => burst / elapsed * 1000,
  );

/** Prints resident, proportional and private memory of a process and all below it, the asking shell left out. */
const memoryOf = (pid: number) =>
  `tree() { echo $1; for child in $(cat /proc/$1/task/*/children 2>/dev/null); do tree $child; done; }
   for p in $(tree ${pid}); do
     [ $p = $$ ] || [ $p = $BASHPID ] || awk -v name="$(tr '\\0' ' ' < /proc/$p/cmdline | cut -c1-24)" '
       /^Rss:/ { rss = $2 } /^Pss:/ { pss = $2 } /^Private_(Clean|Dirty):/ { own += $2 }
       END { if (rss) printf "%-26s rss %6d  pss %6d  private %6d KiB\\n", name, rss, pss, own }' /proc/$p/smaps_rollup
   done 2>/dev/null`;

const program = Effect.gen(function* () {
  const { link, pid } = yield* hostSupervisor();
  for (let warm = 0; warm < 20; warm++) yield* echo(link);
  row("ping", { p50: ms(percentile(yield* Effect.forEach(Array.from({ length: 200 }), () => time(link.ping)), 0.5)) });
  yield* compareLatency(link, "echo hi, spaced", "echo hi", restMs);
  yield* compareLatency(link, "echo hi, back to back", "echo hi", 0);
  yield* compareLatency(link, "python3 -c 1, spaced", "/usr/bin/python3 -c 1", restMs);

  const ours: Array<number> = [];
  const theirs: Array<number> = [];
  for (let round = 0; round < 6; round++) {
    ours.push(yield* perSecond(echo(link)));
    theirs.push(yield* perSecond(hostBash("echo hi")));
  }
  const [a, b] = [percentile(ours, 0.5), percentile(theirs, 0.5)];
  row("echo hi, 16 at once", {
    supervisor: `${a.toFixed(0)}/s`,
    "fork+exec": `${b.toFixed(0)}/s`,
    ratio: (a / b).toFixed(2),
  });

  for (const [name, size, times] of [["1 KB", 1024, 100], ["10 MB", 10 * 1024 * 1024, 8]] as const) {
    const content = new Uint8Array(size).fill(97);
    const writes: Array<number> = [];
    const reads: Array<number> = [];
    const texts: Array<number> = [];
    for (let round = 0; round < times; round++) {
      writes.push(yield* time(link.writeFile("file", content)));
      reads.push(yield* time(Stream.runDrain(link.readBytes("file"))));
      texts.push(yield* time(link.readText("file", { offset: 0 })));
    }
    row(`${name} file`, {
      write: ms(percentile(writes, 0.5)),
      readBytes: ms(percentile(reads, 0.5)),
      readText: ms(percentile(texts, 0.5)),
    });
  }
  // Surplus runners are let go after ten seconds of rest.
  yield* Effect.sleep("12 seconds");
  const { stdout } = yield* link.execute({ command: memoryOf(pid), timeoutMs: 10_000 });
  console.log(`memory of an idle supervisor and of what it keeps ready:\n${stdout}`);
});

await Effect.runPromise(Effect.scoped(program));
