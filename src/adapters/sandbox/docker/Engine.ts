/**
 * The container engine as effects: dockerode behind typed errors and decoded answers.
 *
 * dockerode is imported at the first use of the engine, because it costs a tenth of a second that a
 * server without Docker need not pay. Nothing else in the library touches it.
 */
import { Context, Effect, Layer, Option, Schema, Stream } from "effect";
// @ts-types="@types/dockerode"
import type Dockerode from "dockerode";
import { Duplex, Readable } from "node:stream";
import { Settings } from "../../../config.ts";
import { EngineAgent } from "./engineAgent.ts";
import { EngineError, fromThrown } from "./EngineError.ts";
import { type EngineVersion, locate } from "./probe.ts";

/** Silence on a control connection after which a call is given up; a start takes seconds under load. */
const callSilenceMs = 60_000;

// Answers ----------------------------------------------------------------------------------------

const Labels = Schema.NullOr(Schema.Record(Schema.String, Schema.String));

/** What the engine says about its host; every field that differs between engines is optional. */
export const EngineInfo = Schema.Struct({
  NCPU: Schema.Number,
  CgroupVersion: Schema.optionalKey(Schema.String),
  DefaultRuntime: Schema.optionalKey(Schema.String),
  Runtimes: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))),
  SecurityOptions: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  MemoryLimit: Schema.optionalKey(Schema.Boolean),
  CpuCfsQuota: Schema.optionalKey(Schema.Boolean),
  PidsLimit: Schema.optionalKey(Schema.Boolean),
  SwapLimit: Schema.optionalKey(Schema.Boolean),
});
export type EngineInfo = typeof EngineInfo.Type;

const Created = Schema.Struct({ Id: Schema.String });

export const ContainerSummary = Schema.Struct({ Id: Schema.String, Labels, State: Schema.String });
export type ContainerSummary = typeof ContainerSummary.Type;

const VolumeList = Schema.Struct({
  Volumes: Schema.NullOr(Schema.Array(Schema.Struct({ Name: Schema.String, Labels }))),
});
const NetworkList = Schema.Array(Schema.Struct({ Id: Schema.String, Name: Schema.String, Labels }));

export const ImageSummary = Schema.Struct({
  Id: Schema.String,
  RepoTags: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  Config: Schema.optionalKey(
    Schema.NullOr(Schema.Struct({
      Labels: Schema.optionalKey(Labels),
      Entrypoint: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
    })),
  ),
});
export type ImageSummary = typeof ImageSummary.Type;

/** One message of a build; a failed build says so in `error`, not in the status of the call. */
export const BuildMessage = Schema.Struct({
  stream: Schema.optionalKey(Schema.String),
  status: Schema.optionalKey(Schema.String),
  error: Schema.optionalKey(Schema.String),
});
export type BuildMessage = typeof BuildMessage.Type;

// Service ----------------------------------------------------------------------------------------

type Call<A> = Effect.Effect<A, EngineError>;

/** The calls the adapter makes; each fails with `EngineError` only, and removing what is gone succeeds. */
export interface EngineService {
  readonly socketPath: string;
  readonly version: EngineVersion;
  readonly info: Call<EngineInfo>;
  readonly createContainer: (options: Dockerode.ContainerCreateOptions) => Call<string>;
  /** Attaches stdin, stdout and stderr before the start; closing the stream ends stdin. */
  readonly attach: (id: string) => Call<Duplex>;
  readonly start: (id: string) => Call<void>;
  readonly rename: (id: string, name: string) => Call<void>;
  readonly removeContainer: (id: string) => Call<void>;
  readonly listContainers: (labels: ReadonlyArray<string>) => Call<ReadonlyArray<ContainerSummary>>;
  readonly putArchive: (id: string, tar: Uint8Array, path: string) => Call<void>;
  readonly createVolume: (options: Dockerode.VolumeCreateOptions) => Call<void>;
  readonly removeVolume: (name: string) => Call<void>;
  readonly listVolumes: (labels: ReadonlyArray<string>) => Call<ReadonlyArray<{ Name: string; Labels: LabelMap }>>;
  readonly createNetwork: (options: Dockerode.NetworkCreateOptions) => Call<string>;
  readonly removeNetwork: (id: string) => Call<void>;
  readonly listNetworks: (labels: ReadonlyArray<string>) => Call<ReadonlyArray<{ Id: string; Labels: LabelMap }>>;
  /** The image by tag, id or digest; none when the engine does not have it. */
  readonly inspectImage: (reference: string) => Call<Option.Option<ImageSummary>>;
  /** Removes an image and the layers nobody else has; the engine refuses while a container uses it. */
  readonly removeImage: (id: string) => Call<void>;
  /** Builds from a tar of the context; the stream is the engine's progress. */
  readonly buildImage: (
    context: Uint8Array,
    options: { readonly t: string; readonly buildargs: LabelMap; readonly labels: LabelMap },
  ) => Stream.Stream<BuildMessage, EngineError>;
}

type LabelMap = Readonly<Record<string, string>> | null;

/** The engine of `DOCKER_HOST`, or the first one that answers at the usual sockets. */
export class Engine extends Context.Service<Engine, EngineService>()("caisson/adapters/sandbox/docker/Engine") {
  /** *Fails with* `EngineError` when no engine answers, as `locate` does. */
  static readonly layer: Layer.Layer<Engine, EngineError, Settings> = Layer.effect(
    Engine,
    Effect.gen(function* () {
      const found = yield* locate(yield* Settings);
      const { default: Docker } = yield* Effect.tryPromise({
        // @ts-types="@types/dockerode"
        try: () => import("dockerode"),
        catch: (thrown) => fromThrown("import", thrown),
      });
      const connection = { socketPath: found.socketPath, agent: new EngineAgent() };
      const control = { ...connection, timeout: callSilenceMs };
      return Engine.of(make(new Docker(control), new Docker(connection), found));
    }),
  );
}

// Implementation ---------------------------------------------------------------------------------

const decodeWith = <S extends Schema.ConstraintDecoder<unknown, never>>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(schema);
  return (operation: string) => (answer: unknown): Call<S["Type"]> =>
    Effect.mapError(
      decode(answer),
      (issue) => new EngineError({ operation, kind: "Fault", detail: `unexpected answer: ${issue.message}` }),
    );
};

const asInfo = decodeWith(EngineInfo);
const asCreated = decodeWith(Created);
const asContainers = decodeWith(Schema.Array(ContainerSummary));
const asVolumes = decodeWith(VolumeList);
const asNetworks = decodeWith(NetworkList);
const asImage = decodeWith(ImageSummary);
const asBuildMessages = decodeWith(Schema.fromJsonString(BuildMessage));

/** A removal that the engine has begun by itself; Podman says so with a failure of its own. */
const isUnderway = (error: EngineError): boolean =>
  (error.kind === "Conflict" && /already in progress/.test(error.detail)) ||
  (error.kind === "Fault" && /container state improper/.test(error.detail));

/** Removing what is already gone is what the caller wanted. */
const goneIsFine = (call: Call<unknown>): Call<void> =>
  call.pipe(
    Effect.asVoid,
    Effect.catchIf((error) => error.kind === "NotFound", () => Effect.void),
  );

const call = <A>(operation: string, ask: (signal: AbortSignal) => Promise<A>): Call<A> =>
  Effect.tryPromise({ try: ask, catch: (thrown) => fromThrown(operation, thrown) });

const filters = (labels: ReadonlyArray<string>) => ({ label: [...labels] });

type ContainerCalls = Pick<
  EngineService,
  "createContainer" | "attach" | "start" | "rename" | "removeContainer" | "listContainers" | "putArchive"
>;

const containerCalls = (docker: Dockerode, streaming: Dockerode): ContainerCalls => ({
  createContainer: (options) =>
    call("create", () => docker.createContainer(options)).pipe(
      Effect.flatMap((container) => asCreated("create")({ Id: container.id })),
      Effect.map(({ Id }) => Id),
    ),
  attach: (id) =>
    call(
      "attach",
      () => streaming.getContainer(id).attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true }),
    ).pipe(
      Effect.filterOrFail(
        (stream): stream is NodeJS.ReadWriteStream & Duplex => stream instanceof Duplex,
        () => new EngineError({ operation: "attach", kind: "Fault", detail: "no duplex stream" }),
      ),
    ),
  // 304: it runs already.
  start: (id) => Effect.asVoid(call("start", () => docker.getContainer(id).start())),
  rename: (id, name) => Effect.asVoid(call("rename", () => docker.getContainer(id).rename({ name }))),
  removeContainer: (id) => {
    const container = docker.getContainer(id);
    // The engine removes a container that ended by itself; being asked meanwhile, it refuses, and only
    // when its own removal is through are the container's volume and network free.
    const removed = call("wait", () => container.wait({ condition: "removed" }));
    return call("remove", () => container.remove({ force: true, v: true })).pipe(
      Effect.catchIf(isUnderway, () => removed),
      goneIsFine,
    );
  },
  listContainers: (labels) =>
    call("list", (abortSignal) => docker.listContainers({ all: true, filters: filters(labels), abortSignal })).pipe(
      Effect.flatMap(asContainers("list")),
    ),
  putArchive: (id, tar, path) =>
    Effect.asVoid(call("putArchive", () => docker.getContainer(id).putArchive(Readable.from([tar]), { path }))),
});

type VolumeCalls = Pick<EngineService, "createVolume" | "removeVolume" | "listVolumes">;

const volumeCalls = (docker: Dockerode): VolumeCalls => ({
  createVolume: (options) => Effect.asVoid(call("createVolume", () => docker.createVolume(options))),
  removeVolume: (name) => goneIsFine(call("removeVolume", () => docker.getVolume(name).remove())),
  listVolumes: (labels) =>
    call("listVolumes", () => docker.listVolumes({ filters: filters(labels) })).pipe(
      Effect.flatMap(asVolumes("listVolumes")),
      Effect.map(({ Volumes }) => Volumes ?? []),
    ),
});

type NetworkCalls = Pick<EngineService, "createNetwork" | "removeNetwork" | "listNetworks">;

const networkCalls = (docker: Dockerode): NetworkCalls => ({
  createNetwork: (options) =>
    Effect.map(call("createNetwork", () => docker.createNetwork(options)), (network) => network.id),
  removeNetwork: (id) => goneIsFine(call("removeNetwork", () => docker.getNetwork(id).remove())),
  listNetworks: (labels) =>
    Effect.flatMap(
      call("listNetworks", () => docker.listNetworks({ filters: filters(labels) })),
      asNetworks("listNetworks"),
    ),
});

type ImageCalls = Pick<EngineService, "inspectImage" | "removeImage" | "buildImage">;

const imageCalls = (docker: Dockerode, streaming: Dockerode): ImageCalls => ({
  inspectImage: (reference) =>
    call("inspectImage", () => docker.getImage(reference).inspect()).pipe(
      Effect.flatMap(asImage("inspectImage")),
      Effect.map(Option.some),
      Effect.catchIf((error) => error.kind === "NotFound", () => Effect.succeed(Option.none<ImageSummary>())),
    ),
  removeImage: (id) => goneIsFine(call("removeImage", () => docker.getImage(id).remove())),
  buildImage: (context, options) =>
    Stream.unwrap(
      call("build", (abortSignal) =>
        streaming.buildImage(Readable.from([context]), {
          t: options.t,
          buildargs: options.buildargs ?? {},
          labels: options.labels ?? {},
          rm: true,
          forcerm: true,
          abortSignal,
        })).pipe(
          Effect.map((progress) =>
            Stream.fromAsyncIterable(progress, (thrown) => fromThrown("build", thrown)).pipe(
              Stream.map((piece) => (typeof piece === "string" ? new TextEncoder().encode(piece) : piece)),
              Stream.decodeText,
              Stream.splitLines,
              Stream.filter((line) => line.trim() !== ""),
              Stream.mapEffect(asBuildMessages("build")),
            )
          ),
        ),
    ),
});

const make = (
  docker: Dockerode,
  streaming: Dockerode,
  found: { readonly socketPath: string; readonly version: EngineVersion },
): EngineService => ({
  ...found,
  info: Effect.flatMap(call("info", () => docker.info()), asInfo("info")),
  ...containerCalls(docker, streaming),
  ...volumeCalls(docker),
  ...networkCalls(docker),
  ...imageCalls(docker, streaming),
});
