/**
 * The application behind a real socket on a free port.
 */
import { Effect, Layer, Logger } from "effect";
import { HttpServer } from "effect/http";
import * as Http from "../../src/http/server.ts";
import { type AppOptions, services } from "./app.ts";

/** The served application's address; it is closed with the scope. */
export const served = (options: AppOptions = {}) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(
      Http.serve.pipe(
        Layer.provideMerge(services({ ...options, settings: { apiPort: 0, ...options.settings } })),
        Layer.provideMerge(Logger.layer(options.logger === undefined ? [] : [options.logger])),
      ),
    );
    const address = yield* HttpServer.HttpServer.pipe(
      Effect.map((server) => server.address),
      Effect.provideContext(context),
    );
    if (!("port" in address)) return yield* Effect.die(new Error("expected the server to listen on a port"));
    return `http://127.0.0.1:${address.port}`;
  });
