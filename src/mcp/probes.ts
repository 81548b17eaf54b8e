/**
 * `GET /health/live` and `/health/ready` of the MCP server, in the words of the agent API.
 */
import { Duration, Effect, Option } from "effect";
import { HttpServerResponse } from "effect/http";
import type { SandboxService } from "../services/Sandbox.ts";
import type { SessionTable } from "./sessions.ts";

/** Time that the runtime of the sandboxes may take to answer; an orchestrator's probe waits no longer either. */
const checkDeadline = Duration.seconds(3);

/** Makes both probes: whether the process answers, and whether calls should be sent here. */
export const probes = (sandbox: Pick<SandboxService, "health">, sessions: Pick<SessionTable, "draining">) => ({
  live: Effect.succeed(HttpServerResponse.jsonUnsafe({ status: "alive" })),
  ready: Effect.gen(function* () {
    if (yield* sessions.draining) {
      return HttpServerResponse.jsonUnsafe({ status: "draining", parts: [] }, { status: 503 });
    }
    const health = yield* Effect.timeoutOption(sandbox.health, checkDeadline);
    return Option.exists(health, ({ healthy }) => healthy)
      ? HttpServerResponse.jsonUnsafe({ status: "ready" })
      : HttpServerResponse.jsonUnsafe({ status: "degraded", parts: ["sandbox"] }, { status: 503 });
  }),
});
