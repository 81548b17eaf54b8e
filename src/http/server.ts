/**
 * The socket behind the HTTP application.
 *
 * Node's server on Deno, because it reports a client that goes away while its request is still being
 * worked on; Deno's own does not for bodies over half a kilobyte, and such a run would live on.
 */
import { createServer, type Server } from "node:http";
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer";
import { Duration, Effect, Layer } from "effect";
import { HttpRouter, HttpServer } from "effect/http";
import { Settings } from "../config.ts";
import { Runs } from "../runs/Runs.ts";
import { Identity } from "../services/Identity.ts";
import { backlogMax } from "../web/backlog.ts";
import { LiveSockets } from "../web/LiveSockets.ts";
import { answerParser } from "../web/parserAnswers.ts";
import { toReply } from "./frame/reply.ts";
import * as Router from "./router.ts";

/** Time a client has to send its headers, in milliseconds; slower ones hold a socket for nothing. */
const headersTimeoutMs = 60_000;
/** Time a client has to send a whole request, in milliseconds; a large body on a slow line needs it. */
const requestTimeoutMs = 300_000;

/** Time a kept connection stays open between requests, in milliseconds; proxies pool theirs for a minute. */
const keepAliveTimeoutMs = 75_000;
/** Wait for answers that are being written when every run has ended. */
const lastWritesMax = Duration.seconds(2);

/** Lets go of connections that are still kept, before the server waits for the last of them. */
const closesConnections = (server: Server) =>
  Layer.effectDiscard(
    Effect.andThen(
      HttpServer.HttpServer,
      Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())),
    ),
  );

/** Ends the runs first of all, so that their clients are told before the server waits for its connections. */
const drained = (sockets: LiveSockets) =>
  Layer.effectDiscard(Effect.gen(function* () {
    const runs = yield* Runs;
    const { shutdownGraceSeconds } = yield* Settings;
    yield* Effect.addFinalizer(() => Effect.andThen(runs.drain(Duration.seconds(shutdownGraceSeconds)), sockets.leave));
    yield* Effect.forkScoped(sockets.asking);
  }));

/**
 * Serves the application until its scope closes; it refuses to serve strangers beyond loopback.
 *
 * *Details*: closing begins no new run, lets running ones end within the grace of the settings and interrupts
 * the rest; a stream then ends with its error frame, and what has not begun is answered 503. WebSockets and the
 * sockets close afterwards.
 *
 * *Fails with* `ServeError` when the address is taken, `OpenDoorRefused` when it would serve strangers.
 */
export const serve = Layer.unwrap(
  Effect.gen(function* () {
    const { apiHost, apiPort, bodyBytesMax } = yield* Settings;
    const identity = yield* Identity;
    yield* identity.mayListen(apiHost);
    const server = createServer({
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
    });
    answerParser(server, (error) => {
      const { envelope, ...answer } = toReply(error);
      return { ...answer, body: envelope };
    });
    const sockets = new LiveSockets();
    const served = HttpRouter.serve(Router.layer, {
      disableLogger: true,
      disableListenLog: true,
      routerConfig: Router.routerConfig,
    });
    return drained(sockets).pipe(
      Layer.provideMerge(served),
      Layer.provideMerge(closesConnections(server)),
      Layer.provideMerge(
        NodeHttpServer.layer(() => server, {
          host: apiHost,
          port: apiPort,
          backlog: backlogMax,
          gracefulShutdownTimeout: lastWritesMax,
          websocket: { WebSocket: sockets.socketClass, maxPayload: bodyBytesMax },
        }),
      ),
    );
  }),
);
