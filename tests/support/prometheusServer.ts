/**
 * A Prometheus of a test's own, on a free loopback port, that scrapes what it is given.
 */
import { spawn } from "node:child_process";
import { Effect, Schedule, Schema } from "effect";
import { freePort } from "./freePort.ts";
import { temporaryDirectory } from "./temporaryDirectory.ts";

const isInstalled = (name: string) => {
  try {
    return Deno.statSync(`/usr/bin/${name}`).isFile;
  } catch {
    return false;
  }
};

/** Why tests against Prometheus cannot run here; undefined when they can or must. */
export const prometheusSkip: string | undefined =
  (isInstalled("prometheus") && isInstalled("promtool")) || Deno.env.get("CAISSON_TEST_REQUIRE_PROMETHEUS") === "1"
    ? undefined
    : "prometheus is not installed";

/** A target by its job: where it is scraped, and with which bearer token. */
export interface Target {
  readonly job: string;
  readonly url: string;
  readonly key: string;
}

const configOf = (targets: ReadonlyArray<Target>) =>
  JSON.stringify({
    global: { scrape_interval: "500ms" },
    scrape_configs: targets.map(({ job, url, key }) => ({
      job_name: job,
      authorization: { credentials: key },
      static_configs: [{ targets: [new URL(url).host] }],
    })),
  });

const Answer = Schema.Struct({
  status: Schema.String,
  error: Schema.optionalKey(Schema.String),
  data: Schema.optionalKey(Schema.Struct({ result: Schema.Array(Schema.Unknown) })),
});
const decodeAnswer = Schema.decodeUnknownSync(Answer);

/** Starts a server that is stopped with the scope; what comes back asks it an expression. */
export const prometheusServer = Effect.fnUntraced(function* (targets: ReadonlyArray<Target>) {
  const directory = yield* temporaryDirectory;
  const port = freePort();
  yield* Effect.promise(() => Deno.writeTextFile(`${directory}/prometheus.yml`, configOf(targets)));
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn("prometheus", [
        `--config.file=${directory}/prometheus.yml`,
        `--storage.tsdb.path=${directory}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ], { stdio: "ignore" })
    ),
    (child) =>
      Effect.promise(() =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) return resolve();
          child.once("exit", () => resolve());
          child.kill("SIGKILL");
        })
      ),
  );
  const ask = (expression: string) =>
    Effect.tryPromise(async () => {
      const query = `http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query: expression })}`;
      return decodeAnswer(await (await fetch(query)).json());
    });
  yield* ask("1").pipe(Effect.retry(Schedule.spaced("100 millis")), Effect.timeout("2 minutes"));
  return { ask };
});

/** Gives a text to promtool; what it prints, "" when it has nothing to say. */
export const promtool = (args: ReadonlyArray<string>, input: string) =>
  Effect.promise(async () => {
    const child = new Deno.Command("promtool", { args: [...args], stdin: "piped", stdout: "piped", stderr: "piped" })
      .spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  });
