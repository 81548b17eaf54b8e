/**
 * Finding an engine that answers, without loading the engine's client library.
 */
import { Effect, Option, Result, Schema } from "effect";
import { request } from "node:http";
import { socketPath as pathOf, usualSockets } from "../../../config/engineSockets.ts";
import { Settings } from "../../../config.ts";
import { EngineError, fromThrown } from "./EngineError.ts";
import { headOf } from "../../../domain/cutText.ts";

/** A local engine that is alive answers in milliseconds; Podman's first answer takes half a second. */
const probeMsMax = 5_000;

/** An answer to `/version` is a few kilobytes. */
const answerCharsMax = 256 * 1024;

const Component = Schema.Struct({ Name: Schema.String, Version: Schema.String });

/** The engine's own description of itself. */
export const EngineVersion = Schema.Struct({
  Version: Schema.String,
  ApiVersion: Schema.String,
  Os: Schema.optionalKey(Schema.String),
  KernelVersion: Schema.optionalKey(Schema.String),
  Components: Schema.optionalKey(Schema.NullOr(Schema.Array(Component))),
});
export type EngineVersion = typeof EngineVersion.Type;

const decodeVersion = Schema.decodeUnknownEffect(Schema.fromJsonString(EngineVersion));

/** Whether the engine is Podman speaking Docker's API, which differs in a handful of calls. */
export const isPodman = (version: EngineVersion): boolean =>
  (version.Components ?? []).some((component) => /podman/i.test(component.Name));

/** The engine in a few words, such as `Docker 20.10.24 (API 1.41)`. */
export const describe = (version: EngineVersion): string =>
  `${isPodman(version) ? "Podman" : "Docker"} ${version.Version} (API ${version.ApiVersion})`;

const get = (socketPath: string, path: string) =>
  Effect.tryPromise({
    try: (signal) =>
      new Promise<string>((resolve, reject) => {
        // Deno throws here, instead of emitting an error, when it was not given the socket.
        const asked = request({ socketPath, path, agent: false, signal }, (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (piece: string) => {
            text += piece;
            if (text.length > answerCharsMax) asked.destroy(new Error("the answer is too long"));
          });
          answer.on("error", reject);
          answer.on("end", () => {
            if (answer.statusCode === 200) resolve(text);
            else reject({ statusCode: answer.statusCode, message: headOf(text, 200) });
          });
        });
        asked.on("error", reject);
        asked.end();
      }),
    catch: (thrown) => fromThrown(`GET ${path}`, thrown),
  });

const versionAt = (socketPath: string): Effect.Effect<EngineVersion, EngineError> =>
  get(socketPath, "/version").pipe(
    Effect.timeoutOrElse({
      duration: probeMsMax,
      orElse: () =>
        Effect.fail(new EngineError({ operation: "version", kind: "Timeout", detail: `no answer at ${socketPath}` })),
    }),
    Effect.flatMap((text) =>
      Effect.mapError(decodeVersion(text), () =>
        new EngineError({ operation: "version", kind: "Fault", detail: `no container engine at ${socketPath}` }))
    ),
  );

const socketsOf = (dockerHost: Option.Option<string>): Result.Result<ReadonlyArray<string>, EngineError> =>
  Option.match(dockerHost, {
    onNone: () => Result.succeed(usualSockets),
    onSome: (host) => {
      const path = pathOf(host);
      return path === undefined
        ? Result.fail(
          new EngineError({
            operation: "locate",
            kind: "Refused",
            detail: `DOCKER_HOST is ${JSON.stringify(host)}, expected unix:///path`,
          }),
        )
        : Result.succeed([path]);
    },
  });

/** The first engine that answers; the failure names every socket that was tried. */
export const locate = Effect.fnUntraced(function* (dockerHost: Option.Option<string>) {
  const sockets = yield* Effect.fromResult(socketsOf(dockerHost));
  const failures: Array<EngineError> = [];
  for (const socketPath of sockets) {
    const version = yield* Effect.result(versionAt(socketPath));
    if (Result.isSuccess(version)) return { socketPath, version: version.success };
    failures.push(version.failure);
  }
  // The most telling failure: an engine that is there but may not be used beats one that is absent.
  const telling = failures.find((failure) => failure.kind !== "Unavailable") ?? failures[0];
  return yield* new EngineError({
    operation: "locate",
    kind: telling?.kind ?? "Unavailable",
    detail: failures.length === 1 && telling !== undefined
      ? `${sockets[0]}: ${telling.detail}`
      : `no engine at ${sockets.join(", ")}${telling === undefined ? "" : ` (${telling.detail})`}`,
  });
});

/** An engine that answers, or why there is none. */
export interface Probe {
  readonly socketPath: string;
  readonly version: EngineVersion;
  /** The engine in a few words, for a log line. */
  readonly summary: string;
}

/**
 * Asks whether an engine answers and which, within a few seconds and without loading dockerode.
 *
 * *Details*: never fails; the failure of the result is one sentence for people.
 */
export const probe: Effect.Effect<Result.Result<Probe, string>, never, Settings> = Effect.gen(function* () {
  const { dockerHost } = yield* Settings;
  const found = yield* Effect.result(locate(dockerHost));
  return Result.mapBoth(found, {
    onSuccess: ({ socketPath, version }) => ({ socketPath, version, summary: describe(version) }),
    onFailure: (error) => `${error.kind}: ${error.detail}`,
  });
});
