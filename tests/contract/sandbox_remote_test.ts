/**
 * The Sandbox contract on the adapter that works through the private requests of an MCP server, over real
 * containers.
 */
import { Effect, Layer, Option, Redacted } from "effect";
import { HttpServer } from "effect/http";
import * as Limits from "../../src/adapters/limits/Counted.ts";
import { layer as dockerLayer } from "../../src/adapters/sandbox/docker/Docker.ts";
import { layer as remoteLayer } from "../../src/adapters/sandbox/remote/Remote.ts";
import * as LocalToolbox from "../../src/agent/LocalToolbox.ts";
import { Settings } from "../../src/config.ts";
import { layer as serverLayer } from "../../src/mcp/http.ts";
import { keyed } from "../mcp/support/server.ts";
import { dataDirectory } from "../support/dataDirectory.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { sandboxSuite } from "./sandboxSuite.ts";

/** The remote sandbox of the server that listens here. */
const ofServer = Layer.unwrap(Effect.gen(function* () {
  const { address } = yield* HttpServer.HttpServer;
  return remoteLayer(`http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`).pipe(
    Layer.provide(Settings.layerWith({ mcpApiKey: Option.some(Redacted.make("key-a")) })),
  );
}));

sandboxSuite(
  "Remote",
  (changes) =>
    Layer.unwrap(Effect.map(
      dataDirectory,
      (dataPath) =>
        ofServer.pipe(
          Layer.provide(serverLayer),
          Layer.provide([keyed, Limits.layerMemory]),
          Layer.provide(Layer.provideMerge(LocalToolbox.layer, dockerLayer)),
          Layer.provide(engineSettings({ mcpPort: 0, shutdownGraceSeconds: 0, dataPath, ...changes })),
        ),
    )),
  {
    realProcesses: true,
    symbolicLinks: true,
    streams: true,
    tree: true,
    concurrentCommands: true,
    memoryBound: true,
    processBound: true,
    selfKill: true,
    durableWorkspace: true,
    ownLifecycle: true,
    ownPrincipals: false,
  },
  { skip: skipWithoutEngine },
);
