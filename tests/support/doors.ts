/**
 * Both doors in the composition that users have, on free ports of loopback: real sandbox, real settings.
 */
import assert from "node:assert/strict";
import { type Context, Effect, Layer, Logger } from "effect";
import { HttpServer } from "effect/http";
import * as app from "../../src/app.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { temporaryDirectory } from "./temporaryDirectory.ts";

const addressOf = (context: Context.Context<HttpServer.HttpServer>) =>
  Effect.map(Effect.provideContext(HttpServer.HttpServer, context), ({ address }) => {
    assert.ok("port" in address);
    return `http://127.0.0.1:${address.port}`;
  });

const settingsOf = (changes: Partial<SettingsService>) =>
  Effect.map(temporaryDirectory, (dataPath) =>
    Layer.merge(
      Settings.layerWith({
        apiPort: 0,
        mcpPort: 0,
        sandbox: "embedded",
        sessions: "memory",
        logLevel: "NONE",
        shutdownGraceSeconds: 0,
        dataPath,
        ...changes,
      }),
      Logger.layer([]),
    ));

/** The address of an agent API, open while the scope is. */
export const agentDoor = Effect.fnUntraced(function* (changes: Partial<SettingsService>) {
  return yield* addressOf(yield* Layer.build(Layer.provide(app.agentApi, yield* settingsOf(changes))));
});

/** The address of an MCP server, open while the scope is. */
export const mcpDoor = Effect.fnUntraced(function* (changes: Partial<SettingsService>) {
  return yield* addressOf(yield* Layer.build(Layer.provide(app.mcpHttp, yield* settingsOf(changes))));
});
