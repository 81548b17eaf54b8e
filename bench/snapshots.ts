/**
 * What keeping a workspace of a gigabyte costs, and taking back what turns did to it: against the bounds that a user
 * notices, and against writing as many bytes into the same sandbox.
 *
 * Run with `deno task bench:snapshots [MB] [docker|bubblewrap]`; it needs an engine and the image or bubblewrap, and
 * ends with 1 when a bound is missed.
 */
import { Effect, Layer } from "effect";
import * as Disk from "../src/adapters/snapshots/Disk.ts";
import { layer as dockerLayer } from "../src/adapters/sandbox/docker/Docker.ts";
import { layerBubblewrap } from "../src/adapters/sandbox/Embedded.ts";
import { ownerKey } from "../src/domain/ids.ts";
import { layer as snapshotsLayer } from "../src/runs/snapshots/layer.ts";
import { Snapshots } from "../src/runs/snapshots/Snapshots.ts";
import { Sandbox } from "../src/services/Sandbox.ts";
import { engineSettings } from "../tests/support/engine.ts";

const megabytes = Number(Deno.args[0] ?? 1000);
const form = Deno.args[1] ?? "docker";
const mebibyte = 1024 * 1024;
/** The megabytes of one of the ten files. */
const part = megabytes / 10;
const runs = 5;
const owner = { principal: "bench", user: crypto.randomUUID(), ephemeral: false };

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const started = performance.now();
    return Effect.map(effect, (value) => [(performance.now() - started) / 1000, value] as const);
  });

let missed = false;
const row = (figure: string, wanted: number | undefined, seconds: number) => {
  missed ||= wanted !== undefined && seconds > wanted;
  console.log(`| ${figure} | ${wanted === undefined ? "" : `≤ ${wanted} s`} | ${seconds.toFixed(2)} s |`);
};

const ratio = (figure: string, wanted: number, times: number) => {
  missed ||= times > wanted;
  console.log(`| ${figure} | ≤ ${wanted} × | ${times.toFixed(2)} × |`);
};

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const snapshots = yield* Snapshots;
  const handle = yield* sandbox.open(owner);
  const run = (command: string) => handle.execute({ command, timeoutMs: 300_000 });
  const turn = (id: string, command: string) =>
    Effect.gen(function* () {
      const watch = yield* snapshots.watch(owner, "bench", id);
      const [waited] = yield* timed(watch.beforeTool);
      yield* run(command);
      yield* watch.ended;
      return waited;
    });
  /** The list waits for what is being kept, five seconds at a time. */
  const settled = Effect.repeat(timed(snapshots.list({ owner: ownerKey(owner), id: "bench" })), {
    until: ([seconds]) => seconds < 4.9,
    times: 60,
  });

  yield* run(`for i in $(seq 10); do head -c ${part}M /dev/urandom > big$i.bin; done`);
  row(
    `the first command of the first turn waits, and goes on (${megabytes} MB are read meanwhile)`,
    5.2,
    yield* turn("1", "true"),
  );
  row("the next command waits, while that is still read", 5.2, yield* turn("2", "true"));
  row("all of it is read after", undefined, (yield* timed(settled))[0]);

  const unchanged: Array<number> = [];
  for (let index = 0; index < runs; index++) unchanged.push(yield* turn(`same-${index}`, "true"));
  row("a command waits when nothing changed", 0.5, median(unchanged));

  /** Seconds that taking back what a command does takes, in the median. */
  const takenBack = (name: string, command: string) =>
    Effect.map(
      Effect.forEach(Array.from({ length: runs }), (_, index) =>
        Effect.gen(function* () {
          const id = `${name}-${index}`;
          yield* turn(id, command);
          yield* settled;
          const [seconds, restored] = yield* timed(snapshots.restore(owner, "bench", {
            choose: (records) => Effect.succeed(records.filter((one) => one.turn === id)),
          }));
          if (restored.done.length === 0 || restored.conflicts.length > 0) return yield* Effect.die(restored);
          return seconds;
        })),
      median,
    );
  const change = "printf x | dd of=big3.bin bs=1 seek=50000000 conv=notrunc status=none";
  row(
    "taking back a turn that wrote three small files",
    1,
    yield* takenBack("small", "echo > a; mkdir -p d; echo > d/c"),
  );
  row(`taking back a turn that changed a byte of ${part} MB`, 0.5, yield* takenBack("byte", change));
  row(
    `taking back a turn that changed a byte of ${part} MB and removed as much`,
    1,
    yield* takenBack("change", `${change}; rm big4.bin`),
  );
  const removed = yield* takenBack("removed", "rm big4.bin big5.bin");
  const bytes = new Uint8Array(2 * part * mebibyte);
  for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  const written: Array<number> = [];
  for (let index = 0; index < runs; index++) {
    written.push((yield* timed(handle.writeFile(".caisson/written", bytes)))[0]);
  }
  row(`taking back a turn that removed ${2 * part} MB`, undefined, removed);
  row("writing as much into the sandbox", undefined, median(written));
  ratio("the one against the other", 1.5, removed / median(written));
  yield* run("mkdir many; for i in $(seq 1000); do echo $i > many/$i; done");
  row("taking back a turn that removed 1,000 small files", 1, yield* takenBack("many", "rm -r many"));
}).pipe(Effect.scoped, Effect.ensuring(Effect.ignore(Effect.flatMap(Sandbox, ({ reset }) => reset(owner)))));

console.log("| Figure | Wanted | Measured |\n| --- | --- | --- |");
const layers = snapshotsLayer.pipe(
  Layer.provideMerge(Disk.layer),
  Layer.provideMerge(form === "bubblewrap" ? layerBubblewrap("measured") : dockerLayer),
  Layer.provide(engineSettings({
    rewindFiles: "keep",
    snapshotMb: 2_048,
    sandboxMemoryMb: 2_048,
    sandboxWorkspaceMb: 4_096,
    sandbox: form === "bubblewrap" ? "embedded" : "docker",
  })),
);
await Effect.runPromise(Effect.provide(program, layers));
Deno.exitCode = missed ? 1 : 0;
