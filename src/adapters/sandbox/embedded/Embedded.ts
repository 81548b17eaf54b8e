/**
 * The Sandbox adapter for machines without a container engine.
 */
import { resolve } from "node:path";
import { Duration, Effect, Layer } from "effect";
import { Settings } from "../../../config.ts";
import { Sandbox, type SandboxError, type SandboxHandle } from "../../../services/Sandbox.ts";
import { ownerKey } from "../../../domain/ids.ts";
import * as PerOwner from "../PerOwner.ts";
import { makePrepare } from "./prepared.ts";
import { startWasm } from "./Wasm.ts";
import { wasmControls, wasmNotes } from "./wasmInfo.ts";
import { makeWorkspaces, shownDirectory } from "./workspaces.ts";

const never = Effect.succeed(false);

/** The WebAssembly form, whatever else the machine has; its packages are prepared in the background. */
export const layerWasm = (why: string): Layer.Layer<Sandbox, never, Settings> =>
  Layer.effect(
    Sandbox,
    Effect.gen(function* () {
      const settings = yield* Settings;
      const prepare = makePrepare(resolve(settings.dataPath, "embedded"));
      const workspaces = makeWorkspaces(resolve(settings.dataPath, "workspaces-wasm"));
      const [tools, skills] = yield* Effect.all([
        shownDirectory(settings.toolsPath),
        shownDirectory(settings.skillsPath),
      ]);
      const shared = { settings, prepare, workspaces, tools, skills };
      let trouble: SandboxError | undefined;
      yield* prepare.pipe(
        Effect.catch((error) => {
          trouble = error;
          return Effect.logWarning(error.detail, error.cause);
        }),
        Effect.forkScoped,
      );
      const sandboxes = yield* PerOwner.make({
        idle: Duration.seconds(settings.sandboxIdleSeconds),
        countMax: settings.sandboxesMax,
        countPerPrincipalMax: settings.sandboxesPerPrincipalMax,
        start: (owner, key) =>
          Effect.map(startWasm(shared, owner, key), (handle: SandboxHandle) => ({ handle, isClosed: never })),
      });
      return Sandbox.of({
        info: { kind: "embedded", why, controls: wasmControls(settings), notes: wasmNotes(settings) },
        health: Effect.map(sandboxes.count, (open) => ({
          healthy: trouble === undefined,
          detail: trouble === undefined ? "WebAssembly in a process of its own per user" : trouble.detail,
          open,
        })),
        open: (owner) => Effect.map(sandboxes.open(owner), ({ handle }) => handle),
        reset: (owner) => sandboxes.reset(owner, workspaces.remove(ownerKey(owner))),
      });
    }),
  );

/** The embedded sandbox. */
export const layer: Layer.Layer<Sandbox, never, Settings> = layerWasm(
  "no container engine; code runs as WebAssembly in a permissionless process",
);
