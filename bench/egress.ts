/**
 * What the way out of a sandbox costs: TLS connections, bytes down and up, and commands beside downloads, each against
 * the same client on the host in the same run, taken in turns.
 *
 * Run with `deno task bench:egress`. It needs curl, and an engine, bubblewrap or both; `MCP_EXECUTOR_IMAGE` chooses the
 * image. It ends with 1 when a bound is missed.
 */
import { Effect, Fiber, Layer, Option } from "effect";
import { makeAuthority } from "../src/adapters/egress/certificates.ts";
import { layerOver } from "../src/adapters/egress/Configured.ts";
import { machine } from "../src/adapters/egress/Outside.ts";
import { layer as docker } from "../src/adapters/sandbox/docker/Docker.ts";
import { layerBubblewrap } from "../src/adapters/sandbox/Embedded.ts";
import { Settings } from "../src/config.ts";
import { Sandbox, type SandboxHandle } from "../src/services/Sandbox.ts";
import { engineSettings, skipWithoutEngine } from "../tests/support/engine.ts";

const mebibyte = 1024 * 1024;
const downBytes = 400 * mebibyte;
const upBytes = 200 * mebibyte;
const connections = 40;
const commandRuns = 60;
const name = "origin.example";
const address = "93.184.216.34";

/** Bounds of the figures that are held. */
const bounds = { connectionMs: 10, mbPerSecond: 100, ofDirect: 0.12, besideDownloads: 4, off: 1.25 };

const directory = Deno.makeTempDirSync({ prefix: "caisson-bench-egress-" });
Deno.chmodSync(directory, 0o711);
const authority = makeAuthority(Date.now());
const { certificate, key } = authority.issue(name);
const authorityPath = `${directory}/ca.pem`;
Deno.writeTextFileSync(authorityPath, authority.certificate);
/** What the host's curl trusts: as much as that of a sandbox, for reading it takes most of a connection's time. */
const bundlePath = `${directory}/bundle.pem`;
const system = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"].flatMap((path) => {
  try {
    return [Deno.readTextFileSync(path)];
  } catch {
    return [];
  }
});
Deno.writeTextFileSync(bundlePath, [...system, authority.certificate].join("\n"));
Deno.writeTextFileSync(`${directory}/cert.pem`, certificate);
Deno.writeTextFileSync(`${directory}/key.pem`, key);

/** The origin in a process of its own, as it is in the world. */
const origin = new Deno.Command(Deno.execPath(), {
  args: [
    "run",
    "--quiet",
    "--no-lock",
    "--allow-net=127.0.0.1",
    `--allow-read=${directory}`,
    new URL("egressOrigin.ts", import.meta.url).href,
    directory,
  ],
  stdout: "piped",
}).spawn();
const said = origin.stdout.getReader();
const port = Number(new TextDecoder().decode((await said.read()).value));

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const curlOptions = (direct: boolean) =>
  direct ? ["--noproxy", "*", "--cacert", bundlePath, "--connect-to", `${name}:443:127.0.0.1:${port}`] : [];

type Run = (command: ReadonlyArray<string>) => Promise<string>;

const onHost: Run = async (command) => {
  const { stdout, success, stderr } = await new Deno.Command("curl", { args: [...command, ...curlOptions(true)] })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
};

/** Milliseconds of a new TLS connection and one small answer. */
const connection = async (run: Run) =>
  1000 * Number(await run(["-sS", "-o", "/dev/null", "-w", "%{time_total}", `https://${name}/bytes/1`]));
/** Megabytes a second of one large answer. */
const down = async (run: Run) =>
  Number(await run(["-sS", "-o", "/dev/null", "-w", "%{speed_download}", `https://${name}/bytes/${downBytes}`])) / 1e6;
const up = async (run: Run) =>
  Number(await run(["-sS", "-o", "/dev/null", "-w", "%{speed_upload}", "-T", `${place}/large`, `https://${name}/up`])) /
  1e6;
let place = directory;

const missed: Array<string> = [];
const hold = (what: string, isHeld: boolean) => {
  if (!isHeld) missed.push(what);
};

const withLarge = async (folder: string, run: () => Promise<number>) => {
  place = folder;
  return await run();
};

/** Alternates two measurements and yields their medians. */
const inTurns = async (runs: number, first: () => Promise<number>, second: () => Promise<number>) => {
  const [a, b]: [Array<number>, Array<number>] = [[], []];
  for (let round = 0; round < runs; round++) {
    a.push(await first());
    b.push(await second());
  }
  return [median(a), median(b)] as const;
};

const measure = (form: string, handle: SandboxHandle, off: SandboxHandle) =>
  Effect.promise(async () => {
    const execute = (self: SandboxHandle, command: string) =>
      Effect.runPromise(self.execute({ command, timeoutMs: 120_000 }));
    const inside: Run = async (command) => {
      const outcome = await execute(handle, ["curl", ...command].map((word) => `'${word}'`).join(" "));
      if (outcome.exitCode !== 0) throw new Error(`${outcome.stderr} ${outcome.note}`);
      return outcome.stdout;
    };
    await execute(handle, `head -c ${upBytes} /dev/zero > /workspace/large`);
    const [direct, through] = await inTurns(connections, () => connection(onHost), () => connection(inside));
    const [directDown, throughDown] = await inTurns(3, () => down(onHost), () => down(inside));
    const [directUp, throughUp] = await inTurns(
      3,
      () => withLarge(directory, () => up(onHost)),
      () => withLarge("/workspace", () => up(inside)),
    );
    const command = async (self: SandboxHandle) => {
      const started = performance.now();
      await execute(self, "true");
      return performance.now() - started;
    };
    const [plain, idle] = await inTurns(commandRuns, () => command(off), () => command(handle));
    const loads = Array.from({ length: 4 }, () =>
      Effect.runFork(
        handle.execute({
          command: `while :; do curl -s -o /dev/null https://${name}/bytes/${downBytes}; done`,
          timeoutMs: 100_000,
        }),
      ));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const busy: Array<number> = [];
    for (let round = 0; round < commandRuns; round++) busy.push(await command(handle));
    await Promise.all(loads.map((load) => Effect.runPromise(Fiber.interrupt(load))));
    const beside = median(busy);
    console.log(`## ${form}\n`);
    console.log("| what | direct | through the sandbox | |");
    console.log("| --- | --- | --- | --- |");
    console.log(
      `| new TLS connection, p50 ms | ${direct.toFixed(1)} | ${through.toFixed(1)} | +${
        (through - direct).toFixed(1)
      } |`,
    );
    for (const [what, a, b] of [["down", directDown, throughDown], ["up", directUp, throughUp]] as const) {
      console.log(`| ${what}, MB/s | ${a.toFixed(0)} | ${b.toFixed(0)} | ${(b / a).toFixed(2)}× |`);
      hold(`${form}: ${what}`, b >= bounds.mbPerSecond || b >= bounds.ofDirect * a);
    }
    console.log(
      `| \`true\` idle and beside four downloads, p50 ms | ${idle.toFixed(1)} | ${beside.toFixed(1)} | ${
        (beside / idle).toFixed(1)
      }× |`,
    );
    console.log(
      `| \`true\` with egress off and on, p50 ms | ${plain.toFixed(2)} | ${idle.toFixed(2)} | ${
        (idle / plain).toFixed(2)
      }× |\n`,
    );
    hold(`${form}: new connection`, through - direct <= bounds.connectionMs);
    hold(`${form}: beside downloads`, beside <= bounds.besideDownloads * idle);
    hold(`${form}: off`, idle <= bounds.off * plain);
  });

const egress = layerOver({
  resolve: () => Effect.succeed([address]),
  connect: () => Effect.map(machine.connect("127.0.0.1", port), (made) => ({ ...made, isOurselves: false })),
});
const changes = {
  egress: "allowlist" as const,
  egressAllow: [{ name, subdomains: false, port: 443 }],
  egressCaFile: Option.some(authorityPath),
  egressConnectionsPerMinute: 1200,
  egressMbPerConnection: 1024 * 1024,
  egressMbPerDay: 1024 * 1024,
  sandboxMemoryMb: 1024,
};

const opened = Effect.flatMap(
  Sandbox,
  (sandbox) => sandbox.open({ principal: "bench", user: crypto.randomUUID(), ephemeral: true }),
);

const bubblewrap = (given: Partial<typeof changes>, folder: string) => {
  Deno.mkdirSync(folder);
  Deno.chmodSync(folder, 0o711);
  return Layer.provide(layerBubblewrap("bench"), Settings.layerWith({ ...given, dataPath: folder }));
};

const forms = {
  ...(skipWithoutEngine === undefined && {
    Docker: [Layer.provide(docker, engineSettings(changes)), Layer.provide(docker, engineSettings())] as const,
  }),
  bubblewrap: [bubblewrap(changes, `${directory}/on`), bubblewrap({}, `${directory}/off`)] as const,
};

Deno.writeFileSync(`${directory}/large`, new Uint8Array(upBytes));
try {
  for (const [form, [on, off]] of Object.entries(forms)) {
    const given = Layer.provide(egress, Settings.layerWith(changes));
    await Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const context = yield* Layer.build(Layer.fresh(Layer.provide(on, given)));
        const plain = yield* Layer.build(Layer.fresh(off));
        yield* measure(form, yield* Effect.provide(opened, context), yield* Effect.provide(opened, plain));
      })).pipe(Effect.catch((error) => Effect.sync(() => console.log(`${form} cannot be measured here: ${error}`)))),
    );
  }
} finally {
  origin.kill();
  await origin.status;
  Deno.removeSync(directory, { recursive: true });
}
for (const what of missed) console.log(`missed: ${what}`);
Deno.exitCode = missed.length === 0 ? 0 : 1;
