/**
 * `GET /health`, `/health/live`, `/health/ready`: whether the service works, what it stands on, and whether
 * requests should be sent here.
 *
 * Every part that a completion needs is tried, not asked for its settings.
 */
import { DateTime, Duration, Effect, Schema } from "effect";
import { HttpApiSchema } from "effect/http-api";
import { version } from "../../domain/version.ts";
import { Runs } from "../../runs/Runs.ts";
import { Sandbox } from "../../services/Sandbox.ts";
import { Sessions } from "../../services/Sessions.ts";
import { LoopWatch } from "../../web/LoopWatch.ts";
import { makeParts } from "./healthParts.ts";

// Wire -------------------------------------------------------------------------------------------

const partFields = {
  healthy: Schema.Boolean,
  detail: Schema.String.annotate({ description: "Why it is not healthy, or what is known of it." }),
};

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
    ...partFields,
    open: Schema.Int,
    not_applied: Schema.Array(Schema.Struct({ control: Schema.String, detail: Schema.String })),
    warnings: Schema.Array(Schema.String).annotate({ description: "Settings that are not met, a sentence each." }),
  }),
  sessions: Schema.Struct({ store: Schema.String, ...partFields }),
  model: Schema.Struct({ default: Schema.NullOr(Schema.String), ...partFields }),
  disk: Schema.Struct(partFields),
  event_loop: Schema.Struct({
    ...partFields,
    lag_ms: Schema.Number,
    worst_ms: Schema.Number.annotate({ description: "Of the last minute." }),
  }),
  runs: Schema.Struct({ running: Schema.Int, draining: Schema.Boolean }),
}).annotate({ identifier: "Health" });
type HealthOut = typeof HealthOut.Type;

/** The process answers. */
export const LiveOut = Schema.Struct({ status: Schema.Literal("alive") }).annotate({ identifier: "Live" });

/** Requests may be sent here. */
export const ReadyOut = Schema.Struct({ status: Schema.Literal("ready") }).annotate({ identifier: "Ready" });

/** Requests should go elsewhere. */
export const NotReadyOut = Schema.Struct({
  status: Schema.Literals(["degraded", "draining"]),
  parts: Schema.Array(Schema.String).annotate({ description: "The parts that are not healthy." }),
}).annotate({ identifier: "NotReady" }).pipe(HttpApiSchema.status(503));

// Handlers ---------------------------------------------------------------------------------------

/** Time an answer is given again: a probe that everybody may send costs the parts no more than this. */
const keptFor = Duration.seconds(5);
/** A loop that was held so long within the last minute serves badly, in milliseconds. */
const heldMsMax = 2_000;

type Known = Omit<HealthOut, "status">;

/** Parts without which a completion fails; a loop that was held is told, but another instance does not mend it. */
const failing = (known: Known): ReadonlyArray<string> => {
  const parts: Readonly<Record<string, boolean>> = {
    mcp_server: known.mcp_server_connected,
    sandbox: known.sandbox.healthy || known.tools === "mcp-server",
    sessions: known.sessions.healthy,
    model: known.model.healthy,
    disk: known.disk.healthy,
  };
  return Object.keys(parts).filter((name) => parts[name] === false);
};

/** Builds the checks of the service. */
export const make = Effect.gen(function* () {
  const { info } = yield* Sandbox;
  const { kind: store } = yield* Sessions;
  const watch = yield* LoopWatch;
  const runs = yield* Runs;
  const parts = yield* makeParts;

  const check = Effect.gen(function* () {
    const { sandbox, toolServer, sessions, model, disk } = yield* parts;
    const { nowMs, worstMs } = yield* watch.lag;
    const isHeld = worstMs >= heldMsMax;
    const known: Known = {
      service: "agent-api",
      version,
      timestamp: DateTime.formatIso(yield* DateTime.now),
      mcp_server_connected: toolServer ?? true,
      tools: toolServer === null ? "in-process" : "mcp-server",
      sandbox: {
        kind: info.kind,
        why: info.why,
        ...sandbox,
        not_applied: info.controls.filter(({ applied }) => !applied)
          .map(({ name, detail }) => ({ control: name, detail })),
        warnings: [...info.warnings ?? []],
      },
      sessions: { store, ...sessions },
      model,
      disk,
      event_loop: {
        healthy: !isHeld,
        detail: isHeld ? `held for ${worstMs} ms within the last minute` : "",
        lag_ms: nowMs,
        worst_ms: worstMs,
      },
      runs: { running: yield* runs.running, draining: yield* runs.draining },
    };
    return known;
  });
  const current = yield* Effect.cachedWithTTL(check, keptFor);

  const health = Effect.map(current, (known): HealthOut => ({
    status: failing(known).length === 0 && known.event_loop.healthy ? "healthy" : "degraded",
    ...known,
  }));

  const ready = Effect.gen(function* () {
    if (yield* runs.draining) return { status: "draining" as const, parts: [] };
    const parts = failing(yield* current);
    return parts.length === 0 ? { status: "ready" as const } : { status: "degraded" as const, parts };
  });

  return { health, live: Effect.succeed({ status: "alive" as const }), ready };
});
