/**
 * The MCP server on a real port of loopback, in this process, over a fake toolbox; it can be stopped
 * and started again on the same port.
 */
import { Effect, Exit, Layer, Scope } from "effect";
import { HttpServer } from "effect/http";
import * as Limits from "../../../src/adapters/limits/Counted.ts";
import { Settings, type SettingsService } from "../../../src/config.ts";
import { layer as serverLayer } from "../../../src/mcp/http.ts";
import type { Identity } from "../../../src/services/Identity.ts";
import { type FakeToolbox, makeFakeToolbox } from "./fakeToolbox.ts";
import { anonymous } from "./server.ts";

export interface Listening {
  readonly url: string;
  readonly toolbox: FakeToolbox;
  /** Stops the server; sessions end and connections close. */
  readonly stop: Effect.Effect<void>;
  /** Starts it again on its port, with no memory of its sessions. */
  readonly restart: Effect.Effect<void>;
}

export const listen = (
  options: { readonly identity?: Layer.Layer<Identity>; readonly settings?: Partial<SettingsService> } = {},
): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.gen(function* () {
    const toolbox = yield* makeFakeToolbox;
    let scope = yield* Scope.make();
    const start = (mcpPort: number) =>
      Layer.build(
        serverLayer.pipe(
          Layer.provide([toolbox.layer, options.identity ?? anonymous, Limits.layerMemory]),
          Layer.provide(Settings.layerWith({ mcpPort, shutdownGraceSeconds: 0, ...options.settings })),
        ),
      ).pipe(Scope.provide(scope), Effect.orDie);
    const { address } = yield* Effect.provide(HttpServer.HttpServer, yield* start(0));
    const port = "port" in address ? address.port : 0;
    const stop = Effect.suspend(() => Scope.close(scope, Exit.void));
    yield* Effect.addFinalizer(() => stop);
    return {
      url: `http://127.0.0.1:${port}/mcp`,
      toolbox,
      stop,
      restart: Effect.gen(function* () {
        scope = yield* Scope.make();
        yield* start(port);
      }),
    };
  });
