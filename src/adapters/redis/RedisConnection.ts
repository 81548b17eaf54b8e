/**
 * One Redis connection as Effect's `Redis` service: connects by itself, again and again.
 *
 * A command fails at once while there is no connection and after a deadline when there is no answer,
 * so a store that is down costs its callers an error and never a hang.
 */
import { Effect, Layer, Option, Redacted } from "effect";
import { Redis } from "effect/persistence";
import { ConfigurationRefused, Settings } from "../../config.ts";

/** Wait for the answer to a command. */
const commandDeadline = "2 seconds";

/** Wait for the first connection at start; after it the service starts without one. */
const firstConnectDeadline = "2 seconds";

/** Longest wait between two attempts to connect, and the growth towards it, in milliseconds. */
const reconnectMsMax = 2_000;
const reconnectMsFirst = 50;

/** Doublings after which the wait no longer grows. */
const doublingsMax = 6;

const urlOf = Effect.fnUntraced(function* () {
  const { redisUrl } = yield* Settings;
  const url = Option.map(redisUrl, Redacted.value);
  if (Option.isSome(url) && URL.canParse(url.value) && /^rediss?:$/.test(new URL(url.value).protocol)) return url.value;
  return yield* new ConfigurationRefused({
    problems: [
      `CAISSON_REDIS_URL is ${Option.isSome(url) ? "<redacted>" : "not set"}, expected redis://host:port or rediss://…`,
    ],
  });
});

const make = Effect.gen(function* () {
  const url = yield* urlOf();
  // CommonJS: a bundle has its names on `default` alone.
  const { default: { createClient } } = yield* Effect.promise(() => import("redis"));
  const client = yield* Effect.acquireRelease(
    Effect.sync(() =>
      createClient({
        url,
        disableOfflineQueue: true,
        socket: {
          reconnectStrategy: (retries) =>
            Math.min(reconnectMsMax, reconnectMsFirst * 2 ** Math.min(retries, doublingsMax)),
        },
      })
    ),
    (closing) =>
      Effect.promise(async () => {
        if (closing.isReady) await closing.close();
        else if (closing.isOpen) closing.destroy();
      }),
  );
  // The driver throws an `error` event that nobody hears; what is wrong is told by the commands that fail.
  let lastError: unknown;
  client.on("error", (cause: unknown) => {
    lastError = cause;
  });

  const failed = (cause: unknown) => new Redis.RedisError({ cause: client.isReady ? cause : lastError ?? cause });
  yield* Effect.tryPromise({ try: () => client.connect(), catch: failed }).pipe(
    Effect.timeoutOption(firstConnectDeadline),
    Effect.flatMap((connected) =>
      Option.isSome(connected) ? Effect.void : Effect.logWarning("Redis does not answer yet", lastError)
    ),
    Effect.catch((error) => Effect.logWarning("Redis does not answer yet", error)),
  );

  const send = <A = unknown>(command: string, ...args: ReadonlyArray<string>): Effect.Effect<A, Redis.RedisError> =>
    Effect.tryPromise({ try: () => client.sendCommand<A>([command, ...args]), catch: failed }).pipe(
      Effect.timeoutOrElse({
        duration: commandDeadline,
        orElse: () => Effect.fail(new Redis.RedisError({ cause: new Error(`no answer to ${command} in time`) })),
      }),
    );

  const unsupported = Effect.fail(
    new Redis.RedisError({ cause: new Error("this connection runs commands and scripts only") }),
  );
  return yield* Redis.make({ send, connect: unsupported, subscribe: () => unsupported });
});

/**
 * A connection to `CAISSON_REDIS_URL` for as long as the layer lives.
 *
 * *Details*: it starts whether or not Redis answers and reconnects for ever; commands fail meanwhile.
 *
 * *Fails with* `ConfigurationRefused` when there is no usable URL.
 */
export const layer: Layer.Layer<Redis.Redis, ConfigurationRefused, Settings> = Layer.effect(Redis.Redis, make);
