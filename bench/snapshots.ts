/**
 * What keeping a workspace of a gigabyte costs in a container: against the bounds that a user notices, and against
 * copying the same workspace inside.
 *
 * Run with `deno task bench:snapshots [MB]`; it needs an engine and the image, and ends with 1 when a bound is missed.
 */
import { Effect, Layer } from "effect";
import * as Disk from "../src/adapters/snapshots/Disk.ts";
import { layer as dockerLayer } from "../src/adapters/sandbox/docker/Docker.ts";
import { ownerKey } from "../src/domain/ids.ts";
import { layer as snapshotsLayer } from "../src/runs/snapshots/layer.ts";
import { Snapshots } from "../src/runs/snapshots/Snapshots.ts";
import { Sandbox } from "../src/services/Sandbox.ts";
import { engineSettings } from "../tests/support/engine.ts";

const megabytes = Number(Deno.args[0] ?? 1000);
const runs = 5;
const owner = { principal: "bench", user: crypto.randomUUID(), ephemeral: false };

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const started = performance.now();
    return Effect.map(effect, () => (performance.now() - started) / 1000);
  });

let missed = false;
const row = (figure: string, wanted: number | undefined, seconds: number) => {
  missed ||= wanted !== undefined && seconds > wanted;
  console.log(`| ${figure} | ${wanted === undefined ? "" : `≤ ${wanted} s`} | ${seconds.toFixed(2)} s |`);
};

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const snapshots = yield* Snapshots;
  const handle = yield* sandbox.open(owner);
  const run = (command: string) => handle.execute({ command, timeoutMs: 300_000 });
  const turn = (id: string, command: string) =>
    Effect.gen(function* () {
      const watch = yield* snapshots.watch(owner, "bench", id);
      const waited = yield* timed(watch.beforeTool);
      yield* run(command);
      yield* watch.ended;
      return waited;
    });
  /** The list waits for what is being kept, five seconds at a time. */
  const settled = Effect.repeat(timed(snapshots.list({ owner: ownerKey(owner), id: "bench" })), {
    until: (seconds) => seconds < 4.9,
    times: 60,
  });

  yield* run(`for i in $(seq 10); do head -c ${megabytes / 10}M /dev/urandom > big$i.bin; done`);
  const copy = yield* timed(run("cp -r /workspace/big1.bin /workspace/.caisson/copy; rm /workspace/.caisson/copy"));
  row(
    `the first command of the first turn waits, and goes on (${megabytes} MB are read meanwhile)`,
    5.2,
    yield* turn("1", "true"),
  );
  row("the next command waits, while that is still read", 5.2, yield* turn("2", "true"));
  row("all of it is read after", undefined, yield* timed(settled));

  const unchanged: Array<number> = [];
  for (let index = 0; index < runs; index++) unchanged.push(yield* turn(`same-${index}`, "true"));
  row("a command waits when nothing changed", 0.5, median(unchanged));

  const undone: Array<number> = [];
  for (let index = 0; index < runs; index++) {
    const id = `change-${index}`;
    yield* turn(id, "printf x | dd of=big3.bin bs=1 seek=50000000 conv=notrunc status=none; rm big4.bin; echo n > new");
    yield* settled;
    undone.push(
      yield* timed(snapshots.restore(owner, "bench", {
        choose: (records) => Effect.succeed(records.filter((one) => one.turn === id)),
      })),
    );
  }
  row(
    `taking back a turn that changed one file of ${megabytes / 10} MB and removed another`,
    undefined,
    median(undone),
  );
  row(`the same against copying one such file inside, × ${(median(undone) / copy).toFixed(1)}`, undefined, copy);
  const small: Array<number> = [];
  for (let index = 0; index < runs; index++) {
    const id = `small-${index}`;
    yield* turn(id, `echo ${index} > a; echo ${index} > b; mkdir -p d; echo ${index} > d/c`);
    yield* settled;
    small.push(
      yield* timed(snapshots.restore(owner, "bench", {
        choose: (records) => Effect.succeed(records.filter((one) => one.turn === id)),
      })),
    );
  }
  row("taking back a turn that wrote three small files", 1, median(small));
}).pipe(Effect.scoped, Effect.ensuring(Effect.ignore(Effect.flatMap(Sandbox, ({ reset }) => reset(owner)))));

console.log("| Figure | Wanted | Measured |\n| --- | --- | --- |");
const layers = snapshotsLayer.pipe(
  Layer.provideMerge(Disk.layer),
  Layer.provideMerge(dockerLayer),
  Layer.provide(engineSettings({ rewindFiles: "keep", snapshotMb: 2_048, sandboxMemoryMb: 2_048 })),
);
await Effect.runPromise(Effect.provide(program, layers));
Deno.exitCode = missed ? 1 : 0;
