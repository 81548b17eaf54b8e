/**
 * Which sandbox runs code, as the settings say and the machine allows.
 */
import { Effect, Layer, Option, Result } from "effect";
import { Settings, type SettingsService, settingsTable } from "../../config.ts";
import { RuntimeUnavailable, Sandbox, SandboxError } from "../../services/Sandbox.ts";
import { SandboxAsked } from "../../services/SandboxAsked.ts";
import type { EngineError } from "./docker/EngineError.ts";
import { locate } from "./docker/probe.ts";

/** Settings that name an engine or what only an engine can do, and so want one. */
const engineWishes = (settings: Pick<SettingsService, "dockerHost" | "dockerRuntime">): ReadonlyArray<string> => [
  ...(Option.isSome(settings.dockerHost) ? [settingsTable.dockerHost.key] : []),
  ...(Option.isSome(settings.dockerRuntime) ? [settingsTable.dockerRuntime.key] : []),
];

/** What the operator must know when an engine is there and is passed over. */
export const passedOver = ({ kind, detail }: EngineError): ReadonlyArray<string> => {
  if (kind === "Unavailable" || kind === "NotGranted") return [];
  const denied = kind === "Denied" ? ", whose group this user is not in" : "";
  return [
    `a container engine is there${denied}, and cannot be used (${detail}): code runs in the embedded sandbox, whose ` +
    `walls are weaker; ${settingsTable.sandbox.key}=embedded says that this is meant`,
  ];
};

// One of the two runs code: the other is not loaded.
// What loads beside it need not wait for an engine's answers.
const loadDocker = Effect.andThen(Effect.flatten(SandboxAsked), Effect.promise(() => import("./docker/Docker.ts")));
const loadEmbedded = Effect.promise(() => import("./Embedded.ts"));

/**
 * Docker when the settings say so, or when they leave the choice and an engine answers; the embedded
 * sandbox otherwise.
 *
 * *Details*: an engine that is there and cannot be used is a warning of the sandbox that takes its place.
 *
 * *Fails with* `SandboxError`, reason `RuntimeUnavailable`, when the chosen runtime cannot be used, and when
 * the choice is left but settings name an engine, or a runtime of one, and none answers.
 */
export const layer: Layer.Layer<Sandbox, SandboxError, Settings> = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings;
    if (settings.sandbox === "docker") return (yield* loadDocker).layer;
    if (settings.sandbox === "embedded") return (yield* loadEmbedded).layer;
    const found = yield* Effect.result(locate(settings));
    if (Result.isSuccess(found)) return (yield* loadDocker).layer;
    const wishes = engineWishes(settings);
    if (wishes.length > 0) {
      const refusal = new SandboxError({
        reason: new RuntimeUnavailable(),
        detail: `${wishes.join(" and ")} asks for a container engine, and none can be used: ${found.failure.detail}`,
        cause: found.failure,
      });
      return Layer.effect(Sandbox, Effect.fail(refusal));
    }
    yield* Effect.logInfo(`no container engine: ${found.failure.detail}; code runs in the embedded sandbox`);
    return (yield* loadEmbedded).layerWith(passedOver(found.failure));
  }),
);
