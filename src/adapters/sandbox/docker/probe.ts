/**
 * Finding an engine that answers, without loading the engine's client library.
 */
import { Effect, Option, Result, Schema } from "effect";
import { request } from "node:http";
import { socketPath as pathOf, usualSockets } from "../../../config/engineSockets.ts";
import { Settings, type SettingsService } from "../../../config.ts";
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

/** The settings that say where an engine may be. */
export type EngineSettings = Pick<SettingsService, "dockerHost" | "homePath" | "runtimePath">;

const socketsOf = (settings: EngineSettings): Result.Result<ReadonlyArray<string>, EngineError> =>
  Option.match(settings.dockerHost, {
    onNone: () =>
      Result.succeed(usualSockets({
        home: Option.getOrUndefined(settings.homePath),
        runtime: Option.getOrUndefined(settings.runtimePath),
      })),
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

/** How much a failure tells: an engine that is there but may not be used beats one that is absent. */
const tells = ({ kind }: EngineError): number =>
  kind === "Denied" ? 3 : kind === "Unavailable" ? 0 : kind === "NotGranted" ? 1 : 2;

/**
 * The first engine that answers at one of the sockets.
 *
 * *Fails with* `EngineError` that names the socket with the most telling failure, or every socket when
 * nobody is at any of them.
 */
export const locateAt = Effect.fnUntraced(function* (sockets: ReadonlyArray<string>) {
  const failures: Array<{ readonly socketPath: string; readonly error: EngineError }> = [];
  for (const socketPath of sockets) {
    const version = yield* Effect.result(versionAt(socketPath));
    if (Result.isSuccess(version)) return { socketPath, version: version.success };
    failures.push({ socketPath, error: version.failure });
  }
  const [telling] = failures.toSorted((left, right) => tells(right.error) - tells(left.error));
  return yield* new EngineError({
    operation: "locate",
    kind: telling?.error.kind ?? "Unavailable",
    detail: telling === undefined || (failures.length > 1 && tells(telling.error) === 0)
      ? `no engine at ${sockets.join(", ")}`
      : `${telling.socketPath}: ${telling.error.detail}`,
  });
});

/** The engine that `DOCKER_HOST` names, or the first at the usual sockets. *Fails with* `EngineError`. */
export const locate = (settings: EngineSettings) => Effect.flatMap(Effect.fromResult(socketsOf(settings)), locateAt);

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
  const found = yield* Effect.result(locate(yield* Settings));
  return Result.mapBoth(found, {
    onSuccess: ({ socketPath, version }) => ({ socketPath, version, summary: describe(version) }),
    onFailure: (error) => `${error.kind}: ${error.detail}`,
  });
});
