/**
 * What a run is asked to do, and everything it can fail with.
 */
import type { Effect } from "effect";
import type { FileFault } from "../domain/FileFault.ts";
import type { Owner } from "../domain/Owner.ts";
import type { ToolDeclaration } from "../domain/Tool.ts";
import type { ToolRule } from "../domain/ToolRule.ts";
import type { ModelError, ModelNotFound, ModelParameters, Truncation } from "../services/Model.ts";
import type { SessionsUnavailable } from "../services/Sessions.ts";
import type { ToolboxError, ToolKit } from "../services/Toolbox.ts";
import type { SpendingLimitReached } from "../services/UsageLedger.ts";
import type { Conversation } from "./Conversation.ts";
import type { OwnConversation } from "./OwnConversation.ts";

/** Everything an agent can fail with; code that fails in the sandbox is not among it. */
export type AgentError = ModelError | ModelNotFound | ToolboxError | SessionsUnavailable | SpendingLimitReached;

/** One run, placed in its session. */
export interface AgentRequest {
  readonly owner: Owner;
  readonly conversation: Conversation;
  /** Absent, the owner was named and calls keep the ids that the model gave them. */
  readonly ownConversation?: OwnConversation;
  /** Public model name. */
  readonly model: string;
  /** The client's system and developer texts, in order; they stand after our own prompt. */
  readonly instructions: ReadonlyArray<string>;
  readonly parameters: ModelParameters;
  /** Tools the client will answer itself; their names differ from ours. */
  readonly clientTools: ReadonlyArray<ToolDeclaration>;
  /** Tools that are offered in the place of ours; absent, ours are. */
  readonly toolKit?: ToolKit;
  /** False for requests that must not touch the tools, such as a chat UI's title request. */
  readonly useTools: boolean;
  /** Calls to our tools that are carried out; the model is told of each further one. Absent, all are. */
  readonly ownCallsMax?: number;
  /** Calls that this request wants to be asked for, beside those of the settings. */
  readonly ask?: ReadonlyArray<ToolRule>;
  /** What may be left out of a conversation that is too long for the model; absent, old tool output. */
  readonly truncation?: Truncation;
  /**
   * Looks at the files that an answer names, after the arguments of the run's calls; absent, nobody looks. It is asked
   * only when a tool ran.
   */
  readonly checkAnswer?: (
    answer: string,
    callArguments: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyArray<FileFault>>;
}
