/**
 * The agent: a run is a stream of events, from the first model turn to the last.
 *
 * The loop is model turn → tool calls → next turn, bounded by turns, wall time and output. It depends
 * on ports only and knows neither HTTP nor MCP.
 */
import { Context, type Stream } from "effect";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import type { Owner } from "../domain/Owner.ts";
import type { ToolDeclaration } from "../domain/Tool.ts";
import type { ModelError, ModelNotFound, ModelParameters } from "../services/Model.ts";
import type { SessionsUnavailable } from "../services/Sessions.ts";
import type { ToolboxError } from "../services/Toolbox.ts";
import type { Conversation } from "./Conversation.ts";

/** Everything a run can fail with; code that fails in the sandbox is not among it. */
export type AgentError = ModelError | ModelNotFound | ToolboxError | SessionsUnavailable;

/** One run, as the edge asks for it. */
export interface AgentRequest {
  readonly owner: Owner;
  readonly conversation: Conversation;
  /** Public model name. */
  readonly model: string;
  /** The client's system and developer texts, in order; they stand after our own prompt. */
  readonly instructions: ReadonlyArray<string>;
  readonly parameters: ModelParameters;
  /** Tools the client will answer itself; their names differ from ours. */
  readonly clientTools: ReadonlyArray<ToolDeclaration>;
  /** False for requests that must not touch the tools, such as a chat UI's title request. */
  readonly useTools: boolean;
}

/** What the agent offers. */
export interface AgentService {
  /**
   * Runs a request to its end.
   *
   * *Details*: events come as they happen; exactly one `RunFinished` is the last of a run that did
   * not fail, and the turn is in the session before it is emitted. Tool calls of one model turn run in
   * the order given. Reaching a bound is an ending, not an error. Closing the stream early cancels the
   * upstream request and kills the command that runs; what was completed is stored.
   *
   * *Fails with* `ModelNotFound` before the first event; `ModelError`, `SandboxError`,
   * `ToolServerUnavailable` and `SessionsUnavailable` at any point, after storing what was completed.
   */
  readonly run: (request: AgentRequest) => Stream.Stream<AgentEvent, AgentError>;
}

/** The agent. */
export class Agent extends Context.Service<Agent, AgentService>()("caisson/agent/Agent") {}
