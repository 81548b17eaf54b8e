/**
 * A Redis server of a test's own, on a free loopback port with nothing written to disk.
 */
import { spawn } from "node:child_process";
import { createConnection } from "node:net";
import { Effect, Schedule } from "effect";
import { freePort } from "./freePort.ts";

const installed = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

/** Why tests against Redis cannot run here; undefined when they can or must. */
export const redisSkip: string | undefined =
  installed !== undefined || Deno.env.get("CAISSON_TEST_REQUIRE_REDIS") === "1"
    ? undefined
    : "redis-server is not installed";

const answers = (port: number) =>
  Effect.tryPromise(() =>
    new Promise<void>((resolve, reject) => {
      const socket = createConnection({ port, host: "127.0.0.1" });
      socket.once("error", reject);
      socket.once("data", () => {
        socket.destroy();
        resolve();
      });
      socket.write("PING\r\n");
    })
  );

/** Starts a server on a port and waits until it answers; it is killed when the scope closes. */
export const startRedis = Effect.fnUntraced(function* (port: number) {
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(installed ?? "redis-server", [
        ...["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"],
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
  yield* answers(port).pipe(Effect.retry(Schedule.spaced("20 millis")), Effect.timeout("60 seconds"));
});

/** A running server and the URL to reach it. */
export const redisServer = Effect.gen(function* () {
  const port = freePort();
  yield* startRedis(port);
  return { port, url: `redis://127.0.0.1:${port}` };
});
