/**
 * The socket behind the HTTP application.
 *
 * Node's server on Deno, because it reports a client that goes away while its request is still being
 * worked on; Deno's own does not for bodies over half a kilobyte, and such a run would live on.
 */
import { createServer } from "node:http";
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer";
import { Duration, Effect, Layer } from "effect";
import { HttpRouter } from "effect/http";
import { Settings } from "../config.ts";
import { Identity } from "../services/Identity.ts";
import * as Router from "./router.ts";

/** Time a client has to send its headers, in milliseconds; slower ones hold a socket for nothing. */
const headersTimeoutMs = 60_000;
/** Time a client has to send a whole request, in milliseconds; a large body on a slow line needs it. */
const requestTimeoutMs = 300_000;

/** The listening socket, from the settings; it refuses to serve strangers beyond loopback. */
export const layerSocket = Layer.unwrap(
  Effect.gen(function* () {
    const { apiHost, apiPort, shutdownGraceSeconds } = yield* Settings;
    const identity = yield* Identity;
    yield* identity.mayListen(apiHost);
    return NodeHttpServer.layer(
      () => createServer({ headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs }),
      { host: apiHost, port: apiPort, gracefulShutdownTimeout: Duration.seconds(shutdownGraceSeconds) },
    );
  }),
);

/**
 * Serves the application until its scope closes.
 *
 * *Details*: closing stops accepting, lets running requests end within the grace of the settings and
 * interrupts the rest.
 */
export const serve = HttpRouter.serve(Router.layer, {
  disableLogger: true,
  routerConfig: Router.routerConfig,
}).pipe(Layer.provideMerge(layerSocket));
