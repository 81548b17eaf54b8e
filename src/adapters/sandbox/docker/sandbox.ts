/**
 * One container with a supervisor in it: created, attached, started, greeted, and removed with its scope.
 */
import { Duration, Effect, type Scope } from "effect";
import { randomBytes } from "node:crypto";
import type { OwnerKey } from "../../../domain/Owner.ts";
import { ImageMissing, SandboxError, StartFailed } from "../../../services/Sandbox.ts";
import { connect, type SupervisorLink } from "../supervisor/SupervisorLink.ts";
import { fromEngineStream } from "./engineStream.ts";
import { type ContainerContext, containerOptions, label, type Workspace } from "./container.ts";
import { Engine } from "./Engine.ts";
import { type EngineError, toSandboxError } from "./EngineError.ts";
import { Installation } from "./Installation.ts";

/** A cold start takes a fifth of a second on a quiet machine, seconds when many start at once. */
const startMsMax = 30_000;

/** Enough that two containers of an installation never share a name. */
const nameBytes = 6;

/** A removal can overtake the engine's own; a volume is then in use for a few moments more. */
const volumeRetries = 20;
const volumeRetryMs = 50;

/** A running sandbox. */
export interface RunningSandbox {
  /** The container's id, as `docker ps` shows it. */
  readonly id: string;
  readonly link: SupervisorLink;
}

export const randomName = (what: string): string => `caisson-${what}-${randomBytes(nameBytes).toString("hex")}`;

const refuse = (error: EngineError) => Effect.fail(toSandboxError(error));

/** Labels of everything this server makes. */
export const labelsOf = Effect.fnUntraced(function* (owner: OwnerKey | undefined) {
  const installation = yield* Installation;
  return {
    [label.app]: "caisson",
    [label.installation]: installation.id,
    [label.instance]: installation.instance,
    ...(owner === undefined ? {} : { [label.owner]: owner }),
  };
});

/** Removes a volume, waiting a moment for a container that is just going. */
export const removeVolume = Effect.fnUntraced(function* (name: string): Effect.fn.Return<void, SandboxError, Engine> {
  const engine = yield* Engine;
  for (let attempt = 0; attempt < volumeRetries; attempt++) {
    const conflict = yield* engine.removeVolume(name).pipe(
      Effect.as(false),
      Effect.catchIf((error) => error.kind === "Conflict", () => Effect.succeed(true)),
      Effect.catchTag("EngineError", refuse),
    );
    if (!conflict) return;
    yield* Effect.sleep(volumeRetryMs);
  }
  return yield* new SandboxError({ reason: new StartFailed(), detail: `volume ${name} is still in use` });
});

/** A cleanup that fails leaves work for the reaper; it must not fail what it cleans up after. */
const logged = (what: string) => (effect: Effect.Effect<void, EngineError | SandboxError, Engine>) =>
  Effect.catch(effect, (error) => Effect.logWarning(`${what} was not removed: ${error.message}`));

/** Makes a network for one sandbox, gone with the scope. */
const ownNetwork = Effect.fnUntraced(function* (labels: Record<string, string>) {
  const engine = yield* Engine;
  return yield* Effect.acquireRelease(
    engine.createNetwork({
      Name: randomName("net"),
      Driver: "bridge",
      Labels: labels,
      Options: { "com.docker.network.bridge.enable_icc": "false" },
    }),
    (id) => logged("a network")(engine.removeNetwork(id)),
  );
});

/**
 * Starts a sandbox on a workspace.
 *
 * *Details*: closing the scope ends the link, removes the container and its network; a volume stays.
 *
 * *Fails with* `SandboxError`, reason `StartFailed` or `RuntimeUnavailable`.
 */
export const startSandbox = Effect.fnUntraced(
  function* (
    context: ContainerContext,
    image: string,
    workspace: Workspace,
    owner: OwnerKey | undefined,
  ): Effect.fn.Return<RunningSandbox, SandboxError | EngineError, Engine | Installation | Scope.Scope> {
    const engine = yield* Engine;
    const labels = yield* labelsOf(owner);
    const network = context.settings.sandboxNetwork === "bridge" ? yield* ownNetwork(labels) : undefined;
    const id = yield* Effect.acquireRelease(
      engine.createContainer(containerOptions(context, {
        name: randomName(owner === undefined ? "pool" : owner.slice(0, 12)),
        image,
        labels,
        workspace,
        network,
      })).pipe(
        Effect.catchIf(
          (error) => error.kind === "NotFound" && /image/i.test(error.detail),
          (error) => Effect.fail(new SandboxError({ reason: new ImageMissing({ image }), detail: error.message })),
        ),
      ),
      (id) => logged("a container")(engine.removeContainer(id)),
    );
    const stream = yield* Effect.acquireRelease(
      engine.attach(id),
      (attached) => Effect.sync(() => attached.destroy()),
    );
    yield* engine.start(id);
    const link = yield* connect(fromEngineStream(stream), {
      outputBytesMax: context.settings.sandboxOutputBytesMax,
      startTimeout: Duration.millis(startMsMax),
    });
    return { id: id.slice(0, 12), link };
  },
  Effect.timeoutOrElse({
    duration: startMsMax,
    orElse: () =>
      Effect.fail(new SandboxError({ reason: new StartFailed(), detail: `not up within ${startMsMax} ms` })),
  }),
  Effect.catchTag("EngineError", refuse),
);
