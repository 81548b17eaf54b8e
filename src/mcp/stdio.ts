/**
 * The MCP server over standard streams, for clients that start it as a child process.
 */
import process from "node:process";
import { Deferred, Effect, Layer, type Scope } from "effect";
// @ts-types="@modelcontextprotocol/sdk/server/stdio"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { Settings } from "../config.ts";
import type { Toolbox } from "../services/Toolbox.ts";
import { connect } from "./protocolServer.ts";
import { Surfaces } from "./Surface.ts";
import { layer as surfacesLayer } from "./surfaces.ts";

/** Who starts the process owns its sandbox; the name keeps it apart from the users of HTTP callers. */
const stdioPrincipal = "stdio";

/**
 * Serves one client over stdin and stdout until it closes stdin.
 *
 * *Details*: the user is `CAISSON_MCP_USER`. Nothing else may write to stdout; logs belong to stderr. The
 * end of the scope interrupts running calls.
 */
export const serve: Effect.Effect<void, never, Surfaces | Settings | Scope.Scope> = Effect.gen(function* () {
  const settings = yield* Settings;
  const surfaces = yield* Surfaces;
  const ended = yield* Deferred.make<void>();
  const end = () => {
    Deferred.doneUnsafe(ended, Effect.void);
  };
  yield* Effect.acquireRelease(
    Effect.sync(() => process.stdin.once("end", end).once("close", end)),
    (stdin) => Effect.sync(() => stdin.off("end", end).off("close", end)),
  );
  const transport = new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: settings.bodyBytesMax });
  const surface = yield* surfaces.open({ principal: stdioPrincipal, user: settings.mcpUser, ephemeral: false });
  // The SDK closes the transport of its own accord when a message exceeds the bound.
  transport.onclose = end;
  yield* connect(surface, { transport, abandon: () => Effect.void });
  yield* Deferred.await(ended);
});

/** The tools and the prompt of the agent for one client, as a layer that is built when the client has gone. */
export const layer: Layer.Layer<never, never, Toolbox | Settings> = Layer.effectDiscard(serve).pipe(
  Layer.provide(surfacesLayer),
);
