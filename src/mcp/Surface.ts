/**
 * What one MCP session offers: capabilities, and a handler for each method.
 *
 * The protocol server knows no tool, prompt or resource; it calls these handlers. The production
 * surface is made of the agent's own toolbox, and the conformance fixture is another surface on the same
 * server.
 */
import { Context, type Effect, type Scope } from "effect";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol";
import type {
  LoggingLevel,
  ProgressToken,
  ServerCapabilities,
  ServerNotification,
  ServerRequest,
  ServerResult,
} from "@modelcontextprotocol/sdk/types";
import type { Owner } from "../domain/Owner.ts";
import type { RpcFailure } from "./errors.ts";

/** What a handler may do towards the client besides answering. */
export interface McpCall {
  /** Present when the client asked for progress of this request. */
  readonly progressToken: ProgressToken | undefined;
  /** Sends a notification on the stream of this request; lost when nobody listens any more. */
  readonly notify: (notification: ServerNotification) => Effect.Effect<void>;
  /** Writes to the client's log, if the client's level lets it through. */
  readonly log: (level: LoggingLevel, data: string) => Effect.Effect<void>;
  /** The client can put a form before its user. */
  readonly showsForms: boolean;
  /** The SDK's own view of the request, for requests towards the client. */
  readonly extra: RequestHandlerExtra<ServerRequest, ServerNotification>;
}

/** Answers one method; `params` is foreign data. Interruption is the client's cancellation. */
export type MethodHandler = (params: unknown, call: McpCall) => Effect.Effect<ServerResult, RpcFailure>;

/** One session's offer. */
export interface Surface {
  readonly capabilities: ServerCapabilities;
  /** Told to the client's model at the start of the session. */
  readonly instructions?: string;
  readonly methods: ReadonlyMap<string, MethodHandler>;
}

/** What a surface maker offers. */
export interface SurfacesService {
  /** Opens the surface of one session; what it holds is released with the session's scope. */
  readonly open: (owner: Owner) => Effect.Effect<Surface, never, Scope.Scope>;
}

/** Makes the surface of every session. */
export class Surfaces extends Context.Service<Surfaces, SurfacesService>()("caisson/mcp/Surfaces") {}
