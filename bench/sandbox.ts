/**
 * What the Docker sandbox costs, as ratios within one run: against one engine exec per command, against
 * fork and exec on the host, and against the engine's own create, start and archive calls.
 *
 * Run with `deno task bench:sandbox [PART…] [IDLE]`; parts are warm, files, cold, crowd, burst, kernel, idle
 * and pooled, all of them when none is named; IDLE idle sandboxes (20) are started for the rows of idle. It needs
 * an engine, the image and python3 on the host, and ends with 1 when a bound is missed.
 */
import { Effect, Exit, Fiber, Layer, Schedule, Stream } from "effect";
import { Tar } from "effect/encoding";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { tarArchive } from "../src/adapters/sandbox/docker/tarArchive.ts";
import { layer as dockerLayer } from "../src/adapters/sandbox/docker/Docker.ts";
import type { Owner } from "../src/domain/Owner.ts";
import { Sandbox, type SandboxHandle } from "../src/services/Sandbox.ts";
import { dockerode, engineSettings } from "../tests/support/engine.ts";

const command = "echo hi";
const warmRuns = 200;
const execRuns = 20;
const atOnce = 16;
const burstRuns = 320;
const execBurstRuns = 48;
const startRuns = 6;
const fileRuns = 6;
/** New users at once while somebody else works. */
const crowdSize = 32;
const crowdRuns = 400;
/** Whoever works does not hammer: the wait before each command, in calm and in the crowd. */
const crowdPauseMs = 5;
const burstSize = 100;
const mebibyte = 1024 * 1024;
/** Large against every buffer on the way, so that one which grows with the file shows. */
const hugeBytes = 100 * mebibyte;

const engine = dockerode();
const owner = (ephemeral: boolean): Owner => ({ principal: "bench", user: crypto.randomUUID(), ephemeral });

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const started = performance.now();
    return Effect.map(effect, (value) => [performance.now() - started, value] as const);
  });

/** The median time of sequential runs. */
const p50 = <A, E, R>(runs: number, effect: Effect.Effect<A, E, R>) =>
  Effect.map(
    Effect.forEach(Array.from({ length: runs }), () => Effect.map(timed(effect), ([ms]) => ms)),
    median,
  );

/** Runs per second with a number of them at once. */
const throughput = <A, E, R>(runs: number, effect: Effect.Effect<A, E, R>) =>
  Effect.map(
    timed(Effect.forEach(Array.from({ length: runs }), () => effect, { concurrency: atOnce, discard: true })),
    ([ms]) => (runs * 1000) / ms,
  );

const run = (handle: SandboxHandle) => handle.execute({ command, timeoutMs: 30_000 });

/** One command as today's peers run it: create, start, drain and inspect an exec. */
const engineExec = (id: string) =>
  Effect.promise(async () => {
    const exec = await engine.getContainer(id).exec({
      Cmd: ["bash", "-c", command],
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await exec.start({ hijack: true, stdin: false });
    await new Promise<void>((resolve, reject) => {
      stream.on("data", () => {});
      stream.on("end", resolve);
      stream.on("error", reject);
    });
    stream.destroy();
    return (await exec.inspect()).ExitCode;
  });

/** The floor: a process of the host spawning bash, from a program that costs next to nothing itself. */
const hostSpawn = Effect.promise(async () => {
  const source = `
import os, statistics, time
times = []
for _ in range(${warmRuns}):
    begun = time.perf_counter()
    r, w = os.pipe()
    pid = os.posix_spawn("/bin/bash", ["bash", "-c", "${command}"], {"PATH": "/usr/bin:/bin"},
                         file_actions=[(os.POSIX_SPAWN_DUP2, w, 1), (os.POSIX_SPAWN_CLOSE, r)])
    os.close(w)
    while os.read(r, 4096): pass
    os.close(r)
    os.waitpid(pid, 0)
    times.append((time.perf_counter() - begun) * 1000)
print(statistics.median(times))`;
  const { stdout } = await new Deno.Command("python3", { args: ["-IS", "-c", source] }).output();
  return Number(new TextDecoder().decode(stdout));
});

/** What a row must keep, and how its ratio is said. */
interface Bound {
  readonly ratio: number;
  readonly unit: "x" | "ms" | "MiB" | "of 100";
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** Rows whose bound was missed; any of them fails the run. */
const missed: Array<string> = [];

const within = ({ ratio, atMost = Infinity, atLeast = -Infinity }: Bound) => ratio <= atMost && ratio >= atLeast;

const row = (what: string, measured: string, bound?: Bound) =>
  Effect.sync(() => {
    if (bound === undefined) return console.log(`${what.padEnd(46)} ${measured}`);
    const { ratio, unit, atMost, atLeast } = bound;
    const wanted = atMost === undefined ? `at least ${atLeast}${unit}` : `at most ${atMost}${unit}`;
    if (!within(bound)) missed.push(what);
    const verdict = within(bound) ? "" : "  MISSED";
    console.log(`${what.padEnd(46)} ${measured.padEnd(50)} ${ratio.toFixed(2)}${unit} (${wanted})${verdict}`);
  });
const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

const residentBytes = (id: string) =>
  Effect.promise(async () => {
    const { memory_stats: memory } = await engine.getContainer(id).stats({ stream: false });
    const detail: Readonly<Record<string, unknown>> = { ...memory.stats };
    return Number(detail["rss"] ?? detail["anon"] ?? memory.usage);
  });

const warm = Effect.scoped(Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const handle = yield* sandbox.open(owner(true));
  yield* p50(20, run(handle));
  const ours = yield* p50(warmRuns, run(handle));
  const exec = yield* p50(execRuns, engineExec(handle.id));
  const host = yield* hostSpawn;
  yield* row(
    "warm command, one after another, p50",
    `${ms(ours)}, engine exec ${ms(exec)}`,
    { ratio: exec / ours, unit: "x", atLeast: 15 },
  );
  yield* row(
    "the same against fork+exec on the host",
    `${ms(ours)}, host ${ms(host)}`,
    { ratio: ours / host, unit: "x", atMost: 3 },
  );
  const burst = yield* throughput(burstRuns, run(handle));
  const execBurst = yield* throughput(execBurstRuns, engineExec(handle.id));
  yield* row(
    `${atOnce} at once`,
    `${burst.toFixed(0)}/s, engine exec ${execBurst.toFixed(0)}/s`,
    { ratio: burst / execBurst, unit: "x", atLeast: 25 },
  );

  const small = new Uint8Array(1024).fill(97);
  const writeAndRead = Effect.andThen(
    handle.writeFile("small.txt", small),
    handle.readText("small.txt", { offset: 0 }),
  );
  const pair = yield* p50(warmRuns, writeAndRead);
  yield* row("1 KB write and read, p50", `${ms(pair)}, one command ${ms(ours)}`, {
    ratio: pair / ours,
    unit: "x",
    atMost: 1,
  });
}));

/** Resident memory of the supervisor in KiB, now and at its highest. */
const supervisorMemory = (handle: SandboxHandle) =>
  Effect.map(
    handle.execute({ command: "awk '/^Vm(HWM|RSS):/ {print $2}' /proc/1/status", timeoutMs: 10_000 }),
    ({ stdout }) => stdout.trim().split("\n").map(Number),
  );

/** Reads a file of a hundred mebibytes and says how far memory rose on both sides. */
const memoryOfReading = Effect.fnUntraced(function* (handle: SandboxHandle) {
  yield* handle.execute({ command: `head -c ${hugeBytes} /dev/zero > huge.bin`, timeoutMs: 60_000 });
  const before = Deno.memoryUsage().rss;
  let highest = before;
  yield* Stream.runForEach(handle.readBytes("huge.bin"), () =>
    Effect.sync(() => {
      highest = Math.max(highest, Deno.memoryUsage().rss);
    }));
  const [peak = NaN, now = NaN] = yield* supervisorMemory(handle);
  yield* row(
    "memory for reading 100 MB",
    `client +${((highest - before) / mebibyte).toFixed(1)} MiB, supervisor ${(now / 1024).toFixed(1)} MiB, highest ${
      (peak / 1024).toFixed(1)
    } MiB`,
  );
});

const files = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const who = owner(false);
  yield* Effect.scoped(Effect.gen(function* () {
    const handle = yield* sandbox.open(who);
    const big = new Uint8Array(10 * mebibyte).fill(97);
    const container = engine.getContainer(handle.id);
    const write = yield* p50(fileRuns, handle.writeFile("big.bin", big));
    const read = yield* p50(fileRuns, Stream.runDrain(handle.readBytes("big.bin")));
    const archive = yield* tarArchive([Tar.file("big.bin", big, { uid: 1000, gid: 1000 })]);
    const put = yield* p50(
      fileRuns,
      Effect.promise(() => container.putArchive(Readable.from([archive]), { path: "/workspace" })),
    );
    const get = yield* p50(
      fileRuns,
      Effect.promise(async () => {
        const pieces = await container.getArchive({ path: "/workspace/big.bin" });
        await finished(pieces.resume());
      }),
    );
    yield* row("10 MB write, p50", `${ms(write)}, archive call ${ms(put)}`, {
      ratio: put / write,
      unit: "x",
      atLeast: 1,
    });
    yield* row("10 MB read, p50", `${ms(read)}, archive call ${ms(get)}`, { ratio: get / read, unit: "x", atLeast: 1 });
    yield* memoryOfReading(handle);
  })).pipe(Effect.ensuring(Effect.ignore(sandbox.reset(who))));
});

/** The first command of a user nobody has seen, and everything of them gone again. */
const firstCommand = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const who = owner(false);
  const [elapsed] = yield* timed(Effect.scoped(Effect.flatMap(sandbox.open(who), run)));
  yield* sandbox.reset(who);
  return elapsed;
});

/** The very container that a sandbox is, minus the supervisor and its greeting. */
const bareOptions = Effect.fnUntraced(function* (id: string) {
  const { Config, HostConfig } = yield* Effect.promise(() => engine.getContainer(id).inspect());
  return (volume: string) => ({
    Image: Config.Image,
    User: Config.User,
    Entrypoint: ["sleep", "600"],
    Labels: { "caisson.bench": "1" },
    HostConfig: {
      ...HostConfig,
      AutoRemove: false,
      Mounts: (HostConfig.Mounts ?? []).map((mount) =>
        mount.Target === "/workspace" ? { ...mount, Source: volume } : mount
      ),
    },
  });
});

const cold = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  // On a fresh volume too.
  const who = owner(false);
  const optionsOn = yield* Effect.scoped(
    Effect.flatMap(sandbox.open(who), (handle) => bareOptions(handle.id)),
  ).pipe(Effect.ensuring(Effect.ignore(sandbox.reset(who))));
  /** The engine's own create and start, on a fresh volume. */
  const bareStart = Effect.gen(function* () {
    const volume = `caisson-bench-${crypto.randomUUID()}`;
    const [elapsed, container] = yield* timed(Effect.promise(async () => {
      const created = await engine.createContainer(optionsOn(volume));
      await created.start();
      return created;
    }));
    yield* Effect.promise(async () => {
      await container.remove({ force: true });
      await engine.getVolume(volume).remove();
    });
    return elapsed;
  });
  const [ours, bare]: [Array<number>, Array<number>] = [[], []];
  // In turns, so that a machine which is busy for a while is so for both.
  for (let n = 0; n < startRuns; n++) {
    ours.push(yield* firstCommand);
    bare.push(yield* bareStart);
  }
  yield* row(
    "first command of a new user, cold, p50",
    `${ms(median(ours))}, create and start ${ms(median(bare))}`,
    { ratio: median(ours) / median(bare), unit: "x", atMost: 1.15 },
  );
});

/** The time below which a share of the values lies. */
const quantile = (values: ReadonlyArray<number>, share: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;

/** How long each of so many new users at once waits for the first command; they stay until all have come. */
const newUsers = (count: number) =>
  Effect.forEach(
    Array.from({ length: count }),
    () =>
      Effect.flatMap(Sandbox, (sandbox) => sandbox.open(owner(true))).pipe(
        Effect.flatMap(run),
        timed,
        Effect.map(([elapsed]) => elapsed),
        Effect.exit,
      ),
    { concurrency: "unbounded" },
  );

/** How late a timer of this process comes, again and again until the effect is over. */
const lateness = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const late: Array<number> = [];
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      late.push(Math.max(0, now - last - crowdPauseMs));
      last = now;
    }, crowdPauseMs);
    return Effect.map(Effect.ensuring(effect, Effect.sync(() => clearInterval(timer))), (value) =>
      [late, value] as const);
  });

/**
 * The engine's own create and start of so many containers, one after another: what nobody who starts one can avoid.
 * They are removed with the scope.
 */
const engineStarts = (id: string, count: number) =>
  Effect.flatMap(
    bareOptions(id),
    (optionsOn) =>
      Effect.forEach(Array.from({ length: count }), () =>
        Effect.acquireRelease(
          Effect.promise(async () => {
            const created = await engine.createContainer(optionsOn(""));
            await created.start();
            return created;
          }),
          (container) => Effect.promise(() => container.remove({ force: true })),
        ), { discard: true }),
  );

/** What those who are there notice of many who come. */
const crowd = Effect.scoped(Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const handle = yield* sandbox.open(owner(true));
  yield* p50(warmRuns, run(handle));
  const one = Effect.map(timed(run(handle)), ([elapsed]) => elapsed).pipe(Effect.delay(crowdPauseMs));
  const [calmLate, calm] = yield* lateness(Effect.forEach(Array.from({ length: crowdRuns }), () => one));
  const coming = yield* Effect.forkChild(newUsers(crowdSize));
  const busy: Array<number> = [];
  const [busyLate] = yield* lateness(Effect.gen(function* () {
    while (coming.pollUnsafe() === undefined) busy.push(yield* one);
  }));
  const came = (yield* Fiber.join(coming)).filter(Exit.isSuccess);
  const beside: Array<number> = [];
  yield* Effect.scoped(Effect.gen(function* () {
    const starting = yield* Effect.forkChild(engineStarts(handle.id, crowdSize));
    while (starting.pollUnsafe() === undefined) beside.push(yield* one);
    yield* Fiber.join(starting);
  }));
  yield* row(
    `warm command while ${crowdSize} new users come, p99`,
    `${ms(quantile(busy, 0.99))}, calm ${ms(quantile(calm, 0.99))}`,
    { ratio: quantile(busy, 0.99) / quantile(calm, 0.99), unit: "x", atMost: 2 },
  );
  yield* row(
    "beside as many of the engine's own, p99",
    `${ms(quantile(beside, 0.99))}, p50 ${ms(median(beside))}, ${beside.length} commands; ours ${
      (quantile(busy, 0.99) / quantile(beside, 0.99)).toFixed(2)
    }x of it`,
  );
  yield* row("the same, p50", `${ms(median(busy))}, calm ${ms(median(calm))}, ${busy.length} commands`);
  yield* row(
    "event loop late, p99 and worst",
    `${ms(quantile(busyLate, 0.99))} and ${ms(quantile(busyLate, 1))}, calm ${ms(quantile(calmLate, 0.99))} and ${
      ms(quantile(calmLate, 1))
    }`,
  );
  yield* row(`new users of ${crowdSize} that came through`, `${came.length}`, {
    ratio: came.length / crowdSize,
    unit: "x",
    atLeast: 1,
  });
}));

/** A hundred new users at the same moment. */
const burst = Effect.gen(function* () {
  const [elapsed, exits] = yield* timed(Effect.scoped(newUsers(burstSize)));
  const succeeded = exits.filter(Exit.isSuccess).map(({ value }) => value);
  yield* row(
    `${burstSize} new users at once`,
    `p50 ${ms(median(succeeded))}, all after ${ms(elapsed)}`,
    { ratio: succeeded.length, unit: "of 100", atLeast: burstSize },
  );
});

const pooled = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const elapsed: Array<number> = [];
  for (let n = 0; n < startRuns; n++) {
    yield* Effect.repeat(sandbox.health, {
      until: (health) => /([1-9]\d*) of \1 pooled/.test(health.detail),
      schedule: Schedule.spaced("100 millis"),
    });
    elapsed.push(yield* firstCommand);
  }
  yield* row("first command of a new user, pooled, p50", ms(median(elapsed)), {
    ratio: median(elapsed),
    unit: "ms",
    atMost: 10,
  });
});

const idle = Effect.fnUntraced(function* (count: number) {
  const sandbox = yield* Sandbox;
  yield* Effect.scoped(Effect.gen(function* () {
    const handle = yield* sandbox.open(owner(true));
    const alone = yield* p50(warmRuns, run(handle));
    yield* Effect.forEach(Array.from({ length: count }), () => sandbox.open(owner(true)), {
      concurrency: 4,
      discard: true,
    });
    const among = yield* p50(warmRuns, run(handle));
    const resident = yield* residentBytes(handle.id);
    yield* row(`warm command among ${count} idle sandboxes`, `${ms(among)}, alone ${ms(alone)}`, {
      ratio: among / alone,
      unit: "x",
      atMost: 1.5,
    });
    yield* row("memory of an idle sandbox", `${(resident / mebibyte).toFixed(1)} MiB resident in its cgroup`);
  }));
});

/** Rounds of a pair that is measured alternately, because the machine is not quiet. */
const pairRuns = 100;
const kernelStarts = 12;

/** Resident memory of the one Python process of a sandbox that is a kernel. */
const kernelBytes = (handle: SandboxHandle) =>
  Effect.map(
    handle.execute({
      command: "for p in $(pgrep -f caisson_kernel); do grep -q bash /proc/$p/comm || cat /proc/$p/status; done",
      timeoutMs: 30_000,
    }),
    ({ stdout }) => Number(/VmRSS:\s+(\d+)/.exec(stdout)?.[1] ?? Number.POSITIVE_INFINITY) * 1024,
  );

/** Cells of Python against commands. */
const kernel = Effect.scoped(Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const handle = yield* sandbox.open(owner(true));
  const cell = (code: string, name: string) => handle.runCell({ code, timeoutMs: 30_000, kernel: name });
  const bash = (line: string) => handle.execute({ command: line, timeoutMs: 30_000 });
  yield* cell("x = 1", "warm");
  const cells: Array<number> = [];
  const commands: Array<number> = [];
  for (let n = 0; n < pairRuns; n++) {
    cells.push((yield* timed(cell("x+1", "warm")))[0]);
    commands.push((yield* timed(bash("true")))[0]);
  }
  yield* row("a cell `x+1`, p50", `${ms(median(cells))}, execute_bash true ${ms(median(commands))}`, {
    ratio: median(cells) / median(commands),
    unit: "x",
    atMost: 0.5,
  });
  yield* row("memory of an idle kernel", `${((yield* kernelBytes(handle)) / mebibyte).toFixed(1)} MiB resident`, {
    ratio: (yield* kernelBytes(handle)) / mebibyte,
    unit: "MiB",
    atMost: 25,
  });
  const firsts: Array<number> = [];
  const scripts: Array<number> = [];
  for (let n = 0; n < kernelStarts; n++) {
    firsts.push((yield* timed(cell("pass", `first-${n}`)))[0]);
    scripts.push((yield* timed(bash("python3 -c pass")))[0]);
  }
  yield* row("the first cell of a kernel, p50", `${ms(median(firsts))}, python3 -c pass ${ms(median(scripts))}`, {
    ratio: median(firsts) / median(scripts),
    unit: "x",
    atMost: 1.5,
  });
}));

const wanted = Deno.args.filter((arg) => !/^\d+$/.test(arg));
const idleCount = Number(Deno.args.find((arg) => /^\d+$/.test(arg)) ?? 20);
const layer = (sandboxPoolSize: number) =>
  dockerLayer.pipe(Layer.provide(engineSettings({
    sandboxPoolSize,
    sandboxMemoryMb: 1024,
    sandboxesMax: 1_000,
    sandboxesPerPrincipalMax: 1_000,
  })));

const parts = { warm, files, cold, crowd, burst, kernel, idle: idle(idleCount) };

await Effect.runPromise(
  Effect.gen(function* () {
    const chosen = Object.entries(parts).filter(([name]) => wanted.length === 0 || wanted.includes(name));
    yield* Effect.provide(Effect.forEach(chosen, ([, part]) => part, { discard: true }), layer(0));
    if (wanted.length === 0 || wanted.includes("pooled")) yield* Effect.provide(pooled, layer(2));
  }),
);
if (missed.length > 0) {
  console.error(`missed: ${missed.join("; ")}`);
  Deno.exit(1);
}
