/**
 * `GET /health`: whether the service works, and what it stands on.
 */
import { DateTime, Duration, Effect, Option, Schema } from "effect";
import { version } from "../../domain/version.ts";
import { Sandbox } from "../../services/Sandbox.ts";
import { Sessions } from "../../services/Sessions.ts";
import { Toolbox } from "../../services/Toolbox.ts";

/** The state of the service and of what it stands on. */
export const HealthOut = Schema.Struct({
  status: Schema.Literals(["healthy", "degraded"]),
  service: Schema.Literal("agent-api"),
  version: Schema.String,
  timestamp: Schema.String,
  mcp_server_connected: Schema.Boolean.annotate({
    description: "Whether the tools can be reached; true when they run in this process.",
  }),
  tools: Schema.Literals(["in-process", "mcp-server"]),
  sandbox: Schema.Struct({
    kind: Schema.String,
    why: Schema.String,
    healthy: Schema.Boolean,
    detail: Schema.String,
    open: Schema.Int,
    not_applied: Schema.Array(Schema.Struct({ control: Schema.String, detail: Schema.String })),
    warnings: Schema.Array(Schema.String).annotate({ description: "Settings that are not met, a sentence each." }),
  }),
  sessions: Schema.Struct({ store: Schema.String }),
}).annotate({ identifier: "Health" });
export type HealthOut = typeof HealthOut.Type;

/** Time that a check of a part may take; an orchestrator's probe waits no longer either. */
const checkDeadline = Duration.seconds(3);

/** Builds the health check. */
export const make = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const toolbox = yield* Toolbox;
  const sessions = yield* Sessions;
  const { info } = sandbox;

  return Effect.gen(function* () {
    const [state, connected, now] = yield* Effect.all([
      Effect.timeoutOption(sandbox.health, checkDeadline),
      Effect.timeoutOption(toolbox.serverConnected, checkDeadline),
      DateTime.now,
    ], { concurrency: "unbounded" });
    const { healthy, detail, open } = Option.getOrElse(
      state,
      () => ({ healthy: false, detail: "the runtime did not answer in time", open: 0 }),
    );
    // null: no tool server is configured, the tools are part of this process.
    const server = Option.getOrElse(connected, () => false);
    const inProcess = server === null;
    const reachable = inProcess || server;
    const body: HealthOut = {
      status: reachable && (healthy || !inProcess) ? "healthy" : "degraded",
      service: "agent-api",
      version,
      timestamp: DateTime.formatIso(now),
      mcp_server_connected: reachable,
      tools: inProcess ? "in-process" : "mcp-server",
      sandbox: {
        kind: info.kind,
        why: info.why,
        healthy,
        detail,
        open,
        not_applied: info.controls.filter(({ applied }) => !applied)
          .map(({ name, detail }) => ({ control: name, detail })),
        warnings: [...info.warnings ?? []],
      },
      sessions: { store: sessions.kind },
    };
    return body;
  });
});
