/**
 * The MCP server over standard streams, for clients that start it as a child process.
 */
import process from "node:process";
import { Deferred, Effect, Layer, type Scope } from "effect";
// @ts-types="@modelcontextprotocol/sdk/server/stdio"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { ConfigurationRefused, Settings } from "../config.ts";
import type { Toolbox } from "../services/Toolbox.ts";
import { connect } from "./protocolServer.ts";
import { Surfaces } from "./Surface.ts";
import { layer as surfacesLayer } from "./surfaces.ts";
import { WholeLines } from "./wholeLines.ts";

/** Who starts the process owns its sandbox; the name keeps it apart from the users of HTTP callers. */
const stdioPrincipal = "stdio";

/**
 * Serves one client over stdin and stdout until it closes stdin.
 *
 * *Details*: the user is `CAISSON_MCP_USER`. Nothing else may write to stdout; logs belong to stderr. The
 * end of the scope interrupts running calls.
 *
 * *Fails with* `ConfigurationRefused` when a message is larger than the settings allow: what follows it cannot be read.
 */
export const serve: Effect.Effect<void, ConfigurationRefused, Surfaces | Settings | Scope.Scope> = Effect.gen(
  function* () {
    const settings = yield* Settings;
    const surfaces = yield* Surfaces;
    const ended = yield* Deferred.make<void>();
    const end = () => {
      Deferred.doneUnsafe(ended, Effect.void);
    };
    const { lines } = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const lines = new WholeLines(settings.bodyBytesMax);
        // Input that breaks is closed without an end.
        const close = () => void lines.end();
        process.stdin.once("close", close).pipe(lines).once("end", end);
        return { lines, close };
      }),
      ({ lines, close }) =>
        Effect.sync(() => {
          process.stdin.off("close", close).unpipe(lines).pause();
          lines.off("end", end).destroy();
        }),
    );
    const transport = new StdioServerTransport(lines, process.stdout, { maxBufferSize: settings.bodyBytesMax });
    const surface = yield* surfaces.open({ principal: stdioPrincipal, user: settings.mcpUser, ephemeral: false });
    let isBroken = false;
    transport.onerror = () => {
      isBroken = true;
    };
    // The SDK closes the transport of its own accord when a message exceeds the bound, and for nothing else.
    const tooLarge = yield* Deferred.make<void>();
    transport.onclose = () => {
      if (isBroken) Deferred.doneUnsafe(tooLarge, Effect.void);
      end();
    };
    yield* connect(surface, { transport, abandon: () => Effect.void });
    yield* Deferred.await(ended);
    // A client that keeps its end open would otherwise hold a process that hears it no more.
    if (yield* Deferred.isDone(tooLarge)) {
      return yield* new ConfigurationRefused({
        problems: [
          `CAISSON_BODY_BYTES_MAX is ${settings.bodyBytesMax}, and a message of the client is larger: ` +
          "send less at once, or set it higher",
        ],
      });
    }
  },
);

/** The tools and the prompt of the agent for one client, as a layer that is built when the client has gone. */
export const layer: Layer.Layer<never, ConfigurationRefused, Toolbox | Settings> = Layer.effectDiscard(serve).pipe(
  Layer.provide(surfacesLayer),
);
